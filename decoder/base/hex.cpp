#include "vutrace/base/hex.h"

namespace vutrace {

void append_hex(std::string& out, ByteView bytes, std::string_view separator) {
    constexpr std::string_view digits = "0123456789abcdef";
    if (bytes.empty()) {
        return;
    }
    out.reserve(out.size() + bytes.size() * (2 + separator.size()));
    bool first = true;
    for (const std::byte byte : bytes) {
        if (!first) {
            out += separator;
        }
        first = false;
        out += digits[std::to_integer<std::size_t>(byte >> 4)];
        out += digits[std::to_integer<std::size_t>(byte & std::byte{0xf})];
    }
}

std::string hex(ByteView bytes, std::string_view separator) {
    std::string text;
    append_hex(text, bytes, separator);
    return text;
}

}  // namespace vutrace
