#include "vutrace/replay/device_queue.h"

#include "device_ring.h"

#include <vutrace/system/event_descriptor.h>

namespace vutrace::replay {

DeviceQueue::DeviceQueue(const MappedMemory& memory, const virtio::GuestMemory& tables)
    : memory_(memory), tables_(tables) {}
DeviceQueue::~DeviceQueue() = default;

Status DeviceQueue::find_ring() {
    Status found = ring_->follow();
    started_ = started_ && found;
    return found;
}

Status DeviceQueue::start(const virtio::RingLayout& layout, bool event_index, std::uint32_t base) {
    const bool packed = std::holds_alternative<virtio::PackedRingLayout>(layout);
    const auto make = packed ? make_packed_device_ring : make_split_device_ring;
    ring_ = make({memory_, tables_}, layout, event_index, base);
    Status done = ring_->start();
    started_ = done.has_value();
    return done;
}

std::optional<std::uint32_t> DeviceQueue::stop() noexcept {
    started_ = false;
    return ring_ == nullptr ? std::nullopt : std::optional(ring_->base());
}

Result<std::optional<TakenChain>> DeviceQueue::take(virtio::Chain& chain) {
    if (!started_) {
        return std::nullopt;
    }
    if (const auto found = find_ring(); !found) {
        return tl::unexpected(found.error());
    }
    auto any = ring_->anything_available();
    if (any && !*any) {
        ring_->enable_kick();
        any = ring_->anything_available();
    }
    if (!any) {
        started_ = false;
        return tl::unexpected(any.error());
    }
    return *any ? std::optional(ring_->take(chain)) : std::nullopt;
}

Status DeviceQueue::walk(const TakenChain& taken, virtio::Chain& chain) {
    Status found = started_ ? find_ring() : Status{};
    if (started_) {
        ring_->walk(taken, chain);
    }
    return found;
}

void DeviceQueue::give_back(const TakenChain& taken, std::uint32_t written) noexcept {
    if (started_ && find_ring()) {
        ring_->give_back(taken, written);
    }
}

Status DeviceQueue::notify() {
    if (!started_) {
        return {};
    }
    if (const auto found = find_ring(); !found) {
        return found;
    }
    return ring_->wants_call() && call_ ? signal_event(call_) : Status{};
}

}  // namespace vutrace::replay
