#include "vutrace/replay/device_queue.h"

#include <vutrace/system/event_descriptor.h>

#include <fmt/format.h>

namespace vutrace::replay {

Status DeviceQueue::find_ring() {
    Status found = ring_.follow();
    started_ = started_ && found;
    return found;
}

Status DeviceQueue::start(const virtio::SplitRingLayout& layout, bool event_index, std::uint16_t base) {
    if (Status placed = ring_.place(layout); !placed) {
        started_ = false;
        return placed;
    }
    event_index_ = event_index;
    next_available_ = base;
    next_used_ = notified_ = ring_->used_index();
    started_ = true;
    return {};
}

std::uint16_t DeviceQueue::stop() noexcept {
    started_ = false;
    return next_available_;
}

Result<bool> DeviceQueue::anything_available() {
    const auto waiting = static_cast<std::uint16_t>(ring_->available_index() - next_available_);
    if (waiting > ring_->layout().size) {
        started_ = false;
        return fail(ErrorCode::bad_input,
                    fmt::format("available index is {} ahead in a ring with {} slots", waiting, ring_->layout().size));
    }
    return waiting != 0;
}

Result<std::optional<std::uint16_t>> DeviceQueue::take(virtio::Chain& chain) {
    if (!started_) {
        return std::nullopt;
    }
    if (const auto found = find_ring(); !found) {
        return tl::unexpected(found.error());
    }
    auto any = anything_available();
    if (any && !*any && event_index_) {
        ring_->set_available_event(next_available_);
        full_fence();
        any = anything_available();
    }
    if (!any) {
        return tl::unexpected(any.error());
    }
    if (!*any) {
        return std::nullopt;
    }
    const std::uint16_t head = ring_->available_head(next_available_);
    ++next_available_;
    virtio::walk_chain(memory_, ring_->layout(), head, chain);
    return head;
}

void DeviceQueue::give_back(std::uint16_t head, std::uint32_t written) noexcept {
    if (!started_ || !find_ring()) {
        return;
    }
    ring_->set_used_element(next_used_, {head, written});
    ++next_used_;
    ring_->set_used_index(next_used_);
}

Status DeviceQueue::notify() {
    if (!started_ || notified_ == next_used_) {
        return {};
    }
    if (const auto found = find_ring(); !found) {
        return found;
    }
    full_fence();
    const bool wanted = event_index_ ? virtio::needs_event(ring_->used_event(), notified_, next_used_)
                                     : (ring_->available_flags() & virtio::available_no_interrupt) == 0;
    notified_ = next_used_;
    return wanted && call_ ? signal_event(call_) : Status{};
}

}  // namespace vutrace::replay
