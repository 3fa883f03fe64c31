// The words of an expression. A word is anything of letters, digits and - _ . : + that is not "..": names, numbers,
// times, MAC addresses and UUIDs alike; what it means depends on where it stands.
#pragma once

#include <vutrace/filter/filter.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace vutrace::filter {

struct Token {
    enum class Kind : std::uint8_t { end, word, quoted, symbol };
    Kind kind{Kind::end};
    std::size_t offset{0};
    std::size_t length{0};  // in the expression, quotes included
    std::string text;       // without quotes and their escapes; of && and || and !, the words they stand for
    [[nodiscard]] std::size_t end() const noexcept { return offset + length; }
    // The symbol, or the word in any case, where words of the language may stand.
    [[nodiscard]] bool is(std::string_view what) const noexcept;
};

struct Tokens {
    std::vector<Token> list;  // the last one is `end`
    bool failed{false};       // then `problem` says why, and `list` holds what stands before it
    Problem problem;
};
[[nodiscard]] Tokens split(std::string_view text);

}  // namespace vutrace::filter
