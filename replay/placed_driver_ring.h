// What the driver's rings of both layouts share: where they lie. Private to this room.
#pragma once

#include "driver_ring.h"

#include <vutrace/replay/ring_access.h>

namespace vutrace::replay {

// `Access`: RingAccess or PackedRingAccess.
template <class Access>
class PlacedDriverRing : public DriverRing {
  public:
    Status follow() final { return ring_.follow(); }
    Status move(const virtio::RingLayout& layout) final {
        const auto& there = std::get<typename Access::Layout>(layout);
        Status placed = ring_.place(there);
        layout_ = placed ? there : layout_;
        return placed;
    }
    [[nodiscard]] virtio::RingLayout layout() const noexcept final { return layout_; }
    [[nodiscard]] std::uint32_t size() const noexcept final { return layout_.size; }

  protected:
    PlacedDriverRing(const BufferMemory& memory, const QueueDriver::Start& start)
        : memory_(memory), layout_(std::get<typename Access::Layout>(start.layout)) {}

    BufferMemory memory_;
    typename Access::Layout layout_;
    FollowedRing<Access> ring_{memory_.physical()};
};

}  // namespace vutrace::replay
