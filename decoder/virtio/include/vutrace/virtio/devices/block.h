// virtio-blk requests. Source: virtio specification, "Block Device", "Device Operation".
#pragma once

#include <vutrace/base/bytes.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vutrace::virtio::block {

inline constexpr std::uint32_t device_id = 2;
inline constexpr std::uint32_t sector_size = 512;
inline constexpr std::uint8_t status_ok = 0;
inline constexpr std::size_t request_header_size = 16;

enum class RequestType : std::uint32_t {
    IN = 0,
    OUT = 1,
    SCSI_CMD = 2,
    SCSI_CMD_OUT = 3,
    FLUSH = 4,
    FLUSH_OUT = 5,
    GET_ID = 8,
    GET_LIFETIME = 10,
    DISCARD = 11,
    WRITE_ZEROES = 13,
    SECURE_ERASE = 14,
    ZONE_APPEND = 15,
    ZONE_REPORT = 16,
    ZONE_OPEN = 18,
    ZONE_CLOSE = 20,
    ZONE_FINISH = 22,
    ZONE_RESET = 24,
    ZONE_RESET_ALL = 26,
};
// Legacy drivers (F_BARRIER) set it in the type of any request.
inline constexpr std::uint32_t barrier_flag = 0x80000000;
// Without the barrier flag, should it be set. "UNKNOWN" where it is none.
[[nodiscard]] std::string_view name_of(RequestType type) noexcept;
[[nodiscard]] std::string_view status_name(std::uint8_t status) noexcept;  // "OK", "IOERR", …

struct Segment {  // of DISCARD, WRITE_ZEROES, SECURE_ERASE
    std::uint64_t sector{0};
    std::uint32_t num_sectors{0};
    std::uint32_t flags{0};
};

struct Request {
    std::uint32_t type{0};  // as it was, `barrier_flag` included
    std::uint32_t ioprio{0};
    std::uint64_t sector{0};
    std::uint64_t data_length{0};        // bytes of data, without header and status
    std::optional<std::uint8_t> status;  // when used
    std::vector<Segment> segments;       // as far as captured, at most 256
    std::string id;                      // GET_ID, when used
};

// Reads a request from the device-readable bytes of its chain. `readable` holds what was captured of `readable_total`
// bytes; `writable_total` is what the device may write. Empty where even the header was not captured.
[[nodiscard]] std::optional<Request> parse_request(ByteView readable, std::uint64_t readable_total,
                                                   std::uint64_t writable_total);
// Adds status and what else the device wrote. `written` begins with the first device-writable byte and holds what was
// captured of the writable bytes; the status is the last writable byte, so it is only known where that was captured.
void add_result(Request& request, ByteView written, std::uint64_t writable_total);

// Does a configuration space of `bytes` look like one of virtio-blk? The evidence for `session`'s device type.
[[nodiscard]] bool looks_like_configuration(ByteView bytes) noexcept;

}  // namespace vutrace::virtio::block
