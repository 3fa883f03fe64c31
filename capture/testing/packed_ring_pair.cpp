#include "packed_ring_pair.h"

#include <array>

namespace vutrace::capture::testing {

PackedRingPair::PackedRingPair(std::uint32_t size, Position begin) : RingPair(16), next_offer(begin), next_use(begin) {
    layout_ = {size, guest_address, guest_address + 0x80000, guest_address + 0x80010};
    // As the rounds before left it: all used.
    for (std::uint32_t i = 0; i < size && begin != Position{}; ++i) {
        const bool wrap = i < begin.offset ? begin.wrap : !begin.wrap;
        put_descriptor(static_cast<std::uint16_t>(i), {buffers, 1, virtio::used_flags(wrap), 0});
    }
}

void PackedRingPair::publish(Position at, virtio::RingDescriptor descriptor, std::uint16_t ownership) {
    const std::uint64_t address = layout_.descriptor + layout_.slot(at.offset);
    put<std::uint64_t>(address, descriptor.address);
    put<std::uint32_t>(address + 8, descriptor.length);
    put<std::uint16_t>(address + virtio::packed_id_at, descriptor.next);
    put<std::uint16_t>(address + virtio::packed_flags_at, static_cast<std::uint16_t>(descriptor.flags | ownership));
}

void PackedRingPair::offer(std::uint16_t id, const std::vector<Buffer>& chain) {
    for (std::size_t i = chain.size(); i-- != 0;) {  // the first one is published last
        const bool last = i + 1 == chain.size();
        const Position at = next_offer.plus(static_cast<std::uint32_t>(i), layout_.size);
        const auto flags = static_cast<std::uint16_t>((chain[i].writable ? virtio::descriptor_write : 0U) |
                                                      (last ? 0U : virtio::descriptor_next));
        publish(at, {chain[i].address, chain[i].length, flags, last ? id : at.offset},
                virtio::available_flags(at.wrap));
    }
    next_offer = next_offer.plus(static_cast<std::uint32_t>(chain.size()), layout_.size);
}

void PackedRingPair::offer_indirect(std::uint16_t id, std::uint64_t table, const std::vector<Buffer>& chain) {
    for (std::size_t i = 0; i < chain.size(); ++i) {
        std::array<std::byte, virtio::descriptor_size> bytes{};
        const std::uint16_t flags = chain[i].writable ? virtio::descriptor_write : 0;
        virtio::serialise_packed_descriptor({chain[i].address, chain[i].length, flags, 0}, bytes);
        write(table + i * virtio::descriptor_size, bytes);
    }
    const auto length = static_cast<std::uint32_t>(chain.size() * virtio::descriptor_size);
    publish(next_offer, {table, length, virtio::descriptor_indirect, id}, virtio::available_flags(next_offer.wrap));
    next_offer = next_offer.plus(1, layout_.size);
}

void PackedRingPair::use(std::uint16_t id, std::uint32_t length, std::uint32_t slots) {
    virtio::RingDescriptor used = descriptor(next_use.offset);  // the device leaves the address
    used.length = length;
    used.next = id;
    used.flags = length != 0 ? virtio::descriptor_write : 0;
    publish(next_use, used, virtio::used_flags(next_use.wrap));
    next_use = next_use.plus(slots, layout_.size);
}

void PackedRingPair::put_event(std::uint64_t address, virtio::PackedEvent event) {
    put<std::uint16_t>(address, event.position);
    put<std::uint16_t>(address + 2, event.flags);
}

void PackedRingPair::set_driver_event(virtio::PackedEvent event) {
    put_event(layout_.driver_event, event);
}

void PackedRingPair::set_device_event(virtio::PackedEvent event) {
    put_event(layout_.device_event, event);
}

virtio::RingDescriptor PackedRingPair::descriptor(std::uint16_t offset) const {
    const std::uint64_t address = layout_.descriptor + layout_.slot(offset);
    return {get<std::uint64_t>(address), get<std::uint32_t>(address + 8),
            get<std::uint16_t>(address + virtio::packed_flags_at), get<std::uint16_t>(address + virtio::packed_id_at)};
}

void PackedRingPair::put_descriptor(std::uint16_t offset, const virtio::RingDescriptor& descriptor) {
    publish({offset, true}, descriptor, 0);
}

void PackedRingPair::clear() {
    for (std::uint32_t i = 0; i < layout_.size; ++i) {
        put_descriptor(static_cast<std::uint16_t>(i), {});
    }
}

}  // namespace vutrace::capture::testing
