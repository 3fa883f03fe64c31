// virtio-fs: the headers of FUSE requests and answers, in the driver's byte order, which is taken to be little-endian.
// Sources: virtio specification, "File System Device"; Linux UAPI, linux/fuse.h.
#pragma once

#include <vutrace/base/bytes.h>

#include <cstddef>
#include <cstdint>
#include <optional>

namespace vutrace::virtio::file_system {

inline constexpr std::uint32_t device_id = 26;
inline constexpr std::uint16_t high_priority_queue = 0;
inline constexpr std::size_t request_header_size = 40;
inline constexpr std::size_t answer_header_size = 16;
inline constexpr std::uint32_t FORGET = 2, INIT = 26, INTERRUPT = 36, NOTIFY_REPLY = 41, BATCH_FORGET = 42;
inline constexpr std::uint32_t major_version = 7;

struct RequestHeader {
    std::uint32_t length{0};  // of the whole request
    std::uint32_t opcode{0};
    std::uint64_t unique{0};
};
struct AnswerHeader {
    std::uint32_t length{0};  // of the whole answer
    std::int32_t error{0};    // 0 or a negative errno
    std::uint64_t unique{0};
};

// Empty where fewer bytes are there.
[[nodiscard]] inline std::optional<RequestHeader> parse_request_header(ByteView bytes) noexcept {
    if (bytes.size() < request_header_size) {
        return std::nullopt;
    }
    return RequestHeader{load<std::uint32_t>(bytes, 0), load<std::uint32_t>(bytes, 4), load<std::uint64_t>(bytes, 8)};
}
[[nodiscard]] inline std::optional<AnswerHeader> parse_answer_header(ByteView bytes) noexcept {
    if (bytes.size() < answer_header_size) {
        return std::nullopt;
    }
    return AnswerHeader{load<std::uint32_t>(bytes, 0), load<std::int32_t>(bytes, 4), load<std::uint64_t>(bytes, 8)};
}

// Requests that are never answered: their chains have nothing to write to.
[[nodiscard]] constexpr bool has_answer(std::uint32_t opcode) noexcept {
    return opcode != FORGET && opcode != BATCH_FORGET && opcode != INTERRUPT && opcode != NOTIFY_REPLY;
}

// Does a request begin a FUSE session? `bytes` are its first ones, `length` all that the device may read. Nothing else
// looks like it: the evidence that a device is a file system.
[[nodiscard]] inline bool looks_like_init(ByteView bytes, std::uint64_t length) noexcept {
    const auto header = parse_request_header(bytes);
    return header && header->opcode == INIT && header->length == length &&
           bytes.size() >= request_header_size + sizeof(std::uint32_t) &&
           load<std::uint32_t>(bytes, request_header_size) == major_version;
}

}  // namespace vutrace::virtio::file_system
