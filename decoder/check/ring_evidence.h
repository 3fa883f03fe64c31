// What rules about rings share: how sure an entry is, memory by queue, and phrases.
#pragma once

#include "rule.h"

#include <vutrace/virtio/packed_ring.h>
#include <vutrace/virtio/split_ring.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace vutrace::check {

// What a rule remembers of each queue. Bounded as RingWatch is: null beyond that.
template <class Memory>
class ByQueue {
  public:
    [[nodiscard]] Memory* of(std::uint16_t queue) {
        const auto found = memories_.find(queue);
        if (found != memories_.end()) {
            return &found->second;
        }
        return memories_.size() < RingWatch::most_queues ? &memories_[queue] : nullptr;
    }
    [[nodiscard]] Memory* find(std::uint16_t queue) {
        const auto found = memories_.find(queue);
        return found == memories_.end() ? nullptr : &found->second;
    }
    [[nodiscard]] std::map<std::uint16_t, Memory>& all() noexcept { return memories_; }

  private:
    std::map<std::uint16_t, Memory> memories_;
};

// "head 5 (available index 17)", in a packed ring "buffer 5 (available at 17, wrap counter 1)"
[[nodiscard]] std::string head_of(const ChainSight& sight);
[[nodiscard]] std::string position_of(std::uint16_t index);  // "17, wrap counter 1"
// What is wrong with the flags of an event area; empty where nothing is.
[[nodiscard]] std::optional<std::string> wrong_event_area(const char* owner, std::uint16_t flags, bool event_index);
// "1.5 s", "20 ms", "3 us"
[[nodiscard]] std::string duration(std::int64_t nanoseconds);

// Which notifications of a session leave a record.
enum class Watched : std::uint8_t {
    all,   // relay, shadow: each passes through capture
    some,  // tap: several may be seen as one, and with an irqfd behind a call none at all
    none,
};
[[nodiscard]] Watched watched_notifications(const session::SessionState& state) noexcept;

// Mode `shadow`: the driver gets completions from capture only, after these were recorded. In the others a driver that
// polls may have used a buffer again before it was copied, and nothing tells (docs/trace-format.md, proofs).
[[nodiscard]] bool delivers_completions(const session::SessionState& state) noexcept;

// Were the descriptors of an entry read while the chain was the device's? Where tap copied nothing of a chain, the
// entry does not say when they were read: it may have been the next chain's indirect table.
[[nodiscard]] inline bool is_certain(const ChainSight& sight) noexcept {
    const bool timeless =
        sight.entry.proof == trace::Proof::absent && watched_notifications(sight.after) == Watched::some;
    return !timeless && is_certain(sight.chain, sight.number);
}

inline constexpr std::int64_t second = 1'000'000'000;

inline constexpr const char* available_ring_section = "virtio, Split Virtqueues: The Virtqueue Available Ring";
inline constexpr const char* used_ring_section = "virtio, Split Virtqueues: The Virtqueue Used Ring";
inline constexpr const char* descriptor_section = "virtio, Split Virtqueues: The Virtqueue Descriptor Table";
inline constexpr const char* indirect_section = "virtio, Split Virtqueues: Indirect Descriptors";
inline constexpr const char* ring_states_section = "vhost-user, Ring states";

}  // namespace vutrace::check
