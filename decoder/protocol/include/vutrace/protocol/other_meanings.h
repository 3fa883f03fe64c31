// Numbers that have, or had, another meaning in other projects than in today's specification: drafts that were shipped,
// forks that took the next free number. A trace may be of such a program, so both meanings are shown.
#pragma once

#include <vutrace/base/side.h>

#include <cstdint>
#include <string_view>

namespace vutrace::protocol {

// For people: the name there, and where. Empty where no other meaning is known. Also of numbers that the specification
// leaves free.
[[nodiscard]] std::string_view other_meaning_of_request(Channel channel, std::uint32_t code) noexcept;
[[nodiscard]] std::string_view other_meaning_of_protocol_feature(unsigned bit) noexcept;

}  // namespace vutrace::protocol
