// Bytes in hexadecimal: lower case, two digits each.
#pragma once

#include <vutrace/base/bytes.h>

#include <string>
#include <string_view>

namespace vutrace {

// `separator` goes between bytes.
void append_hex(std::string& out, ByteView bytes, std::string_view separator = {});
[[nodiscard]] std::string hex(ByteView bytes, std::string_view separator = {});

}  // namespace vutrace
