#include "device_ring.h"
#include "packed_ring_access.h"

#include <vutrace/replay/ring_access.h>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace vutrace::replay {
namespace {

// Chains may be given back in any order: each used descriptor stands where the last one's chain left off, and takes as
// many places as its own chain.
class PackedDeviceRing final : public DeviceRing {
  public:
    PackedDeviceRing(const DeviceMemory& memory, const virtio::RingLayout& layout, bool event_index, std::uint32_t base)
        : memory_(memory),
          layout_(std::get<virtio::PackedRingLayout>(layout)),
          event_index_(event_index),
          next_available_(virtio::PackedBase::parse(base).available),
          next_used_(virtio::PackedBase::parse(base).used),
          notified_(next_used_) {}

    Status start() override {
        if (Status placed = ring_.place(layout_); !placed) {
            return placed;
        }
        if (next_available_.offset >= layout_.size || next_used_.offset >= layout_.size) {
            return fail(ErrorCode::bad_input,
                        fmt::format("base {:#x} lies outside a ring of {}", base(), layout_.size));
        }
        ring_->set_device_event({0, virtio::PackedEvent::enable});
        return {};
    }
    Status follow() override { return ring_.follow(); }
    std::uint32_t base() const noexcept override { return virtio::PackedBase{next_available_, next_used_}.value(); }

    // What a driver publishes that has no right to is not seen as such: it is met where it stands.
    Result<bool> anything_available() override {
        return virtio::is_available(ring_->flags(next_available_.offset), next_available_.wrap);
    }
    void enable_kick() override {
        if (event_index_) {
            ring_->set_device_event({next_available_.value(), virtio::PackedEvent::descriptor});
            full_fence();
        }
    }
    TakenChain take(virtio::Chain& chain) override {
        walk_at(next_available_);
        const TakenChain taken{walked_.id, next_available_.value(), std::max(walked_.slots, 1U)};
        next_available_ = next_available_.plus(taken.slots, layout_.size);
        std::swap(chain, walked_.chain);
        return taken;
    }
    // Its descriptors stay as they are until it is given back, or another one that was taken before it.
    void walk(const TakenChain& taken, virtio::Chain& chain) const override {
        walk_at(virtio::PackedPosition::parse(taken.index));
        std::swap(chain, walked_.chain);
    }

    void give_back(const TakenChain& taken, std::uint32_t written) noexcept override {
        // WRITE says that the length counts.
        const unsigned flags = virtio::used_flags(next_used_.wrap) | (written != 0 ? virtio::descriptor_write : 0U);
        ring_->set_used(next_used_.offset, taken.head, written, static_cast<std::uint16_t>(flags));
        next_used_ = next_used_.plus(taken.slots, layout_.size);
        given_back_ += taken.slots;
    }
    bool wants_call() noexcept override {
        const virtio::PackedPosition before = std::exchange(notified_, next_used_);
        const std::uint64_t moved = std::exchange(given_back_, 0);
        full_fence();
        const virtio::PackedEvent event = ring_->driver_event();
        if (moved >= layout_.size) {  // whatever it waits for was passed
            return event.mode() != virtio::PackedEvent::disable;
        }
        return moved != 0 && virtio::needs_event(event, before, next_used_, layout_.size);
    }

  private:
    void walk_at(virtio::PackedPosition position) const {
        virtio::walk_packed_chain({memory_.physical, memory_.tables}, layout_, position, walked_);
    }

    DeviceMemory memory_;
    virtio::PackedRingLayout layout_;
    FollowedRing<PackedRingAccess> ring_{memory_.physical};
    bool event_index_;
    virtio::PackedPosition next_available_;
    virtio::PackedPosition next_used_;
    virtio::PackedPosition notified_;     // next_used_ when the driver's wish was looked at last
    std::uint64_t given_back_{0};         // descriptors since then
    mutable virtio::PackedChain walked_;  // scratch
};

}  // namespace

std::unique_ptr<DeviceRing> make_packed_device_ring(const DeviceMemory& memory, const virtio::RingLayout& layout,
                                                    bool event_index, std::uint32_t base) {
    return std::make_unique<PackedDeviceRing>(memory, layout, event_index, base);
}

}  // namespace vutrace::replay
