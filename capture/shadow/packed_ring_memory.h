// A packed ring in shared memory, read and written: the driver's, in guest memory, or ours, in the shadow memory. Each
// access is guarded and happens once; what is read may be nonsense, and who calls checks it. Functions give false (or
// nothing) after a fault: the memory is gone.
#pragma once

#include <vutrace/virtio/packed_ring.h>

#include <cstdint>
#include <optional>

namespace vutrace::capture {

class PackedRingMemory {
  public:
    struct Parts {
        std::byte* descriptor{nullptr};
        std::byte* driver_event{nullptr};
        std::byte* device_event{nullptr};
    };

    PackedRingMemory() = default;
    PackedRingMemory(std::uint32_t size, Parts parts) noexcept : size_(size), parts_(parts) {}

    [[nodiscard]] bool placed() const noexcept { return parts_.descriptor != nullptr; }

    // With acquire order: what is read afterwards is at least as new. `offset` is below the queue size everywhere.
    [[nodiscard]] std::optional<std::uint16_t> flags(std::uint16_t offset) const noexcept;
    [[nodiscard]] std::optional<virtio::RingDescriptor> read(std::uint16_t offset) const noexcept;
    // All of it, in no promised order.
    [[nodiscard]] bool write(std::uint16_t offset, const virtio::RingDescriptor& descriptor) const noexcept;
    // Length and id of a used descriptor; its address stays.
    [[nodiscard]] bool write_used(std::uint16_t offset, std::uint32_t length, std::uint16_t id) const noexcept;
    // With release order: what was written before is seen by who sees the flags.
    [[nodiscard]] bool publish(std::uint16_t offset, std::uint16_t flags) const noexcept;

    // Event areas; zeros where they cannot be read, which asks for every notification.
    [[nodiscard]] virtio::PackedEvent driver_event() const noexcept { return read_event(parts_.driver_event); }
    [[nodiscard]] virtio::PackedEvent device_event() const noexcept { return read_event(parts_.device_event); }
    [[nodiscard]] bool set_driver_event(std::uint16_t mode) const noexcept;
    [[nodiscard]] bool set_device_event(std::uint16_t mode) const noexcept;

  private:
    [[nodiscard]] virtio::PackedEvent read_event(const std::byte* area) const noexcept;
    [[nodiscard]] std::byte* at(std::uint16_t offset) const noexcept {
        return parts_.descriptor + virtio::descriptor_size * std::size_t{offset};
    }

    std::uint32_t size_{0};
    Parts parts_;
};

}  // namespace vutrace::capture
