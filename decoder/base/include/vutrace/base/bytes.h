// Bytes that come from outside: views, and readers and writers of little-endian integers that
// cannot run past an end. vhost-user integers are in host order and the trace's are little-endian;
// vutrace is built for little-endian hosts only, where both are the same.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace vutrace {

static_assert(std::endian::native == std::endian::little, "vutrace needs a little-endian host");

using Bytes = std::vector<std::byte>;
using ByteView = std::span<const std::byte>;
using MutableByteView = std::span<std::byte>;

template <class T>
concept PlainInteger = std::integral<T> && !std::same_as<T, bool>;

// The integer at `offset`, or 0 where it does not fit: for callers that checked the size before.
template <PlainInteger T>
[[nodiscard]] inline T load(ByteView bytes, std::size_t offset = 0) noexcept {
    T value{};
    if (offset <= bytes.size() && bytes.size() - offset >= sizeof(T)) {
        std::memcpy(&value, bytes.data() + offset, sizeof(T));
    }
    return value;
}

// Writes nothing where the integer does not fit.
template <PlainInteger T>
inline void store(MutableByteView bytes, std::size_t offset, T value) noexcept {
    if (offset <= bytes.size() && bytes.size() - offset >= sizeof(T)) {
        std::memcpy(bytes.data() + offset, &value, sizeof(T));
    }
}

[[nodiscard]] inline ByteView as_bytes(std::string_view text) noexcept {
    return std::as_bytes(std::span(text.data(), text.size()));
}

// Reads one thing after another. The first read that does not fit makes the reader fail for good:
// it then gives zeros and empty views, so that a parser checks `ok()` once at its end, and before
// it uses a count as a bound.
class ByteReader {
  public:
    explicit ByteReader(ByteView bytes) noexcept : bytes_(bytes) {}

    template <PlainInteger T>
    T read() noexcept {
        const ByteView piece = take(sizeof(T));
        return load<T>(piece);
    }
    ByteView take(std::size_t size) noexcept {
        if (failed_ || bytes_.size() - offset_ < size) {
            failed_ = true;
            return {};
        }
        const ByteView piece = bytes_.subspan(offset_, size);
        offset_ += size;
        return piece;
    }
    void skip(std::size_t size) noexcept { (void)take(size); }

    [[nodiscard]] bool ok() const noexcept { return !failed_; }
    [[nodiscard]] std::size_t offset() const noexcept { return offset_; }
    [[nodiscard]] std::size_t remaining() const noexcept { return failed_ ? 0 : bytes_.size() - offset_; }

  private:
    ByteView bytes_;
    std::size_t offset_{0};
    bool failed_{false};
};

// Appends to a vector that the caller owns (and may reuse).
class ByteWriter {
  public:
    explicit ByteWriter(Bytes& bytes) noexcept : bytes_(bytes) {}

    template <PlainInteger T>
    void write(T value) {
        const std::size_t at = bytes_.size();
        bytes_.resize(at + sizeof(T));
        std::memcpy(bytes_.data() + at, &value, sizeof(T));
    }
    void write(ByteView piece) { bytes_.insert(bytes_.end(), piece.begin(), piece.end()); }
    void zeros(std::size_t count) { bytes_.resize(bytes_.size() + count); }
    [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }

  private:
    Bytes& bytes_;
};

}  // namespace vutrace
