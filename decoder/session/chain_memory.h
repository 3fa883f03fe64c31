// What chain entries say about guest memory: the rings they stood in, and the buffers they name.
#pragma once

#include <vutrace/session/sparse_memory.h>
#include <vutrace/trace/records.h>
#include <vutrace/virtio/packed_ring.h>
#include <vutrace/virtio/split_ring.h>

#include <vector>

namespace vutrace::session {

// The driver's step: descriptors (indirect tables included), slot and index of the available ring.
void write_available(SparseMemory& memory, const virtio::SplitRingLayout& ring, const trace::ChainEntry& entry);

// The device's step: element and index of the used ring.
void write_used(SparseMemory& memory, const virtio::SplitRingLayout& ring, const trace::ChainEntry& entry);

// Flags and event fields of both rings, and the two indices.
void write_fields(SparseMemory& memory, const virtio::SplitRingLayout& ring, const trace::RingFields& fields);

// The same in a packed ring: the descriptors of the chain from its position on; the used one over them; both event
// areas.
void write_available(SparseMemory& memory, const virtio::PackedRingLayout& ring, const trace::ChainEntry& entry);
void write_used(SparseMemory& memory, const virtio::PackedRingLayout& ring, const trace::ChainEntry& entry);
void write_fields(SparseMemory& memory, const virtio::PackedRingLayout& ring, const trace::RingFields& fields);

// The bytes of `content` one after the other into the readable (or writable) buffers of a chain.
void write_buffers(SparseMemory& memory, const std::vector<trace::ChainDescriptor>& descriptors, bool writable,
                   const trace::Content& content);

}  // namespace vutrace::session
