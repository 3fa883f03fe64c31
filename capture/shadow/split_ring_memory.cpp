#include "split_ring_memory.h"

#include "../guarded_copy.h"

#include <algorithm>
#include <array>

namespace vutrace::capture {
namespace {

constexpr std::size_t flags_offset = 0;
constexpr std::size_t index_offset = 2;
constexpr std::size_t entries_offset = 4;

bool load_field(const std::byte* from, std::uint16_t& value) noexcept {
    std::array fields{SharedIndex{from, 0}};
    const bool loaded = guarded_load(fields);
    value = fields[0].value;
    return loaded;
}

// Entries of a ring may wrap at its end: calls `copy(offset in the ring, offset in the bytes, size)` once or twice.
// False where they are more than the ring has: it may have become smaller since they were read.
template <class Copy>
bool for_each_piece(std::size_t slot, std::size_t ring_size, std::size_t entry, std::size_t bytes, Copy copy) {
    if (bytes > ring_size * entry) {
        return false;
    }
    const std::size_t before_wrap = std::min(bytes, (ring_size - slot) * entry);
    return copy(slot * entry, std::size_t{0}, before_wrap) &&
           (before_wrap == bytes || copy(std::size_t{0}, before_wrap, bytes - before_wrap));
}

bool read_entries(const std::byte* ring, std::size_t slot, std::size_t ring_size, std::size_t entry,
                  MutableByteView out) {
    return for_each_piece(slot, ring_size, entry, out.size(), [&](std::size_t at, std::size_t from, std::size_t size) {
        return guarded_copy(ring + at, out.subspan(from, size));
    });
}

bool write_entries(std::byte* ring, std::size_t slot, std::size_t ring_size, std::size_t entry, ByteView entries) {
    return for_each_piece(slot, ring_size, entry, entries.size(),
                          [&](std::size_t at, std::size_t from, std::size_t size) {
                              return guarded_write(ring + at, entries.subspan(from, size));
                          });
}

}  // namespace

SplitRingMemory::SplitRingMemory(std::uint32_t size, Parts parts, bool event_index) noexcept
    : parts_(parts), event_index_(event_index) {
    layout_.size = size;
}

bool SplitRingMemory::sample(trace::RingFields& fields) const noexcept {
    if (!placed()) {
        return false;
    }
    std::array<SharedIndex, 6> loaded{{{parts_.available + index_offset},
                                       {parts_.used + index_offset},
                                       {parts_.available + flags_offset},
                                       {parts_.used + flags_offset},
                                       {event_index_ ? parts_.available + layout_.used_event() : nullptr},
                                       {event_index_ ? parts_.used + layout_.available_event() : nullptr}}};
    if (!guarded_load(loaded)) {
        return false;
    }
    fields = {loaded[0].value, loaded[2].value, loaded[4].value, loaded[1].value, loaded[3].value, loaded[5].value};
    return true;
}

bool SplitRingMemory::available_index(std::uint16_t& index) const noexcept {
    return placed() && load_field(parts_.available + index_offset, index);
}

bool SplitRingMemory::used_index(std::uint16_t& index) const noexcept {
    return placed() && load_field(parts_.used + index_offset, index);
}

bool SplitRingMemory::read_available(std::uint16_t from, MutableByteView entries) const noexcept {
    return placed() &&
           read_entries(parts_.available + entries_offset, from & (size() - 1), size(), available_entry, entries);
}

bool SplitRingMemory::write_available(std::uint16_t from, ByteView entries) const noexcept {
    return placed() &&
           write_entries(parts_.available + entries_offset, from & (size() - 1), size(), available_entry, entries);
}

bool SplitRingMemory::read_used(std::uint16_t from, MutableByteView entries) const noexcept {
    return placed() && read_entries(parts_.used + entries_offset, from & (size() - 1), size(), used_entry, entries);
}

bool SplitRingMemory::write_used(std::uint16_t from, ByteView entries) const noexcept {
    return placed() && write_entries(parts_.used + entries_offset, from & (size() - 1), size(), used_entry, entries);
}

bool SplitRingMemory::read_descriptors(MutableByteView table) const noexcept {
    return placed() && guarded_copy(parts_.descriptor, table);
}

bool SplitRingMemory::write_descriptors(ByteView table) const noexcept {
    return placed() && guarded_write(parts_.descriptor, table);
}

bool SplitRingMemory::write_descriptor(std::uint16_t index, const virtio::RingDescriptor& descriptor) const noexcept {
    std::array<std::byte, virtio::descriptor_size> bytes{};
    virtio::serialise_descriptor(descriptor, bytes);
    return placed() && index < size() && guarded_write(parts_.descriptor + index * bytes.size(), bytes);
}

bool SplitRingMemory::publish_available(std::uint16_t index) const noexcept {
    return placed() && guarded_store(parts_.available + index_offset, index);
}

bool SplitRingMemory::publish_used(std::uint16_t index) const noexcept {
    return placed() && guarded_store(parts_.used + index_offset, index);
}

bool SplitRingMemory::set_available_flags(std::uint16_t flags) const noexcept {
    return placed() && guarded_store(parts_.available + flags_offset, flags);
}

bool SplitRingMemory::set_used_event(std::uint16_t index) const noexcept {
    return placed() && event_index_ && guarded_store(parts_.available + layout_.used_event(), index);
}

bool SplitRingMemory::set_used_flags(std::uint16_t flags) const noexcept {
    return placed() && guarded_store(parts_.used + flags_offset, flags);
}

bool SplitRingMemory::set_available_event(std::uint16_t index) const noexcept {
    return placed() && event_index_ && guarded_store(parts_.used + layout_.available_event(), index);
}

}  // namespace vutrace::capture
