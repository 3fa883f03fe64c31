#include "round_watch.h"

#include <algorithm>

namespace vutrace::capture {

RoundWatch::Nanoseconds RoundWatch::now() const {
    return clock_ ? clock_() : std::chrono::steady_clock::now().time_since_epoch();
}

void RoundWatch::set_round(std::uint64_t steps) noexcept {
    shortest_round_ = shortest_step * static_cast<std::int64_t>(steps);
    began_ = false;
}

void RoundWatch::begin() {
    mark_ = now();
    in_doubt_ = in_doubt_ && !std::exchange(told_, false);
}

bool RoundWatch::looked() {
    const Nanoseconds loaded_before = now();
    const bool first = !std::exchange(began_, true);
    since_ = first ? Nanoseconds{0} : loaded_before - loaded_after_;
    loaded_after_ = std::exchange(mark_, loaded_before);
    return first || since_ >= shortest_round_;
}

void RoundWatch::doubt() noexcept {
    in_doubt_ = true;
    told_ = false;
    longest_ = std::max(longest_, since_);
}

bool RoundWatch::tell_doubt() noexcept {
    told_ = told_ || in_doubt_;
    return in_doubt_;
}

}  // namespace vutrace::capture
