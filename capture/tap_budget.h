// Bounds what `tap` may cost the session that it watches. Two things cost, and they cost different people:
//
// - Being woken. Who writes to an eventfd that we poll wakes our thread, in its own time (docs/benchmarks.md has what
//   that takes). So each wake-up has a price, paid from an allowance of the notifiers' time.
// - Looking. Our thread's processor time, and that of the recorder for what the look gave it, come out of an allowance
// of
//   the machine's time.
//
// An allowance grows by a share of the time that passes, up to a store that lets a burst through, and one look may
// overdraw it. A guest at moderate rates never uses it up and is followed notification by notification. Above that
// nothing wakes us until some is saved up again, and looks keep the distance that they can afford: what passes between
// two of them is late or lost, and counted as ever. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

namespace vutrace::capture {

// Time to spend: `store` at first, then what is left of it plus `share` (above 0) of the time that passes, up to
// `store`.
class Allowance {
  public:
    using Nanoseconds = std::chrono::nanoseconds;

    Allowance(double share, Nanoseconds store, Nanoseconds now) noexcept
        : share_(share), store_(store), left_(store), at_(now) {}

    void spend(Nanoseconds cost, Nanoseconds now) noexcept;
    // How long until more than `wanted` (below `store`) is there; 0 where it is.
    [[nodiscard]] Nanoseconds time_until(Nanoseconds wanted, Nanoseconds now) noexcept;

  private:
    void grow(Nanoseconds now) noexcept;

    double share_;
    Nanoseconds store_;
    Nanoseconds left_;  // negative: overdrawn
    Nanoseconds at_;    // when `left_` was that
};

// What one session may cost, whichever thread of its tap spends it. Any thread.
class TapAllowances {
  public:
    using Nanoseconds = std::chrono::nanoseconds;

    // What a guest's bursts need: it boots, or writes back some megabytes, and is quiet again.
    static constexpr Nanoseconds notifiers_store = std::chrono::milliseconds{20};
    static constexpr Nanoseconds machine_store = std::chrono::milliseconds{100};
    // How much of the machine's allowance counting looks may take, and what they may save up.
    static constexpr double counting_share = 0.5;
    static constexpr Nanoseconds counting_store = std::chrono::milliseconds{1};

    static constexpr double unbounded = 1;

    // `share`: of the notifiers' time, and of that of all `processors` together; above 0, nothing is bounded from
    // `unbounded` on.
    TapAllowances(double share, unsigned processors, Nanoseconds now);

    [[nodiscard]] bool bounded() const noexcept { return bounded_; }
    void spend(Nanoseconds of_machine, Nanoseconds of_notifiers, Nanoseconds now) noexcept;
    void spend_counting(Nanoseconds of_machine, Nanoseconds now) noexcept;
    // As Allowance::time_until.
    [[nodiscard]] Nanoseconds notifiers_until(Nanoseconds wanted, Nanoseconds now) noexcept;
    [[nodiscard]] Nanoseconds machine_until(Nanoseconds wanted, Nanoseconds now) noexcept;
    [[nodiscard]] Nanoseconds counting_until(Nanoseconds wanted, Nanoseconds now) noexcept;

  private:
    const bool bounded_;
    std::mutex mutex_;  // of what is below
    Allowance notifiers_;
    Allowance machine_;
    Allowance counting_;
};

// One thread's part in it.
class TapBudget {
  public:
    using Nanoseconds = std::chrono::nanoseconds;

    // What a wake-up takes of the time of who causes it.
    static constexpr Nanoseconds wake_up_price = std::chrono::microseconds{10};
    // What the recorder needs to write a mebibyte.
    static constexpr Nanoseconds mebibyte_price = std::chrono::microseconds{700};
    // Saved up before we may be woken again: so many wake-ups follow one another then, and what they show hangs
    // together.
    static constexpr Nanoseconds reserve = std::chrono::milliseconds{1};

    // Both are called on the thread that looks.
    struct Clocks {
        std::function<Nanoseconds()> now;   // monotonic
        std::function<Nanoseconds()> used;  // processor time of that thread
    };
    [[nodiscard]] static Clocks system_clocks();
    [[nodiscard]] static std::shared_ptr<TapAllowances> allowances(double share, unsigned processors);

    explicit TapBudget(std::shared_ptr<TapAllowances> allowances, Clocks clocks = system_clocks());

    void woken(std::uint64_t times) noexcept { wake_ups_ += times; }
    void recorded(std::uint64_t bytes) noexcept { bytes_ += bytes; }
    // After each look: settles what it cost. The same after a counting look, which takes nothing but processor time.
    void looked();
    void counted();

    // May notifications wake us? Where not, again after a while.
    [[nodiscard]] bool may_be_woken();
    // How long to keep from looking, and from counting: that is allowed while the rest lasts, and prolongs it.
    [[nodiscard]] Nanoseconds rest();
    [[nodiscard]] Nanoseconds counting_rest();

  private:
    std::shared_ptr<TapAllowances> allowances_;
    Clocks clocks_;
    Nanoseconds used_before_{0};
    std::uint64_t wake_ups_{0};  // since the last look
    std::uint64_t bytes_{0};     // the same
    bool may_be_woken_{true};
};

}  // namespace vutrace::capture
