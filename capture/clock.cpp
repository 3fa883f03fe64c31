#include "vutrace/capture/clock.h"

#include <ctime>

namespace vutrace::capture {
namespace {

std::int64_t read_clock(clockid_t clock) noexcept {
    timespec time{};
    (void)::clock_gettime(clock, &time);
    return time.tv_sec * std::int64_t{1'000'000'000} + time.tv_nsec;
}

}  // namespace

ClockAnchor clock_anchor() noexcept {
    static const ClockAnchor anchor{read_clock(CLOCK_MONOTONIC), read_clock(CLOCK_REALTIME)};
    return anchor;
}

std::int64_t trace_now() noexcept {
    const ClockAnchor anchor = clock_anchor();
    return read_clock(CLOCK_MONOTONIC) - anchor.monotonic + anchor.epoch;
}

}  // namespace vutrace::capture
