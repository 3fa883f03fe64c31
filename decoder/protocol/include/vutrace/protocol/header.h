// The 12-byte header of every vhost-user message. Source: QEMU docs/interop/vhost-user.rst, "Message Specification".
#pragma once

#include <vutrace/base/bytes.h>
#include <vutrace/base/error.h>

#include <cstdint>

namespace vutrace::protocol {

inline constexpr std::size_t header_size = 12;
inline constexpr std::uint32_t version_mask = 0x3;
inline constexpr std::uint32_t version_1 = 0x1;
inline constexpr std::uint32_t reply_flag = 0x4;
inline constexpr std::uint32_t need_reply_flag = 0x8;
inline constexpr std::uint32_t known_flags = 0xf;

struct Header {
    std::uint32_t request{0};
    std::uint32_t flags{version_1};
    std::uint32_t size{0};  // bytes of payload that follow; a peer may lie

    [[nodiscard]] std::uint32_t version() const noexcept { return flags & version_mask; }
    [[nodiscard]] bool is_reply() const noexcept { return (flags & reply_flag) != 0; }
    [[nodiscard]] bool needs_reply() const noexcept { return (flags & need_reply_flag) != 0; }
    bool operator==(const Header&) const = default;
};

// Error: torn, where fewer than 12 bytes are given. Any 12 bytes are a header: what is wrong with it is for
// `find_problems` to say.
[[nodiscard]] Result<Header> parse_header(ByteView bytes);
void serialise_header(const Header& header, MutableByteView out) noexcept;  // needs 12 bytes
// A message as bytes on the wire. The header as it is given: its size need not be that of the payload.
[[nodiscard]] Bytes serialise_message(const Header& header, ByteView payload);

}  // namespace vutrace::protocol
