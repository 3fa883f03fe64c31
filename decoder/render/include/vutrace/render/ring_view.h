// A ring as it stood after a record, with what is known of it and who owns what.
#pragma once

#include <vutrace/render/style.h>
#include <vutrace/session/timeline.h>
#include <vutrace/virtio/packed_ring.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vutrace::render {

struct TableEntry {
    std::uint16_t index{0};  // in the descriptor table or ring
    trace::ChainDescriptor descriptor;
};

// What a descriptor is. Of a packed ring seen from both positions; of a split one nobody can see whether the driver has
// taken it back: what is no open chain's is `free`, and `unknown` where chains were lost or none was seen.
enum class SlotState : std::uint8_t { unknown, free, available, used, part };  // part: of a chain that begins before it
[[nodiscard]] const char* name_of(SlotState state) noexcept;
// Whose it is, for people: "device, head of a chain".
[[nodiscard]] const char* owner_text(SlotState state, bool packed) noexcept;

// A chain that the device owns. Its buffers are the device's until it is used.
struct OpenChainView {
    std::uint16_t head{0};   // packed: buffer id
    std::uint16_t index{0};  // free-running available index it was offered at; packed: position
    std::uint64_t sequence{0};
    std::int64_t time{0};
    trace::Proof proof{trace::Proof::absent};
    std::uint16_t problem{0};
    std::vector<TableEntry> table;                 // entries of the descriptor table that it occupies
    std::vector<trace::ChainDescriptor> indirect;  // entries of its indirect table
};

// Everything a trace does not tell is empty.
struct RingView {
    std::uint32_t session{0};
    std::uint32_t queue{0};
    bool configured{false};  // the messages mentioned the queue
    bool started{false};
    bool enabled{false};
    bool packed{false};       // negotiated packed: `layout` and the two rings stay empty
    bool event_index{false};  // RING_EVENT_IDX negotiated: the event fields count, the flags do not
    std::optional<virtio::SplitRingLayout> layout;  // in guest physical addresses
    std::optional<virtio::PackedRingLayout> packed_layout;
    std::vector<SlotState> slots;  // by place in the ring, or in the descriptor table
    // In a packed ring the indices are positions, available flags and used event the driver's event area, used flags
    // and available event the device's.
    std::optional<std::uint16_t> available_index, available_flags, used_event;
    std::optional<std::uint16_t> used_index, used_flags, available_event;
    std::vector<OpenChainView> open;                           // oldest first
    std::vector<TableEntry> table;                             // entries known from captured memory
    std::vector<std::optional<std::uint16_t>> available_ring;  // heads by slot, from captured memory and open chains
    struct Used {
        std::uint32_t id{0};
        std::uint32_t length{0};
    };
    std::vector<std::optional<Used>> used_ring;  // by slot, from captured memory
    // How many slots before the used index the device certainly filled since the queue started, of a split ring; what
    // stands in the others may be of an earlier life of the queue. 0 where it does not run.
    std::uint64_t used_since_start{0};
    std::uint64_t chains_available{0}, chains_used{0}, chains_lost{0};  // in the session
    bool chains_lost_at_least{false};                                   // of `chains_lost`: may have been more
    std::vector<std::string> problems;  // what is wrong in the rings, with the values; bounded

    // The open chain that a descriptor belongs to; null where there is none. Of several the one offered last.
    [[nodiscard]] const OpenChainView* chain_at(std::uint32_t slot) const noexcept;
    // `table` and what only the open chains tell, by index.
    [[nodiscard]] std::vector<TableEntry> table_with_open() const;
};

// The rings of a session, of all its queues or of one; empty where it has none such. Bounded by the queue sizes.
[[nodiscard]] std::vector<RingView> view_rings(const session::SessionState& state, std::optional<std::uint32_t> queue);

[[nodiscard]] std::string ring_text(const RingView& ring, const Style& style);
// The lines of `ring_text` without what a picture shows, slots and open chains; plain.
[[nodiscard]] std::string ring_facts(const RingView& ring);
// "17, wrap counter 1": a position of a packed ring; "unknown".
[[nodiscard]] std::string position_text(const std::optional<std::uint16_t>& position);
// The value of SET_VRING_BASE or GET_VRING_BASE: "17"; packed "17, wrap counter 1; used 16, wrap counter 1".
[[nodiscard]] std::string base_text(std::uint32_t base, bool packed);
// Why a chain could not be walked to its end; empty for 0.
[[nodiscard]] std::string chain_problem_text(std::uint16_t problem);
// One JSON object without a newline: unknown values are null.
[[nodiscard]] std::string ring_json(const RingView& ring);

}  // namespace vutrace::render
