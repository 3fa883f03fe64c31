// Packed virtqueues: layout, positions with wrap counters, ownership flags, event suppression, walking of chains.
// Source: virtio specification, "Packed Virtqueues".
#pragma once

#include <vutrace/base/bytes.h>
#include <vutrace/virtio/chain.h>
#include <vutrace/virtio/guest_memory.h>

#include <cstdint>

namespace vutrace::virtio {

inline constexpr std::uint16_t packed_available = 0x0080;  // AVAIL, in a descriptor's flags
inline constexpr std::uint16_t packed_used = 0x8000;       // USED
inline constexpr std::uint16_t packed_wrap = 0x8000;       // in positions as event areas and messages carry them
inline constexpr std::uint64_t packed_event_bytes = 4;     // of either event area
inline constexpr std::uint64_t packed_flags_at = 14;       // in a descriptor
inline constexpr std::uint64_t packed_id_at = 12;

// A queue size that a packed ring may have: 1 to 32768, a power of two or not.
[[nodiscard]] constexpr bool is_packed_queue_size(std::uint32_t size) noexcept {
    return size != 0 && size <= max_queue_size;
}

// A place in the ring together with the wrap counter there: `offset` is below the queue size. Each side keeps one; all
// begin at 0 with the counter 1. Positions repeat after two rounds.
struct PackedPosition {
    std::uint16_t offset{0};
    bool wrap{true};

    // 16 bits: the offset in 0 to 14, the counter in 15.
    [[nodiscard]] static constexpr PackedPosition parse(std::uint16_t value) noexcept {
        return {static_cast<std::uint16_t>(value & 0x7fffU), (value & packed_wrap) != 0};
    }
    [[nodiscard]] constexpr std::uint16_t value() const noexcept {
        return static_cast<std::uint16_t>(offset | (wrap ? packed_wrap : 0U));
    }
    // `count` is at most two rounds.
    [[nodiscard]] constexpr PackedPosition plus(std::uint32_t count, std::uint32_t size) const noexcept {
        const std::uint32_t at = (in_two_rounds(size) + count) % (2 * size);
        return {static_cast<std::uint16_t>(at < size ? at : at - size), at < size};
    }
    [[nodiscard]] constexpr PackedPosition minus(std::uint32_t count, std::uint32_t size) const noexcept {
        return plus(2 * size - count, size);
    }
    // How many descriptors `to` is ahead: below two rounds.
    [[nodiscard]] constexpr std::uint32_t distance_to(PackedPosition to, std::uint32_t size) const noexcept {
        return (to.in_two_rounds(size) + 2 * size - in_two_rounds(size)) % (2 * size);
    }
    bool operator==(const PackedPosition&) const = default;

  private:
    [[nodiscard]] constexpr std::uint32_t in_two_rounds(std::uint32_t size) const noexcept {
        return offset % size + (wrap ? 0 : size);
    }
};

// What the flags of a descriptor say to who stands there with this wrap counter. Neither: it is of the round before.
[[nodiscard]] constexpr bool is_available(std::uint16_t flags, bool wrap) noexcept {
    return ((flags & packed_available) != 0) == wrap && ((flags & packed_used) != 0) != wrap;
}
[[nodiscard]] constexpr bool is_used(std::uint16_t flags, bool wrap) noexcept {
    return ((flags & packed_available) != 0) == wrap && ((flags & packed_used) != 0) == wrap;
}
// The bits to set for that.
[[nodiscard]] constexpr std::uint16_t available_flags(bool wrap) noexcept {
    return wrap ? packed_available : packed_used;
}
[[nodiscard]] constexpr std::uint16_t used_flags(bool wrap) noexcept {
    return wrap ? packed_available | packed_used : 0;
}

// An event area: what its owner (the driver, the device) wants to be notified of.
struct PackedEvent {
    enum Mode : std::uint16_t { enable = 0, disable = 1, descriptor = 2 };  // 3 is reserved

    std::uint16_t position{0};  // as PackedPosition::value; for `descriptor` only
    std::uint16_t flags{0};     // Mode in the lower two bits

    [[nodiscard]] constexpr std::uint16_t mode() const noexcept { return flags & 3U; }
};
[[nodiscard]] PackedEvent parse_packed_event(ByteView bytes) noexcept;  // needs 4 bytes

// Must the owner of the area be notified when the other side went from `before` to `after`? Nonsense in the area
// (reserved mode, position outside the ring) asks for every notification: it costs least.
[[nodiscard]] bool needs_event(PackedEvent event, PackedPosition before, PackedPosition after,
                               std::uint32_t size) noexcept;

// Where the parts are, as guest physical addresses.
struct PackedRingLayout {
    std::uint32_t size{0};          // descriptors
    std::uint64_t descriptor{0};    // aligned to 16
    std::uint64_t driver_event{0};  // written by the driver, aligned to 4: the "available" address of messages
    std::uint64_t device_event{0};  // written by the device: the "used" address

    [[nodiscard]] std::uint64_t descriptor_bytes() const noexcept { return descriptor_size * std::uint64_t{size}; }
    [[nodiscard]] std::uint64_t slot(std::uint16_t offset) const noexcept {
        return descriptor_size * std::uint64_t{offset};
    }
    bool operator==(const PackedRingLayout&) const = default;
};

// The value of SET_VRING_BASE and GET_VRING_BASE for a packed ring.
struct PackedBase {
    PackedPosition available;
    PackedPosition used;

    // Some front-ends and back-ends (DPDK) fill in the lower half only. An upper half of 0 is taken for that where the
    // available position has the wrap counter 1; with 0 it may be a used position, and is taken for one.
    [[nodiscard]] static PackedBase parse(std::uint32_t value) noexcept;
    [[nodiscard]] std::uint32_t value() const noexcept {
        return available.value() | (std::uint32_t{used.value()} << 16U);
    }
    // A ring that never ran: 0x80008000.
    static constexpr std::uint32_t fresh = 0x80008000;
    bool operator==(const PackedBase&) const = default;
};

// 16 bytes each. In a packed ring the id stands before the flags; it is `next` of a RingDescriptor.
[[nodiscard]] RingDescriptor parse_packed_descriptor(ByteView bytes) noexcept;
void serialise_packed_descriptor(const RingDescriptor& descriptor, MutableByteView out) noexcept;

struct PackedChain {
    // Descriptors in the order of the walk, those of an indirect table behind the one that refers to it.
    Chain chain;
    std::uint16_t id{0};     // of the buffer: in its last ring descriptor
    std::uint32_t slots{0};  // descriptors of the ring that it takes: how far the position moves
};

// How many descriptors of the ring a chain takes, by its descriptors as the walk gives them (RingDescriptor,
// trace::ChainDescriptor); at least 1, so that a chain of which nothing could be read stands somewhere, too.
template <class Descriptors>
[[nodiscard]] std::uint32_t slots_of(const Descriptors& descriptors) noexcept {
    const bool one = descriptors.empty() || (descriptors.front().flags & descriptor_indirect) != 0;
    return one ? 1 : static_cast<std::uint32_t>(descriptors.size());
}

// Walks the chain at `position`. Who calls has seen, with acquire order, that its first descriptor is available; of
// that one the flags are read again, and not judged. What is wrong ends the walk, the descriptor that shows it being
// the last, except `readable_after_writable` and `length_overflow`, which are noted. A chain of NEXT around the whole
// ring is `too_long`. In an indirect table all entries count, in sequence, their id and NEXT do not. Every descriptor
// is read from memory exactly once; work is bounded by the queue size plus `max_indirect_descriptors`; `chain` is
// cleared first and reused.
void walk_packed_chain(const WalkedMemory& memory, const PackedRingLayout& ring, PackedPosition position,
                       PackedChain& chain) noexcept;

}  // namespace vutrace::virtio
