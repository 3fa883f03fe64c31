#include "vutrace/virtio/packed_ring.h"

#include "chain_walk.h"

#include <array>
#include <utility>

namespace vutrace::virtio {
namespace {

RingDescriptor with_fields_swapped(RingDescriptor descriptor) noexcept {
    std::swap(descriptor.flags, descriptor.next);
    return descriptor;
}

class PackedWalk {
  public:
    PackedWalk(const WalkedMemory& memory, const PackedRingLayout& ring, PackedChain& chain) noexcept
        : memory_(memory), ring_(ring), chain_(chain), notes_(chain.chain) {}

    void run(PackedPosition position) noexcept {
        if (!is_packed_queue_size(ring_.size) || position.offset >= ring_.size) {
            return notes_.stop(ChainProblem::head_out_of_range);
        }
        for (;; position = position.plus(1, ring_.size)) {
            if (chain_.slots == ring_.size) {
                return notes_.stop(ChainProblem::too_long);
            }
            RingDescriptor descriptor;
            if (!fetch(position.offset, descriptor)) {
                return notes_.stop(ChainProblem::descriptor_unreadable);
            }
            chain_.chain.descriptors.push_back(descriptor);
            chain_.id = descriptor.next;
            if (++chain_.slots != 1 && !is_available(descriptor.flags, position.wrap)) {
                return notes_.stop(ChainProblem::element_not_available);
            }
            if ((descriptor.flags & descriptor_indirect) != 0) {
                return chain_.slots == 1 ? follow_indirect(descriptor) : notes_.stop(ChainProblem::indirect_mixed);
            }
            if (!notes_.add_buffer(descriptor) || (descriptor.flags & descriptor_next) == 0) {
                return;
            }
        }
    }

  private:
    [[nodiscard]] bool fetch(std::uint16_t offset, RingDescriptor& descriptor) const noexcept {
        std::array<std::byte, descriptor_size> bytes{};
        const std::uint64_t slot = ring_.slot(offset);
        if (ring_.descriptor > UINT64_MAX - slot - descriptor_size ||
            !memory_.ring.read(ring_.descriptor + slot, bytes)) {
            return false;
        }
        descriptor = parse_packed_descriptor(bytes);
        return true;
    }

    void follow_indirect(const RingDescriptor& reference) noexcept {
        if ((reference.flags & descriptor_next) != 0) {
            return notes_.stop(ChainProblem::indirect_with_next);
        }
        std::uint32_t entries = 0;
        if (!notes_.check_table(reference, ring_.size, entries)) {
            return;
        }
        IndirectTable table(memory_.tables, reference.address, entries, chain_.chain.table);
        for (std::uint32_t i = 0; i < entries; ++i) {
            RingDescriptor descriptor;
            if (!table.fetch(i, descriptor)) {
                return notes_.stop(IndirectTable::unreadable);
            }
            descriptor = with_fields_swapped(descriptor);
            chain_.chain.descriptors.push_back(descriptor);
            if ((descriptor.flags & descriptor_indirect) != 0) {
                return notes_.stop(ChainProblem::indirect_in_table);
            }
            if (!notes_.add_buffer(descriptor)) {
                return;
            }
        }
    }

    const WalkedMemory& memory_;
    const PackedRingLayout& ring_;
    PackedChain& chain_;
    ChainNotes notes_;
};

}  // namespace

PackedEvent parse_packed_event(ByteView bytes) noexcept {
    return {load<std::uint16_t>(bytes, 0), load<std::uint16_t>(bytes, 2)};
}

bool needs_event(PackedEvent event, PackedPosition before, PackedPosition after, std::uint32_t size) noexcept {
    if (event.mode() == PackedEvent::disable) {
        return false;
    }
    const PackedPosition asked = PackedPosition::parse(event.position);
    if (event.mode() != PackedEvent::descriptor || asked.offset >= size) {
        return true;
    }
    return before.distance_to(asked, size) < before.distance_to(after, size);
}

PackedBase PackedBase::parse(std::uint32_t value) noexcept {
    PackedBase base{PackedPosition::parse(static_cast<std::uint16_t>(value)),
                    PackedPosition::parse(static_cast<std::uint16_t>(value >> 16U))};
    // Used at 0 with the counter 0, the start of a second round: then the driver is in that round, or has filled it and
    // is at 0 with the counter 1, which is far rarer than a fresh ring of who leaves the upper half out.
    if (value >> 16U == 0 && base.available.wrap) {
        base.used = base.available;
    }
    return base;
}

RingDescriptor parse_packed_descriptor(ByteView bytes) noexcept {
    return with_fields_swapped(parse_descriptor(bytes));
}

void serialise_packed_descriptor(const RingDescriptor& descriptor, MutableByteView out) noexcept {
    serialise_descriptor(with_fields_swapped(descriptor), out);
}

void walk_packed_chain(const WalkedMemory& memory, const PackedRingLayout& ring, PackedPosition position,
                       PackedChain& chain) noexcept {
    chain.chain.clear();
    chain.id = 0;
    chain.slots = 0;
    PackedWalk(memory, ring, chain).run(position);
}

}  // namespace vutrace::virtio
