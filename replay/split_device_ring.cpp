#include "device_ring.h"

#include <vutrace/replay/ring_access.h>

#include <fmt/format.h>

#include <utility>

namespace vutrace::replay {
namespace {

class SplitDeviceRing final : public DeviceRing {
  public:
    SplitDeviceRing(const DeviceMemory& memory, const virtio::RingLayout& layout, bool event_index, std::uint32_t base)
        : memory_(memory),
          layout_(std::get<virtio::SplitRingLayout>(layout)),
          event_index_(event_index),
          next_available_(static_cast<std::uint16_t>(base)) {}

    Status start() override {
        Status placed = ring_.place(layout_);
        if (placed) {
            next_used_ = notified_ = ring_->used_index();
        }
        return placed;
    }
    Status follow() override { return ring_.follow(); }
    std::uint32_t base() const noexcept override { return next_available_; }

    Result<bool> anything_available() override {
        const auto waiting = static_cast<std::uint16_t>(ring_->available_index() - next_available_);
        if (waiting > layout_.size) {
            return fail(ErrorCode::bad_input,
                        fmt::format("available index is {} ahead in a ring with {} slots", waiting, layout_.size));
        }
        return waiting != 0;
    }
    void enable_kick() override {
        if (event_index_) {
            ring_->set_available_event(next_available_);
            full_fence();
        }
    }
    TakenChain take(virtio::Chain& chain) override {
        const TakenChain taken{ring_->available_head(next_available_), next_available_, 1};
        ++next_available_;
        walk(taken, chain);
        return taken;
    }
    void walk(const TakenChain& taken, virtio::Chain& chain) const override {
        virtio::walk_chain({memory_.physical, memory_.tables}, layout_, taken.head, chain);
    }

    void give_back(const TakenChain& taken, std::uint32_t written) noexcept override {
        ring_->set_used_element(next_used_, {taken.head, written});
        ring_->set_used_index(++next_used_);
    }
    bool wants_call() noexcept override {
        const std::uint16_t before = std::exchange(notified_, next_used_);
        full_fence();
        return before != next_used_ &&
               (event_index_ ? virtio::needs_event(ring_->used_event(), before, next_used_)
                             : (ring_->available_flags() & virtio::available_no_interrupt) == 0);
    }

  private:
    DeviceMemory memory_;
    virtio::SplitRingLayout layout_;
    FollowedRing<RingAccess> ring_{memory_.physical};
    bool event_index_;
    std::uint16_t next_available_;
    std::uint16_t next_used_{0};
    std::uint16_t notified_{0};  // used index when the driver's wish was looked at last
};

}  // namespace

std::unique_ptr<DeviceRing> make_split_device_ring(const DeviceMemory& memory, const virtio::RingLayout& layout,
                                                   bool event_index, std::uint32_t base) {
    return std::make_unique<SplitDeviceRing>(memory, layout, event_index, base);
}

}  // namespace vutrace::replay
