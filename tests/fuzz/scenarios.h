// Sessions of many kinds, healthy and not: where the fuzzer begins, and a test of their own in every build.
#pragma once

#include "session_bytes.h"

#include <string>
#include <vector>

namespace vutrace::fuzz {

struct Scenario {
    std::string name;  // also of a file
    Session session;
};
[[nodiscard]] std::vector<Scenario> scenarios();

}  // namespace vutrace::fuzz
