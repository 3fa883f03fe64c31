// Test double: the two ends of a packed ring in the memory of a RingPair, as a driver and a device see it. Writes the
// ring with the barriers of the specification, so that it may run on threads of its own.
#pragma once

#include "ring_pair.h"

#include <vutrace/virtio/packed_ring.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace vutrace::capture::testing {

class PackedRingPair : public RingPair {
  public:
    using Position = virtio::PackedPosition;

    // `begin`: where both sides are.
    explicit PackedRingPair(std::uint32_t size, Position begin = {});

    [[nodiscard]] const virtio::PackedRingLayout& layout() const noexcept { return layout_; }

    // Driver. The id is that of the buffer; the descriptors' own are their offsets, but for the last.
    void offer(std::uint16_t id, const std::vector<Buffer>& chain);
    void offer_indirect(std::uint16_t id, std::uint64_t table, const std::vector<Buffer>& chain);
    void set_driver_event(virtio::PackedEvent event);

    // Device. Takes what was offered as it comes; uses by id, with the number of descriptors that the chain has.
    void use(std::uint16_t id, std::uint32_t length, std::uint32_t slots = 1);
    // One descriptor for chains of `slots` descriptors altogether.
    void use_batch(std::uint16_t last_id, std::uint32_t length, std::uint32_t slots) { use(last_id, length, slots); }
    void set_device_event(virtio::PackedEvent event);

    // As it stands; and at a place that a test chooses.
    [[nodiscard]] virtio::RingDescriptor descriptor(std::uint16_t offset) const;
    void put_descriptor(std::uint16_t offset, const virtio::RingDescriptor& descriptor);
    void clear();

    Position next_offer, next_use;

  private:
    void publish(Position at, virtio::RingDescriptor descriptor, std::uint16_t ownership);
    void put_event(std::uint64_t address, virtio::PackedEvent event);

    virtio::PackedRingLayout layout_;
};

}  // namespace vutrace::capture::testing
