#include "poll_pacer.h"

#include <algorithm>
#include <chrono>

namespace vutrace::capture {
namespace {

PollPace::Nanoseconds now() {
    return std::chrono::steady_clock::now().time_since_epoch();
}

}  // namespace

void PollPacer::need(const PollPace::Demand& demand) {
    pace_.ask(demand, now());
    arm();
}

void PollPacer::arm() {
    const auto next = pace_.next();
    if (next == armed_) {
        return;
    }
    armed_ = next;
    if (next) {
        loop_.call_after(std::max(PollPace::Nanoseconds{0}, *next - now()), [this] { fire(); });
    } else {
        loop_.cancel_call();
    }
}

void PollPacer::fire() {
    armed_.reset();
    switch (pace_.take(now())) {
        case PollPace::Action::look:
            look_();
            break;
        case PollPace::Action::count:
            count_();
            break;
        case PollPace::Action::nothing:
            break;
    }
    arm();
}

}  // namespace vutrace::capture
