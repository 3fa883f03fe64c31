// What split and packed virtqueues have in common: descriptors, and chains of them.
// Source: virtio specification, "Split Virtqueues" and "Packed Virtqueues".
#pragma once

#include <vutrace/base/bytes.h>
#include <vutrace/virtio/guest_memory.h>

#include <cstdint>
#include <vector>

namespace vutrace::virtio {

inline constexpr std::uint32_t max_queue_size = 32768;
inline constexpr std::uint16_t descriptor_next = 1;
inline constexpr std::uint16_t descriptor_write = 2;
inline constexpr std::uint16_t descriptor_indirect = 4;
inline constexpr std::size_t descriptor_size = 16;

// What a walk reads: the ring by guest physical addresses, as its layout has them, and indirect tables by the addresses
// that descriptors hold. One memory is both unless those are IOVAs.
struct WalkedMemory {
    const GuestMemory& ring;
    const GuestMemory& tables;

    // NOLINTNEXTLINE(google-explicit-constructor): a memory is walked memory
    WalkedMemory(const GuestMemory& memory) noexcept : ring(memory), tables(memory) {}
    WalkedMemory(const GuestMemory& of_ring, const GuestMemory& of_tables) noexcept
        : ring(of_ring), tables(of_tables) {}
};

// In a packed ring `next` is the buffer id.
struct RingDescriptor {
    std::uint64_t address{0};
    std::uint32_t length{0};
    std::uint16_t flags{0};
    std::uint16_t next{0};
    bool operator==(const RingDescriptor&) const = default;
};
// As a split ring and its indirect tables have it.
[[nodiscard]] RingDescriptor parse_descriptor(ByteView bytes) noexcept;  // needs 16 bytes
void serialise_descriptor(const RingDescriptor& descriptor, MutableByteView out) noexcept;

// Why a chain could not be walked to its end. The numbers are in traces: never reuse one. W… = reference/rings.md.
enum class ChainProblem : std::uint16_t {
    none = 0,
    head_out_of_range = 1,         // W6
    next_out_of_range = 2,         // W7
    too_long = 3,                  // W8: more descriptors than the queue has, or a loop
    indirect_with_next = 4,        // W13
    indirect_in_table = 5,         // W15
    indirect_bad_length = 6,       // W16: 0, or no multiple of 16
    indirect_too_long = 7,         // W17: beyond `max_indirect_descriptors`
    descriptor_unreadable = 8,     // W1: table outside every region
    indirect_unreadable = 9,       // W18
    readable_after_writable = 10,  // W11; the walk goes on
    address_overflow = 11,         // W21: address + length wraps
    buffer_outside = 12,           // W22, W23: found by who copies the bytes
    length_overflow = 13,          // W24: lengths add up to more than 2^32 - 1
    element_not_available = 14,    // W26: a later descriptor of a packed chain is not marked available
    indirect_mixed = 15,           // W19: INDIRECT behind direct descriptors of a packed chain
};
[[nodiscard]] const char* name_of(ChainProblem problem) noexcept;  // a short phrase for people

// Linux allows itself the queue size, Windows drivers more (W17): accept what real peers accept.
[[nodiscard]] constexpr std::uint32_t max_indirect_descriptors(std::uint32_t queue_size) noexcept {
    return queue_size > 1024 ? queue_size : 1024;
}

struct Chain {
    // All descriptors in the order of the walk: of the ring, and behind one with INDIRECT those of its table.
    std::vector<RingDescriptor> descriptors;
    ChainProblem problem{ChainProblem::none};
    std::uint64_t readable_bytes{0};
    std::uint64_t writable_bytes{0};
    Bytes table;  // scratch of the walker, kept to be reused: the copy of an indirect table

    void clear() noexcept;  // keeps the memory
};

// Calls `visit(address, length)` for each buffer of a chain that the device reads (or writes), in order; descriptors
// that only refer to an indirect table are passed over. `Descriptors` has address, length, flags (RingDescriptor,
// trace::ChainDescriptor).
template <class Descriptors, class Visit>
void for_each_buffer(const Descriptors& descriptors, bool writable, Visit visit) {
    for (const auto& descriptor : descriptors) {
        if ((descriptor.flags & descriptor_indirect) == 0 && ((descriptor.flags & descriptor_write) != 0) == writable) {
            visit(descriptor.address, descriptor.length);
        }
    }
}

}  // namespace vutrace::virtio
