#include "poll_pace.h"

#include <algorithm>

namespace vutrace::capture {

PollPace::Nanoseconds PollPace::soonest(const Demand& demand) {
    const Nanoseconds shortest = demand.need == Need::slow_watch ? longest
                                 : demand.need == Need::watch    ? shortest_watch
                                                                 : shortest_poll;
    if (demand.found != Found::nothing) {
        interval_ = shortest;
    }
    const bool at_once = demand.need == Need::now || (demand.need == Need::poll && demand.found == Found::much);
    return at_once ? Nanoseconds{0} : std::clamp(interval_, shortest, longest);
}

void PollPace::ask(const Demand& demand, Nanoseconds now) {
    if (demand.need == Need::none) {
        look_at_.reset();
    } else {
        const Nanoseconds wanted = now + std::max(soonest(demand), demand.rest);
        // One that is set stays, unless it would be too late: else a busy queue would put it off for ever.
        if (!look_at_ || wanted < *look_at_ || now + demand.rest > *look_at_) {
            look_at_ = wanted;
        }
    }
    if (!demand.count_every) {
        count_at_.reset();
    } else if (!count_at_) {
        count_at_ = now + std::max(*demand.count_every, demand.counting_rest);
    }
}

std::optional<PollPace::Nanoseconds> PollPace::next() const noexcept {
    return look_at_ && count_at_ ? std::min(*look_at_, *count_at_) : look_at_ ? look_at_ : count_at_;
}

PollPace::Action PollPace::take(Nanoseconds now) {
    if (look_at_ && now >= *look_at_) {
        look_at_.reset();
        count_at_.reset();  // a look counts, too
        interval_ = std::min(interval_ * 2, longest);
        return Action::look;
    }
    if (count_at_ && now >= *count_at_) {
        count_at_.reset();
        return Action::count;
    }
    return Action::nothing;
}

}  // namespace vutrace::capture
