#include "poll_pacer.h"

#include <algorithm>

namespace vutrace::capture {

void PollPacer::need(Need need, bool found, std::chrono::nanoseconds rest) {
    if (need == Need::none) {
        if (is_armed_) {
            loop_.cancel_call();
            is_armed_ = false;
        }
        return;
    }
    const std::chrono::nanoseconds shortest = need == Need::slow_watch ? longest
                                              : need == Need::watch    ? shortest_watch
                                                                       : shortest_poll;
    if (found) {
        interval_ = shortest;
    }
    const std::chrono::nanoseconds soonest =
        need == Need::now ? std::chrono::nanoseconds{0} : std::clamp(interval_, shortest, longest);
    const std::chrono::nanoseconds wanted = std::max(soonest, rest);
    // A timer that is set stays, unless it would be too late: else a busy queue would put it off for ever.
    if (!is_armed_ || wanted < armed_ || rest > armed_) {
        armed_ = wanted;
        is_armed_ = true;
        loop_.call_after(wanted, [this] { fire(); });
    }
}

void PollPacer::fire() {
    is_armed_ = false;
    interval_ = std::min(interval_ * 2, longest);
    look_();
}

}  // namespace vutrace::capture
