// Bytes as `hexdump -C` shows them, with "--" for those that are not known.
#pragma once

#include <vutrace/base/bytes.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vutrace::render {

// Takes a range in pieces, so that a long one needs no more memory than a piece. Lines that repeat the one before are
// shown as one "*". One thread.
class Hexdump {
  public:
    static constexpr std::size_t line_bytes = 16;

    // `address` is that of the first byte; `indent` spaces go before each line.
    explicit Hexdump(std::uint64_t address, std::size_t indent = 0) noexcept : address_(address), indent_(indent) {}

    // Appends the lines of the next bytes. `known` says byte by byte what is known and may be empty where all is.
    // Every piece but the last must be a multiple of `line_bytes` long.
    void append(std::string& out, ByteView bytes, const std::vector<bool>& known = {});
    // The same for that many zeros, or bytes of which none is known, in the time that two lines take.
    void append_run(std::string& out, std::uint64_t length, bool known);
    // Appends the address after the last byte, as hexdump does.
    void finish(std::string& out) const;

  private:
    void append_line(std::string& out, const std::vector<int>& line) const;

    std::uint64_t address_{0};
    std::size_t indent_{0};
    std::vector<int> previous_;  // -1 where a byte is not known
    bool repeating_{false};
};

}  // namespace vutrace::render
