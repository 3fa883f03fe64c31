// Appends JSON to a string. Our own because a tree of nlohmann values costs several times as much per record as writing
// the line does (tests/benchmarks/decode_benchmark.cpp measures both); summaries, of which there is one a run, use the
// library.
#pragma once

#include <vutrace/base/bytes.h>

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace vutrace::render {

// Nothing checks that begins and ends match: the callers are few and the tests parse what they write.
class JsonWriter {
  public:
    explicit JsonWriter(std::string& out) noexcept : out_(out) {}

    void begin_object() { open('{'); }
    void end_object() { close('}'); }
    void begin_array() { open('['); }
    void end_array() { close(']'); }

    // `name` is a constant of ours: it is not escaped.
    JsonWriter& key(std::string_view name);
    // A name from outside.
    JsonWriter& foreign_key(std::string_view name);

    void number(std::uint64_t value);
    void signed_number(std::int64_t value);
    void boolean(bool value);
    void null();
    void hex(std::uint64_t value);      // "0x…"
    void bytes(ByteView value);         // hex digits
    void text(std::string_view value);  // any bytes: what is not UTF-8 becomes U+FFFD

  private:
    void open(char bracket);
    void close(char bracket);
    void separate();

    std::string& out_;
    bool comma_{false};
};

}  // namespace vutrace::render
