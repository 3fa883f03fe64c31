// Split virtqueues: layout, index arithmetic, notification suppression, walking of chains.
// Source: virtio specification, "Split Virtqueues".
#pragma once

#include <vutrace/virtio/chain.h>

#include <cstdint>

namespace vutrace::virtio {

inline constexpr std::uint16_t available_no_interrupt = 1;
inline constexpr std::uint16_t used_no_notify = 1;

// A queue size that a split ring may have: a power of two, 1 to 32768.
[[nodiscard]] constexpr bool is_split_queue_size(std::uint32_t size) noexcept {
    return size != 0 && size <= max_queue_size && (size & (size - 1)) == 0;
}

// Where the parts are, as guest physical addresses, and byte sizes of the parts.
struct SplitRingLayout {
    std::uint32_t size{0};  // descriptors
    std::uint64_t descriptor{0};
    std::uint64_t available{0};
    std::uint64_t used{0};

    [[nodiscard]] std::uint64_t descriptor_bytes() const noexcept { return descriptor_size * std::uint64_t{size}; }
    [[nodiscard]] std::uint64_t available_bytes() const noexcept { return 6 + 2 * std::uint64_t{size}; }
    [[nodiscard]] std::uint64_t used_bytes() const noexcept { return 6 + 8 * std::uint64_t{size}; }
    // Byte offsets inside the available and used ring; `index` is free-running.
    [[nodiscard]] std::uint64_t available_slot(std::uint16_t index) const noexcept {
        return 4 + 2 * (index & (size - 1));
    }
    [[nodiscard]] std::uint64_t used_slot(std::uint16_t index) const noexcept {
        return 4 + 8 * std::uint64_t{index & (size - 1)};
    }
    [[nodiscard]] std::uint64_t used_event() const noexcept { return 4 + 2 * std::uint64_t{size}; }
    [[nodiscard]] std::uint64_t available_event() const noexcept { return 4 + 8 * std::uint64_t{size}; }
    bool operator==(const SplitRingLayout&) const = default;
};

// Must the other side be notified when an index moved from `before` to `after` past `event`?
[[nodiscard]] constexpr bool needs_event(std::uint16_t event, std::uint16_t before, std::uint16_t after) noexcept {
    return static_cast<std::uint16_t>(after - event - 1) < static_cast<std::uint16_t>(after - before);
}

// Walks one chain. What is wrong with it ends the walk, the descriptor that shows it being the last of the chain,
// except `readable_after_writable` and `length_overflow`, which are noted. Descriptors of length 0 and reserved flags
// are passed on as they are (W12, W25). `chain` is cleared first and reused without allocating where it is large
// enough. Every descriptor is read from memory exactly once. Work is bounded by the queue size plus
// `max_indirect_descriptors`.
void walk_chain(const WalkedMemory& memory, const SplitRingLayout& ring, std::uint16_t head, Chain& chain) noexcept;

}  // namespace vutrace::virtio
