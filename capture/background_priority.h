// For threads whose work can always be late.
#pragma once

namespace vutrace::capture {

// The calling thread runs from now on only when nobody else wants the processor: the kernel treats a processor that
// only such threads use as idle, places others there, and lets them preempt at once (SCHED_IDLE). Where that is not
// allowed, the thread stays as it is.
void run_in_background() noexcept;

}  // namespace vutrace::capture
