#include "promises.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace vutrace::fuzz {
namespace {

constexpr std::uint32_t no_letter = 0xffffffff;

// Takes the first letter off; `no_letter` where there is no UTF-8 (RFC 3629: the shortest form, no surrogates).
std::uint32_t take_letter(std::string_view& text) {
    const auto first = static_cast<unsigned char>(text.front());
    const std::size_t length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (length == 0 || first > 0xf4 || text.size() < length) {
        return no_letter;
    }
    std::uint32_t letter = length == 1 ? first : first & (0x7fU >> length);
    for (std::size_t i = 1; i < length; ++i) {
        const auto next = static_cast<unsigned char>(text[i]);
        if ((next & 0xc0U) != 0x80) {
            return no_letter;
        }
        letter = letter << 6U | (next & 0x3fU);
    }
    text.remove_prefix(length);
    constexpr std::uint32_t shortest[]{0, 0, 0x80, 0x800, 0x10000};
    const bool surrogate = letter >= 0xd800 && letter < 0xe000;
    return letter < shortest[length] || surrogate || letter > 0x10ffff ? no_letter : letter;
}

}  // namespace

bool is_json(std::string_view text) {
    return nlohmann::json::accept(text);
}

bool is_json_line(std::string_view line) {
    return !line.empty() && line.find('\n') == line.size() - 1 && is_json(line);
}

bool is_safe_text(std::string_view text) {
    while (!text.empty()) {
        const std::uint32_t letter = take_letter(text);
        const bool control = letter < 0x20 || (letter >= 0x7f && letter < 0xa0);
        if (letter == no_letter || (control && letter != '\n')) {
            return false;
        }
    }
    return true;
}

}  // namespace vutrace::fuzz
