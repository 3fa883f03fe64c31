// When to look at the rings next: pure arithmetic on times that the caller gives, on any monotonic clock.
//
// - At once, where the last look stopped at a bound, or found that a polled ring had gone on by a good part of the
// queue
//   since the look before: another such step and some of it is overwritten before it is seen.
// - After the shortest interval, where it found less than that.
// - After twice the last interval, up to the longest, where it found nothing.
// - Never before the budget allows it. Between looks that it holds back, counting looks (RingTap::count) keep the
//   count of what passes exact, as far as the budget has something for them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace vutrace::capture {

class PollPace {
  public:
    using Nanoseconds = std::chrono::nanoseconds;

    // In the order of urgency.
    enum class Need : std::uint8_t {
        none,
        slow_watch,  // every notification comes through us: only the one that is never sent passes us by
        watch,       // notifications are on and may still pass us by (KVM's irqfd takes a call for itself)
        poll,        // notifications are off
        now,         // the last look stopped at a bound
    };
    enum class Found : std::uint8_t { nothing, something, much };

    static constexpr Nanoseconds shortest_poll = std::chrono::microseconds{50};
    static constexpr Nanoseconds shortest_watch = std::chrono::microseconds{500};
    static constexpr Nanoseconds longest = std::chrono::milliseconds{10};

    struct Demand {
        Need need{Need::none};
        Found found{Found::nothing};
        Nanoseconds rest{0};                     // no look before that
        std::optional<Nanoseconds> count_every;  // counting looks, at least as often; empty: none
        Nanoseconds counting_rest{0};            // no counting look before that
    };
    enum class Action : std::uint8_t { nothing, look, count };

    // What is needed from `now` on; said again after each look.
    void ask(const Demand& demand, Nanoseconds now);
    // When something is due; empty: never.
    [[nodiscard]] std::optional<Nanoseconds> next() const noexcept;
    // What is due. The caller does it, and asks again.
    [[nodiscard]] Action take(Nanoseconds now);

  private:
    [[nodiscard]] Nanoseconds soonest(const Demand& demand);

    Nanoseconds interval_{shortest_poll};
    std::optional<Nanoseconds> look_at_;
    std::optional<Nanoseconds> count_at_;
};

}  // namespace vutrace::capture
