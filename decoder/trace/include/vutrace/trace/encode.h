// Record bodies to bytes and back: the one unit that knows the layout of docs/trace-format.md.
#pragma once

#include <vutrace/base/error.h>
#include <vutrace/trace/records.h>

namespace vutrace::trace {

inline constexpr std::uint8_t format_version = 1;

// Bytes of a body, over all its fragments: neither written nor read beyond it.
inline constexpr std::size_t max_body_size = std::size_t{64} << 20U;

// Exact number of bytes that `encode_body` fills.
[[nodiscard]] std::size_t encoded_size(const RecordBody& body) noexcept;

// Fills `out`, which must have exactly `encoded_size(body)` bytes. Never fails for a body that keeps its invariants.
void encode_body(const RecordBody& body, MutableByteView out) noexcept;

// Errors: bad_input (offset in the body) for anything that is not a body of that type and version; unsupported for
// a newer version or an unknown type or enumerator that cannot be skipped. Bytes after the known fields are ignored.
// Allocates at most a small multiple (under 16) of `bytes.size()`. The error's offset is counted from the body's start.
[[nodiscard]] Result<RecordBody> decode_body(RecordType type, std::uint8_t version, ByteView bytes);

}  // namespace vutrace::trace
