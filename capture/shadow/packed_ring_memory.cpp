#include "packed_ring_memory.h"

#include "../guarded_copy.h"

#include <array>

namespace vutrace::capture {
namespace {

constexpr std::size_t length_at = 8;
constexpr std::size_t event_flags_at = 2;

}  // namespace

std::optional<std::uint16_t> PackedRingMemory::flags(std::uint16_t offset) const noexcept {
    if (!placed() || offset >= size_) {
        return std::nullopt;
    }
    std::array fields{SharedIndex{at(offset) + virtio::packed_flags_at, 0}};
    return guarded_load(fields) ? std::optional(fields[0].value) : std::nullopt;
}

std::optional<virtio::RingDescriptor> PackedRingMemory::read(std::uint16_t offset) const noexcept {
    std::array<std::byte, virtio::descriptor_size> bytes{};
    if (!placed() || offset >= size_ || !guarded_copy(at(offset), bytes)) {
        return std::nullopt;
    }
    return virtio::parse_packed_descriptor(bytes);
}

bool PackedRingMemory::write(std::uint16_t offset, const virtio::RingDescriptor& descriptor) const noexcept {
    std::array<std::byte, virtio::descriptor_size> bytes{};
    virtio::serialise_packed_descriptor(descriptor, bytes);
    return placed() && offset < size_ && guarded_write(at(offset), bytes);
}

bool PackedRingMemory::write_used(std::uint16_t offset, std::uint32_t length, std::uint16_t id) const noexcept {
    std::array<std::byte, sizeof(length) + sizeof(id)> bytes{};
    store(bytes, 0, length);
    store(bytes, sizeof(length), id);
    return placed() && offset < size_ && guarded_write(at(offset) + length_at, bytes);
}

bool PackedRingMemory::publish(std::uint16_t offset, std::uint16_t flags) const noexcept {
    return placed() && offset < size_ && guarded_store(at(offset) + virtio::packed_flags_at, flags);
}

virtio::PackedEvent PackedRingMemory::read_event(const std::byte* area) const noexcept {
    if (!placed()) {
        return {};
    }
    std::array fields{SharedIndex{area + event_flags_at, 0}, SharedIndex{area, 0}};
    return guarded_load(fields) ? virtio::PackedEvent{fields[1].value, fields[0].value} : virtio::PackedEvent{};
}

bool PackedRingMemory::set_driver_event(std::uint16_t mode) const noexcept {
    return placed() && guarded_store(parts_.driver_event + event_flags_at, mode);
}

bool PackedRingMemory::set_device_event(std::uint16_t mode) const noexcept {
    return placed() && guarded_store(parts_.device_event + event_flags_at, mode);
}

}  // namespace vutrace::capture
