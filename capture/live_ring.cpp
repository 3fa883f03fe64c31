#include "live_ring.h"

#include "guarded_copy.h"

#include <algorithm>
#include <array>
#include <utility>

namespace vutrace::capture {
namespace {

constexpr std::size_t flags_offset = 0;
constexpr std::size_t index_offset = 2;
constexpr std::size_t available_entry_size = 2;
constexpr std::size_t used_entry_size = 8;

// Copies entries that may wrap at the end of the ring.
bool copy_entries(const std::byte* first_entry, std::size_t entry_size, std::uint32_t queue_size, std::uint16_t from,
                  std::size_t count, Bytes& out) {
    out.resize(count * entry_size);
    const std::size_t slot = from & (queue_size - 1);
    const std::size_t before_wrap = std::min<std::size_t>(count, queue_size - slot);
    const MutableByteView bytes(out);
    return guarded_copy(first_entry + slot * entry_size, bytes.first(before_wrap * entry_size)) &&
           (before_wrap == count || guarded_copy(first_entry, bytes.subspan(before_wrap * entry_size)));
}

}  // namespace

bool LiveRing::place(const virtio::SplitRingLayout& layout, std::shared_ptr<const GuestMappings> mappings,
                     bool event_index) noexcept {
    layout_ = layout;
    mappings_ = std::move(mappings);
    event_index_ = event_index;
    available_ = used_ = nullptr;
    if (mappings_ == nullptr || !virtio::is_split_queue_size(layout_.size)) {
        return false;
    }
    // The event fields at the end exist only where EVENT_IDX is negotiated.
    const std::uint64_t unused = event_index ? 0 : sizeof(std::uint16_t);
    const std::byte* const available = mappings_->find(layout_.available, layout_.available_bytes() - unused);
    const std::byte* const used = mappings_->find(layout_.used, layout_.used_bytes() - unused);
    if (available == nullptr || used == nullptr) {
        return false;
    }
    available_ = available;
    used_ = used;
    return true;
}

bool LiveRing::sample(trace::RingFields& fields) const noexcept {
    if (!placed()) {
        return false;
    }
    const std::byte* const used_event = event_index_ ? available_ + layout_.used_event() : nullptr;
    const std::byte* const available_event = event_index_ ? used_ + layout_.available_event() : nullptr;
    std::array<SharedIndex, 6> indices{{{available_ + index_offset},
                                        {used_ + index_offset},
                                        {available_ + flags_offset},
                                        {used_ + flags_offset},
                                        {used_event},
                                        {available_event}}};
    if (!guarded_load(indices)) {
        return false;
    }
    fields.available_index = indices[0].value;
    fields.used_index = indices[1].value;
    fields.available_flags = indices[2].value;
    fields.used_flags = indices[3].value;
    fields.used_event = indices[4].value;
    fields.available_event = indices[5].value;
    return true;
}

bool LiveRing::read_available(std::uint16_t from, std::size_t count, std::vector<std::uint16_t>& heads) const {
    heads.clear();
    if (!placed() || !copy_entries(available_ + 4, available_entry_size, layout_.size, from, count, scratch_)) {
        return false;
    }
    for (std::size_t i = 0; i < count; ++i) {
        heads.push_back(load<std::uint16_t>(scratch_, i * available_entry_size));
    }
    return true;
}

bool LiveRing::read_used(std::uint16_t from, std::size_t count, std::vector<UsedElement>& elements) const {
    elements.clear();
    if (!placed() || !copy_entries(used_ + 4, used_entry_size, layout_.size, from, count, scratch_)) {
        return false;
    }
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t at = i * used_entry_size;
        elements.push_back({load<std::uint32_t>(scratch_, at), load<std::uint32_t>(scratch_, at + 4), false});
    }
    return true;
}

}  // namespace vutrace::capture
