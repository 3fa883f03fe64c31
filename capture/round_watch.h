// Could a ring have gone all the way round between two looks, so that it seems to have moved a little, or not at all?
// An index of a split ring repeats after 65,536 chains, a position in a packed ring after two rounds of descriptors.
//
// Whether so many can have passed is judged by time. `shortest_step` is what one chain (packed: one descriptor) takes
// at the least. It is no law of nature but a bound that peers stay well above: both sides touch the descriptor, the
// available and the used entry of each chain, in cache lines that travel between two cores; poll-mode pairs take 60 ns
// for that where tests/benchmarks/network_throughput.py was run, 30 to 40 ns are the best that is published.
//
// One thread, the one that looks.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <utility>

namespace vutrace::capture {

class RoundWatch {
  public:
    using Nanoseconds = std::chrono::nanoseconds;
    using Clock = std::function<Nanoseconds()>;  // monotonic

    static constexpr Nanoseconds shortest_step{10};

    explicit RoundWatch(Clock clock) : clock_(std::move(clock)) {}

    // How many steps make a round. Forgets the looks so far.
    void set_round(std::uint64_t steps) noexcept;
    [[nodiscard]] Nanoseconds shortest_round() const noexcept { return shortest_round_; }

    // Before the first load of a look; `looked` after each load. True where a round may have passed since the load
    // before this one, as far as time tells; also at the first.
    void begin();
    [[nodiscard]] bool looked();

    // A look that came so late found the ring in motion: counts are lower bounds. In doubt until that is told, and for
    // all that is told in the same look.
    void doubt() noexcept;
    [[nodiscard]] bool in_doubt() const noexcept { return in_doubt_ && !told_; }
    [[nodiscard]] bool tell_doubt() noexcept;
    void forget_doubt() noexcept { in_doubt_ = false; }
    // The longest time between two looks that was doubted. 0: none, or only before the first look.
    [[nodiscard]] Nanoseconds longest() const noexcept { return longest_; }

  private:
    [[nodiscard]] Nanoseconds now() const;

    Clock clock_;  // empty: the steady clock
    Nanoseconds shortest_round_{0};
    Nanoseconds loaded_after_{0};  // the last load was not before that
    Nanoseconds mark_{0};          // the next one is not
    Nanoseconds since_{0};         // between the last two loads, at the most
    Nanoseconds longest_{0};
    bool began_{false};
    bool in_doubt_{false};
    bool told_{false};  // since the look began
};

}  // namespace vutrace::capture
