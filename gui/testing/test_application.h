// The application of a test program: looks the same on every machine.
#pragma once

namespace vutrace::gui::testing {

// Runs all tests, on Qt's offscreen platform or that which VUTRACE_TEST_PLATFORM names, with the font, style, time
// zone and language that the kept pictures have. Gives the exit status.
[[nodiscard]] int run_tests(int argc, char** argv);

}  // namespace vutrace::gui::testing
