// Values in the words and units of a text for people.
#pragma once

#include <vutrace/base/bytes.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace vutrace::render {

// "64M" where it is a whole number of KiB, MiB, …, otherwise the bytes in decimal.
[[nodiscard]] std::string size_text(std::uint64_t bytes);
// "850ns", "145µs", "1.23ms", "2.10s"; negative ones with a minus. Three significant digits.
[[nodiscard]] std::string duration_text(std::int64_t nanoseconds);
// "2026-11-22 17:10:05.123456789Z": always UTC, so that two people who talk about a trace see the same.
[[nodiscard]] std::string absolute_time_text(std::int64_t nanoseconds_since_epoch);
// "12.345678901" seconds, all nine digits.
[[nodiscard]] std::string seconds_text(std::int64_t nanoseconds);

// Text from a peer or a file, made safe for a terminal: control characters and bytes that are not UTF-8 become \xNN,
// a backslash \\. At most `limit` bytes of input; "…" says that there was more.
[[nodiscard]] std::string printable(std::string_view text, std::size_t limit = 4096);

// "1,234,567": a count for people.
[[nodiscard]] std::string grouped(std::uint64_t number);

}  // namespace vutrace::render
