// What the output of the decoder's library is whatever the input was.
#pragma once

#include <string_view>

namespace vutrace::fuzz {

// One JSON value and a newline after it.
[[nodiscard]] bool is_json_line(std::string_view line);
[[nodiscard]] bool is_json(std::string_view text);

// UTF-8 without control characters but for the ends of lines.
[[nodiscard]] bool is_safe_text(std::string_view text);

}  // namespace vutrace::fuzz
