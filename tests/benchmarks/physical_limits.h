// What no capture can be cheaper than, measured where it runs: to notify somebody who sleeps, and to copy memory.
#pragma once

namespace vutrace::benchmarks {

// One line each, to standard output.
void print_physical_limits();

}  // namespace vutrace::benchmarks
