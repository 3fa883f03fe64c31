#include "live_packed_ring.h"

#include "guarded_copy.h"

#include <algorithm>
#include <array>
#include <utility>

namespace vutrace::capture {

bool LivePackedRing::place(const virtio::PackedRingLayout& layout,
                           std::shared_ptr<const GuestMappings> mappings) noexcept {
    layout_ = layout;
    mappings_ = std::move(mappings);
    descriptors_ = driver_event_ = device_event_ = nullptr;
    if (mappings_ == nullptr || !virtio::is_packed_queue_size(layout_.size)) {
        return false;
    }
    const std::byte* const descriptors = mappings_->find(layout_.descriptor, layout_.descriptor_bytes());
    driver_event_ = mappings_->find(layout_.driver_event, virtio::packed_event_bytes);
    device_event_ = mappings_->find(layout_.device_event, virtio::packed_event_bytes);
    if (descriptors == nullptr || driver_event_ == nullptr || device_event_ == nullptr) {
        return false;
    }
    descriptors_ = descriptors;
    return true;
}

bool LivePackedRing::sample_events(trace::RingFields& fields) const noexcept {
    if (!placed()) {
        return false;
    }
    constexpr std::size_t flags_at = 2;
    std::array<SharedIndex, 4> words{
        {{driver_event_ + flags_at}, {driver_event_}, {device_event_ + flags_at}, {device_event_}}};
    if (!guarded_load(words)) {
        return false;
    }
    fields.available_flags = words[0].value;
    fields.used_event = words[1].value;
    fields.used_flags = words[2].value;
    fields.available_event = words[3].value;
    return true;
}

std::optional<std::uint16_t> LivePackedRing::flags(std::uint16_t offset) const noexcept {
    std::array<SharedIndex, 1> word{{{placed() ? at(offset) + virtio::packed_flags_at : nullptr}}};
    return placed() && guarded_load(word) ? std::optional(word[0].value) : std::nullopt;
}

std::optional<virtio::RingDescriptor> LivePackedRing::read(std::uint16_t offset) const noexcept {
    std::array<std::byte, virtio::descriptor_size> bytes{};
    if (!placed() || !guarded_copy(at(offset), bytes)) {
        return std::nullopt;
    }
    return virtio::parse_packed_descriptor(bytes);
}

bool LivePackedRing::read(std::uint16_t offset, std::uint32_t count,
                          std::vector<virtio::RingDescriptor>& descriptors) const {
    descriptors.clear();
    if (!placed()) {
        return false;
    }
    scratch_.resize(count * virtio::descriptor_size);
    const std::size_t before_wrap = std::min<std::size_t>(count, layout_.size - offset);
    const MutableByteView bytes(scratch_);
    if (!guarded_copy(at(offset), bytes.first(before_wrap * virtio::descriptor_size)) ||
        (before_wrap != count && !guarded_copy(descriptors_, bytes.subspan(before_wrap * virtio::descriptor_size)))) {
        return false;
    }
    for (std::size_t i = 0; i < count; ++i) {
        descriptors.push_back(virtio::parse_packed_descriptor(
            ByteView(bytes).subspan(i * virtio::descriptor_size, virtio::descriptor_size)));
    }
    return true;
}

}  // namespace vutrace::capture
