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

TapAllowances::TapAllowances(double share, unsigned processors, Nanoseconds now)
    : bounded_(share < unbounded),
      notifiers_(share, notifiers_store, now),
      machine_(share * std::max(processors, 1U), machine_store, now),
      counting_(counting_share * share * std::max(processors, 1U), counting_store, now) {}

void TapAllowances::spend(Nanoseconds of_machine, Nanoseconds of_notifiers, Nanoseconds now) noexcept {
    const std::lock_guard lock(mutex_);
    machine_.spend(of_machine, now);
    notifiers_.spend(of_notifiers, now);
}

void TapAllowances::spend_counting(Nanoseconds of_machine, Nanoseconds now) noexcept {
    const std::lock_guard lock(mutex_);
    machine_.spend(of_machine, now);
    counting_.spend(of_machine, now);
}

Nanoseconds TapAllowances::notifiers_until(Nanoseconds wanted, Nanoseconds now) noexcept {
    const std::lock_guard lock(mutex_);
    return notifiers_.time_until(wanted, now);
}

Nanoseconds TapAllowances::machine_until(Nanoseconds wanted, Nanoseconds now) noexcept {
    const std::lock_guard lock(mutex_);
    return machine_.time_until(wanted, now);
}

Nanoseconds TapAllowances::counting_until(Nanoseconds wanted, Nanoseconds now) noexcept {
    const std::lock_guard lock(mutex_);
    return counting_.time_until(wanted, now);
}

std::shared_ptr<TapAllowances> TapBudget::allowances(double share, unsigned processors) {
    return std::make_shared<TapAllowances>(share, processors, read(CLOCK_MONOTONIC));
}

TapBudget::TapBudget(std::shared_ptr<TapAllowances> allowances, Clocks clocks)
    : allowances_(std::move(allowances)), clocks_(std::move(clocks)), used_before_(clocks_.used()) {}

void TapBudget::looked() {
    if (!allowances_->bounded()) {
        return;
    }
    const Nanoseconds used = clocks_.used();
    const Nanoseconds looking = used - std::exchange(used_before_, used);
    const std::uint64_t bytes = std::min(std::exchange(bytes_, 0), most_bytes);
    const std::uint64_t wake_ups = std::min(std::exchange(wake_ups_, 0), most_wake_ups);
    allowances_->spend(looking + bytes * mebibyte_price / mebibyte, wake_ups * wake_up_price, clocks_.now());
}

void TapBudget::counted() {
    if (!allowances_->bounded()) {
        return;
    }
    const Nanoseconds used = clocks_.used();
    allowances_->spend_counting(used - std::exchange(used_before_, used), clocks_.now());
}

bool TapBudget::may_be_woken() {
    if (!allowances_->bounded()) {
        return true;
    }
    const Nanoseconds wanted = may_be_woken_ ? Nanoseconds{0} : reserve;
    const Nanoseconds now = clocks_.now();
    may_be_woken_ = allowances_->notifiers_until(wanted, now) == Nanoseconds{0} &&
                    allowances_->machine_until(Nanoseconds{0}, now) == Nanoseconds{0};
    return may_be_woken_;
}

TapBudget::Nanoseconds TapBudget::rest() {
    return allowances_->bounded() ? allowances_->machine_until(Nanoseconds{0}, clocks_.now()) : Nanoseconds{0};
}

TapBudget::Nanoseconds TapBudget::counting_rest() {
    return allowances_->bounded() ? allowances_->counting_until(Nanoseconds{0}, clocks_.now()) : Nanoseconds{0};
}

}  // namespace vutrace::capture
