// What stands behind an operator: numbers with units, times, texts.
#pragma once

#include "field_table.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vutrace::filter {

// A number of a field, as evaluation compares it, or why it is none.
struct NumberOperand {
    std::uint64_t value{0};
    std::string error;  // empty where `value` is one; otherwise what is wrong, after the quoted operand
    std::string hint;
};
// Decimal or 0x…; with K, M, G, T, P (powers of 1024) for numbers, with ns, us, ms, s, min, h for durations; a date
// and time in UTC or nanoseconds for times. Fractions where there is a unit. `row` is of a type with numbers.
[[nodiscard]] NumberOperand parse_number(const FieldRow& row, std::string_view text);

// Lower-case hex digits without 0x, two for each byte. Empty where `text` is something else.
[[nodiscard]] std::optional<std::string> parse_bytes(std::string_view text);

}  // namespace vutrace::filter
