// Numbers that choose between "record" and "records".
#pragma once

#include <algorithm>
#include <climits>
#include <cstdint>

namespace vutrace::gui {

// What tr() takes as its number. The form that a language has for large numbers does not change above a billion, but
// may go by the last digits.
[[nodiscard]] constexpr int plural_of(std::uint64_t count) {
    constexpr std::uint64_t billion = 1'000'000'000;
    return static_cast<int>(count < billion ? count : billion + count % billion);
}

}  // namespace vutrace::gui
