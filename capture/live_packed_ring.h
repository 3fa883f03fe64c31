// A packed ring as driver and device write it at this moment: read with guarded accesses. What is read may be nonsense;
// who calls checks it.
#pragma once

#include "guest_mappings.h"

#include <vutrace/trace/records.h>
#include <vutrace/virtio/packed_ring.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace vutrace::capture {

class LivePackedRing {
  public:
    // False where a part is not in one mapped region: then nothing can be read until it is placed again.
    bool place(const virtio::PackedRingLayout& layout, std::shared_ptr<const GuestMappings> mappings) noexcept;
    [[nodiscard]] bool placed() const noexcept { return descriptors_ != nullptr; }
    [[nodiscard]] const virtio::PackedRingLayout& layout() const noexcept { return layout_; }
    [[nodiscard]] const std::shared_ptr<const GuestMappings>& mappings() const noexcept { return mappings_; }

    // Both event areas, as a trace has them: the driver's in `available_flags` and `used_event`, the device's in
    // `used_flags` and `available_event`.
    [[nodiscard]] bool sample_events(trace::RingFields& fields) const noexcept;

    // The flags of a descriptor with acquire order: what is read afterwards is at least as new.
    [[nodiscard]] std::optional<std::uint16_t> flags(std::uint16_t offset) const noexcept;
    // All of it, in no promised order.
    [[nodiscard]] std::optional<virtio::RingDescriptor> read(std::uint16_t offset) const noexcept;
    // `count` descriptors from `offset` on and around the end; `count` is at most the queue size.
    [[nodiscard]] bool read(std::uint16_t offset, std::uint32_t count,
                            std::vector<virtio::RingDescriptor>& descriptors) const;

  private:
    [[nodiscard]] const std::byte* at(std::uint16_t offset) const noexcept {
        return descriptors_ + layout_.slot(offset);
    }

    virtio::PackedRingLayout layout_;
    std::shared_ptr<const GuestMappings> mappings_;
    const std::byte* descriptors_{nullptr};
    const std::byte* driver_event_{nullptr};
    const std::byte* device_event_{nullptr};
    mutable Bytes scratch_;
};

// A descriptor of zeros is neither available nor used, whatever the wrap counter: the memory was cleared.
[[nodiscard]] inline bool is_cleared(const virtio::RingDescriptor& descriptor) noexcept {
    return descriptor == virtio::RingDescriptor{};
}

}  // namespace vutrace::capture
