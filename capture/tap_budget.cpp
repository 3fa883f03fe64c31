#include "tap_budget.h"

#include <algorithm>
#include <ctime>
#include <utility>

namespace vutrace::capture {
namespace {

using Nanoseconds = std::chrono::nanoseconds;
using Exact = std::chrono::duration<double, std::nano>;

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20U;
// More than any look does: keeps prices in range.
constexpr std::uint64_t most_wake_ups = std::uint64_t{1} << 20U;
constexpr std::uint64_t most_bytes = std::uint64_t{1} << 40U;

Nanoseconds read(clockid_t clock) noexcept {
    timespec time{};
    (void)::clock_gettime(clock, &time);
    return std::chrono::seconds(time.tv_sec) + Nanoseconds(time.tv_nsec);
}

}  // namespace

void Allowance::grow(Nanoseconds now) noexcept {
    const Exact grown = std::min<Exact>(share_ * (now - at_), store_ - left_);
    left_ += std::chrono::duration_cast<Nanoseconds>(grown);
    at_ = now;
}

void Allowance::spend(Nanoseconds cost, Nanoseconds now) noexcept {
    grow(now);
    left_ -= cost;
}

Nanoseconds Allowance::time_until(Nanoseconds wanted, Nanoseconds now) noexcept {
    grow(now);
    if (left_ > wanted) {
        return Nanoseconds{0};
    }
    const Exact needed = Exact(wanted + Nanoseconds{1} - left_) / share_;
    return std::chrono::ceil<Nanoseconds>(needed);
}

TapBudget::Clocks TapBudget::system_clocks() {
    return {[] { return read(CLOCK_MONOTONIC); }, [] { return read(CLOCK_THREAD_CPUTIME_ID); }};
}

TapBudget::TapBudget(double share, unsigned processors, Clocks clocks)
    : bounded_(share < unbounded),
      clocks_(std::move(clocks)),
      notifiers_(share, notifiers_store, clocks_.now()),
      machine_(share * std::max(processors, 1U), machine_store, clocks_.now()),
      counting_(counting_share * share * std::max(processors, 1U), counting_store, clocks_.now()),
      used_before_(clocks_.used()) {}

void TapBudget::looked() {
    if (!bounded_) {
        return;
    }
    const Nanoseconds used = clocks_.used();
    const Nanoseconds looking = used - std::exchange(used_before_, used);
    const std::uint64_t bytes = std::min(std::exchange(bytes_, 0), most_bytes);
    const std::uint64_t wake_ups = std::min(std::exchange(wake_ups_, 0), most_wake_ups);
    const Nanoseconds now = clocks_.now();
    machine_.spend(looking + bytes * mebibyte_price / mebibyte, now);
    notifiers_.spend(wake_ups * wake_up_price, now);
}

void TapBudget::counted() {
    if (!bounded_) {
        return;
    }
    const Nanoseconds used = clocks_.used();
    const Nanoseconds counting = used - std::exchange(used_before_, used);
    const Nanoseconds now = clocks_.now();
    machine_.spend(counting, now);
    counting_.spend(counting, now);
}

bool TapBudget::may_be_woken() {
    if (!bounded_) {
        return true;
    }
    const Nanoseconds wanted = may_be_woken_ ? Nanoseconds{0} : reserve;
    const Nanoseconds now = clocks_.now();
    may_be_woken_ = notifiers_.time_until(wanted, now) == Nanoseconds{0} &&
                    machine_.time_until(Nanoseconds{0}, now) == Nanoseconds{0};
    return may_be_woken_;
}

Nanoseconds TapBudget::rest() {
    return bounded_ ? machine_.time_until(Nanoseconds{0}, clocks_.now()) : Nanoseconds{0};
}

TapBudget::Nanoseconds TapBudget::counting_rest() {
    return bounded_ ? counting_.time_until(Nanoseconds{0}, clocks_.now()) : Nanoseconds{0};
}

}  // namespace vutrace::capture
