// What must be equal between a recorded and a replayed session, and what may differ.
#pragma once

#include <vutrace/base/bytes.h>
#include <vutrace/protocol/header.h>
#include <vutrace/replay/buffer_memory.h>
#include <vutrace/replay/message.h>
#include <vutrace/replay/report.h>
#include <vutrace/trace/records.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vutrace::replay {

enum class ReplyStrictness : std::uint8_t {
    exact,          // every byte
    masked,         // every byte outside a range
    tolerant,       // only that there is a reply to this request
    ring_position,  // exact, unless chains were lost or in flight when it was asked
};

struct ReplyRule {
    std::uint32_t request;
    ReplyStrictness strictness;
    std::uint32_t mask_begin;  // masked: bytes of the payload that may differ
    std::uint32_t mask_end;
    std::string_view reason;
};
// The rule of a request of the main channel; requests without a row of their own are exact.
[[nodiscard]] const ReplyRule& reply_rule(std::uint32_t request) noexcept;

// Empty where the replies agree, otherwise what differs (sequence, subject and queue are the caller's).
// `position_uncertain`: see ReplyStrictness::ring_position. `device_type`: virtio number for the names of what differs,
// 0 where not known.
[[nodiscard]] std::optional<Divergence> compare_replies(const protocol::Header& expected, ByteView expected_payload,
                                                        const Message& actual, bool position_uncertain,
                                                        std::uint32_t device_type = 0);

struct UsedComparison {
    std::vector<Divergence> divergences;
    bool doubtful{false};  // bytes differ where the trace does not vouch for its own
    std::uint64_t bytes_compared{0};
};
// Compares how a chain was used: the length, and the bytes that the trace holds; for a virtio-blk request (`is_block`)
// its status is named apart. `descriptors` are the chain's, with its buffers in `memory`.
[[nodiscard]] UsedComparison compare_used(const trace::ChainEntry& expected, std::uint32_t actual_length,
                                          const std::vector<trace::ChainDescriptor>& descriptors,
                                          const BufferMemory& memory, bool is_block);

}  // namespace vutrace::replay
