// The trace's clock: CLOCK_MONOTONIC, anchored to the epoch once per process, so that times never step back.
#pragma once

#include <cstdint>

namespace vutrace::capture {

// One moment on both clocks, in nanoseconds.
struct ClockAnchor {
    std::int64_t monotonic{0};
    std::int64_t epoch{0};
};

// Taken at the first call, the same ever after. Any thread.
[[nodiscard]] ClockAnchor clock_anchor() noexcept;

// Nanoseconds since the epoch. Any thread.
[[nodiscard]] std::int64_t trace_now() noexcept;

}  // namespace vutrace::capture
