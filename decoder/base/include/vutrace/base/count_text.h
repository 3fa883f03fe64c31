// How many of what, in English: the one place that knows how it counts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace vutrace {

// "chain" of one, "chains" of any other number; "entry" and "entries". Nouns that are regular otherwise.
[[nodiscard]] std::string noun_text(std::uint64_t count, std::string_view noun);

// "1 chain", "3 chains".
[[nodiscard]] std::string count_text(std::uint64_t count, std::string_view noun);

}  // namespace vutrace
