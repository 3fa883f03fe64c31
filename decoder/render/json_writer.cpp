#include "json_writer.h"

#include <vutrace/base/hex.h>

#include <fmt/compile.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <iterator>

namespace vutrace::render {

void JsonWriter::open(char bracket) {
    separate();
    out_.push_back(bracket);
    comma_ = false;
}

void JsonWriter::close(char bracket) {
    out_.push_back(bracket);
    comma_ = true;
}

void JsonWriter::separate() {
    if (comma_) {
        out_.push_back(',');
    }
    comma_ = true;
}

JsonWriter& JsonWriter::key(std::string_view name) {
    separate();
    out_.push_back('"');
    out_.append(name);
    out_.append("\":");
    comma_ = false;
    return *this;
}

JsonWriter& JsonWriter::foreign_key(std::string_view name) {
    text(name);
    out_.push_back(':');
    comma_ = false;
    return *this;
}

void JsonWriter::number(std::uint64_t value) {
    separate();
    const fmt::format_int digits(value);
    out_.append(digits.data(), digits.size());
}

void JsonWriter::signed_number(std::int64_t value) {
    separate();
    const fmt::format_int digits(value);
    out_.append(digits.data(), digits.size());
}

void JsonWriter::real(double value) {
    separate();
    fmt::format_to(std::back_inserter(out_), FMT_COMPILE("{}"), value);
}

void JsonWriter::boolean(bool value) {
    separate();
    out_.append(value ? "true" : "false");
}

void JsonWriter::null() {
    separate();
    out_.append("null");
}

void JsonWriter::hex(std::uint64_t value) {
    separate();
    fmt::format_to(std::back_inserter(out_), FMT_COMPILE("\"0x{:x}\""), value);
}

void JsonWriter::bytes(ByteView value) {
    separate();
    out_.push_back('"');
    append_hex(out_, value);
    out_.push_back('"');
}

void JsonWriter::text(std::string_view value) {
    separate();
    const bool plain = std::all_of(value.begin(), value.end(), [](char character) {
        return character >= 0x20 && character < 0x7f && character != '"' && character != '\\';
    });
    if (plain) {
        out_.push_back('"');
        out_.append(value);
        out_.push_back('"');
        return;
    }
    using Json = nlohmann::json;
    out_ += Json(std::string(value)).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace vutrace::render
