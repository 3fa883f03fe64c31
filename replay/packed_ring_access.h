// The shared words of a packed ring in mapped guest memory, with the ordering that both sides rely on. Private to this
// room. Source: virtio specification, "Packed Virtqueues".
#pragma once

#include <vutrace/base/error.h>
#include <vutrace/replay/mapped_memory.h>
#include <vutrace/virtio/packed_ring.h>

#include <cstdint>

namespace vutrace::replay {

// The three parts of a ring as pointers into mapped memory. Valid for one epoch of the memory. Offsets that are given
// are below the ring's size.
class PackedRingAccess {
  public:
    using Layout = virtio::PackedRingLayout;

    PackedRingAccess() = default;
    // Errors: bad_input where a part lies outside the regions (each must lie within one), or is not aligned as its
    // integers need (to 2), or the size is not one of a packed ring.
    [[nodiscard]] static Result<PackedRingAccess> create(const MappedMemory& memory, const Layout& layout);

    [[nodiscard]] const Layout& layout() const noexcept { return layout_; }

    // What comes after `flags` in the program sees what was written before `set_flags`.
    [[nodiscard]] std::uint16_t flags(std::uint16_t offset) const noexcept;
    void set_flags(std::uint16_t offset, std::uint16_t flags) const noexcept;
    // All of it, flags as well, in no promised order.
    [[nodiscard]] virtio::RingDescriptor descriptor(std::uint16_t offset) const noexcept;
    void set_descriptor(std::uint16_t offset, const virtio::RingDescriptor& descriptor) const noexcept;
    // What a device writes of a used descriptor, the flags last.
    void set_used(std::uint16_t offset, std::uint16_t id, std::uint32_t length, std::uint16_t flags) const noexcept;

    [[nodiscard]] virtio::PackedEvent driver_event() const noexcept { return event(driver_event_); }
    [[nodiscard]] virtio::PackedEvent device_event() const noexcept { return event(device_event_); }
    void set_driver_event(virtio::PackedEvent event) const noexcept { set_event(driver_event_, event); }
    void set_device_event(virtio::PackedEvent event) const noexcept { set_event(device_event_, event); }

  private:
    [[nodiscard]] std::byte* at(std::uint16_t offset) const noexcept { return descriptors_ + layout_.slot(offset); }
    [[nodiscard]] static virtio::PackedEvent event(const std::byte* area) noexcept;
    static void set_event(std::byte* area, virtio::PackedEvent event) noexcept;

    Layout layout_;
    std::byte* descriptors_{nullptr};
    std::byte* driver_event_{nullptr};
    std::byte* device_event_{nullptr};
};

}  // namespace vutrace::replay
