// What chain entries say about guest memory: the rings they stood in, and the buffers they name.
#pragma once

#include <vutrace/session/sparse_memory.h>
#include <vutrace/trace/records.h>
#include <vutrace/virtio/iotlb.h>
#include <vutrace/virtio/packed_ring.h>
#include <vutrace/virtio/split_ring.h>

#include <optional>
#include <vector>

namespace vutrace::session {

// Guest memory as the chains of one record name it: rings by guest physical addresses, and what descriptors hold. What
// has no translation is left out. One step of a chain at a time; what it refers to outlives it.
class ChainMemory {
  public:
    // `space` is empty without an IOMMU. `known` false: what descriptors hold is not known where it leads.
    ChainMemory(SparseMemory& guest, const std::optional<virtio::IovaSpace>& space, bool known) noexcept
        : guest_(guest), space_(space), known_(known) {}

    [[nodiscard]] SparseMemory& guest() noexcept { return guest_; }
    void next_step() noexcept { budget_ = virtio::most_pieces_of_chain; }
    // By an address that a descriptor holds; it must not wrap. `needed` is what the device does there.
    void write(std::uint64_t address, ByteView bytes, virtio::Access needed);
    void zero(std::uint64_t address, std::uint64_t length, virtio::Access needed);

  private:
    SparseMemory& guest_;
    std::optional<virtio::IovaSpace> space_;
    bool known_;
    std::size_t budget_{virtio::most_pieces_of_chain};
};

// The driver's step: descriptors (indirect tables included), slot and index of the available ring.
void write_available(ChainMemory& memory, const virtio::SplitRingLayout& ring, const trace::ChainEntry& entry);

// The device's step: element and index of the used ring.
void write_used(SparseMemory& memory, const virtio::SplitRingLayout& ring, const trace::ChainEntry& entry);

// Flags and event fields of both rings, and the two indices.
void write_fields(SparseMemory& memory, const virtio::SplitRingLayout& ring, const trace::RingFields& fields);

// The same in a packed ring: the descriptors of the chain from its position on; the used one over them; both event
// areas.
void write_available(ChainMemory& memory, const virtio::PackedRingLayout& ring, const trace::ChainEntry& entry);
void write_used(SparseMemory& memory, const virtio::PackedRingLayout& ring, const trace::ChainEntry& entry);
void write_fields(SparseMemory& memory, const virtio::PackedRingLayout& ring, const trace::RingFields& fields);

// The bytes of `content` one after the other into the readable (or writable) buffers of a chain.
void write_buffers(ChainMemory& memory, const std::vector<trace::ChainDescriptor>& descriptors, bool writable,
                   const trace::Content& content);

}  // namespace vutrace::session
