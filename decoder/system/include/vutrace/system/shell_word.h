// Command lines for people and for /bin/sh.
#pragma once

#include <string>
#include <string_view>

namespace vutrace {

// The text as one word of a POSIX shell: as it is where no character means anything there, or else in single quotes.
[[nodiscard]] std::string shell_word(std::string_view text);

}  // namespace vutrace
