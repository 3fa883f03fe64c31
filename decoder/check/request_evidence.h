// What rules about device requests share: which device it is, and the bytes of a request or an answer.
#pragma once

#include "ring_evidence.h"

#include <vutrace/virtio/devices/block.h>
#include <vutrace/virtio/devices/file_system.h>
#include <vutrace/virtio/devices/network.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace vutrace::check {

// The chain was walked to its end while it was the device's, so that the lengths of its parts are known.
[[nodiscard]] bool is_walked(const ChainSight& sight) noexcept;

// The first `size` bytes that the driver gave with the chain, whole or nothing.
template <std::size_t size>
[[nodiscard]] std::optional<std::array<std::byte, size>> readable_bytes(const ChainSight& sight) {
    std::array<std::byte, size> bytes{};
    const trace::Content& content = sight.used() ? sight.known.context.readable : sight.entry.content;
    return content.read(0, bytes) ? std::optional(bytes) : std::nullopt;
}
// The first bytes that the device wrote, where nobody could have written over them since.
template <std::size_t size>
[[nodiscard]] std::optional<std::array<std::byte, size>> written_bytes(const ChainSight& sight) {
    std::array<std::byte, size> bytes{};
    const bool sure = sight.used() && sight.entry.proof == trace::Proof::verified;
    return sure && sight.entry.content.read(0, bytes) ? std::optional(bytes) : std::nullopt;
}

[[nodiscard]] inline bool is_block(const ChainSight& sight) noexcept {
    return sight.annotation.device == virtio::block::device_id;
}
[[nodiscard]] inline bool is_network(const ChainSight& sight) noexcept {
    return sight.annotation.device == virtio::network::device_id;
}

// A file system shows itself by the request with which its driver begins.
class FileSystemEvidence {
  public:
    [[nodiscard]] bool is_file_system(const ChainSight& sight);

  private:
    bool seen_{false};
};

inline constexpr const char* block_section = "virtio, Block Device: Device Operation";
inline constexpr const char* network_section = "virtio, Network Device: Device Operation";
inline constexpr const char* file_system_section = "virtio, File System Device: Device Operation";

}  // namespace vutrace::check
