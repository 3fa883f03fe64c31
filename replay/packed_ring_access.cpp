#include "packed_ring_access.h"

#include <vutrace/replay/ring_access.h>

#include <fmt/format.h>

namespace vutrace::replay {
namespace {

constexpr std::size_t packed_length_at = 8;  // in a descriptor

}  // namespace

Result<PackedRingAccess> PackedRingAccess::create(const MappedMemory& memory, const Layout& layout) {
    if (!virtio::is_packed_queue_size(layout.size)) {
        return fail(ErrorCode::bad_input, fmt::format("{} is no size of a packed ring", layout.size));
    }
    const auto event_bytes = virtio::packed_event_bytes;
    const auto descriptors = locate_part(memory, layout.descriptor, layout.descriptor_bytes(), 2, "descriptor ring");
    const auto driver_event = locate_part(memory, layout.driver_event, event_bytes, 2, "driver's event area");
    const auto device_event = locate_part(memory, layout.device_event, event_bytes, 2, "device's event area");
    for (const auto* part : {&descriptors, &driver_event, &device_event}) {
        if (!*part) {
            return tl::unexpected(part->error());
        }
    }
    PackedRingAccess access;
    access.layout_ = layout;
    access.descriptors_ = *descriptors;
    access.driver_event_ = *driver_event;
    access.device_event_ = *device_event;
    return access;
}

std::uint16_t PackedRingAccess::flags(std::uint16_t offset) const noexcept {
    return load_shared(at(offset) + virtio::packed_flags_at);
}

void PackedRingAccess::set_flags(std::uint16_t offset, std::uint16_t flags) const noexcept {
    store_shared(at(offset) + virtio::packed_flags_at, flags);
}

virtio::RingDescriptor PackedRingAccess::descriptor(std::uint16_t offset) const noexcept {
    return virtio::parse_packed_descriptor({at(offset), virtio::descriptor_size});
}

void PackedRingAccess::set_descriptor(std::uint16_t offset, const virtio::RingDescriptor& descriptor) const noexcept {
    virtio::serialise_packed_descriptor(descriptor, {at(offset), virtio::descriptor_size});
}

void PackedRingAccess::set_used(std::uint16_t offset, std::uint16_t id, std::uint32_t length,
                                std::uint16_t flags) const noexcept {
    const MutableByteView place(at(offset), virtio::descriptor_size);
    store<std::uint32_t>(place, packed_length_at, length);
    store<std::uint16_t>(place, virtio::packed_id_at, id);
    set_flags(offset, flags);
}

virtio::PackedEvent PackedRingAccess::event(const std::byte* area) noexcept {
    return {load_shared(area), load_shared(area + 2)};
}

void PackedRingAccess::set_event(std::byte* area, virtio::PackedEvent event) noexcept {
    store_shared(area, event.position);
    store_shared(area + 2, event.flags);
}

}  // namespace vutrace::replay
