// What precedes each packet of a virtio-net queue. Source: virtio specification, "Network Device", "Device Operation".
#pragma once

#include <vutrace/base/bytes.h>

#include <cstddef>
#include <cstdint>
#include <optional>

namespace vutrace::virtio::network {

inline constexpr std::uint32_t device_id = 1;
// Feature bits.
inline constexpr unsigned MRG_RXBUF = 15, CTRL_VQ = 17, MQ = 22, HASH_REPORT = 57, RSS = 60;
// In the configuration space.
inline constexpr std::size_t max_virtqueue_pairs_offset = 8;

// Bytes before the frame. Without VERSION_1 and MRG_RXBUF there is no num_buffers.
[[nodiscard]] constexpr std::size_t header_size(bool version_1, bool merges_buffers, bool reports_hash) noexcept {
    if (reports_hash) {
        return 20;
    }
    return version_1 || merges_buffers ? 12 : 10;
}

inline constexpr std::size_t num_buffers_offset = 10;
// Empty where the header has none, or it was not captured.
[[nodiscard]] inline std::optional<std::uint16_t> parse_num_buffers(ByteView header) noexcept {
    if (header.size() < num_buffers_offset + sizeof(std::uint16_t)) {
        return std::nullopt;
    }
    return load<std::uint16_t>(header, num_buffers_offset);
}

// Queues come in pairs: receive 2n, transmit 2n + 1; a control queue follows the last pair.
[[nodiscard]] constexpr bool is_transmit(std::uint16_t queue) noexcept {
    return queue % 2 == 1;
}

}  // namespace vutrace::virtio::network
