// A session as it stood after a record: what was agreed on, what memory there is and what lies in it, its queues, and
// what is in flight. For who draws it; the words are those of the other texts.
#pragma once

#include <vutrace/render/details.h>
#include <vutrace/render/ring_view.h>
#include <vutrace/session/history.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vutrace::render {

// How a feature bit stands between the two sides.
enum class FeatureStanding : std::uint8_t {
    accepted,       // offered and accepted
    missing,        // offered, and the front-end did without it
    offered,        // offered; nothing was accepted so far
    never_offered,  // accepted, though the back-end did not offer it
    offer_unknown,  // accepted; the offer is not in the trace
};
[[nodiscard]] std::string_view name_of(FeatureStanding standing) noexcept;  // a short phrase for people
[[nodiscard]] Tone tone_of(FeatureStanding standing) noexcept;

struct FeatureBit {
    unsigned bit{0};
    std::string name;  // "bit 63" where it has none
    FeatureStanding standing{FeatureStanding::offered};
};
enum class FeatureKind : std::uint8_t { virtio, vhost_user };  // GET_FEATURES, GET_PROTOCOL_FEATURES
// Every bit of either mask, lowest first; an empty mask was never seen. `device` as for `protocol::feature_names`.
[[nodiscard]] std::vector<FeatureBit> compare_features(FeatureKind kind, std::optional<std::uint64_t> offered,
                                                       std::optional<std::uint64_t> accepted, std::uint32_t device);

// Something that lies in guest memory.
enum class MarkKind : std::uint8_t {
    descriptors,  // descriptor table, or descriptor ring
    driver_part,  // available ring, or driver event area
    device_part,  // used ring, or device event area
    readable,     // a buffer of a chain in flight
    writable,
    indirect,  // an indirect table of one
};
struct MemoryMark {
    MarkKind kind{MarkKind::descriptors};
    std::uint64_t address{0};  // guest physical
    std::uint64_t size{0};     // bytes
    std::uint32_t queue{0};
    std::uint64_t record{0};  // of buffers: that offered the chain
};
// "descriptor table of queue 0", "readable buffer of queue 1, in flight since record 7".
[[nodiscard]] std::string mark_name(const MemoryMark& mark, bool packed);
// "descriptor table": what marks of a kind are.
[[nodiscard]] std::string_view name_of(MarkKind kind, bool packed) noexcept;

struct RegionView {
    session::KnownRegion known;
    std::vector<MemoryMark> marks;  // those that begin in it
};

struct QueueView {
    std::uint32_t number{0};
    std::string role;                          // "requests"; empty where it is not known
    std::optional<session::QueueState> setup;  // empty where the messages never mentioned it
    RingView ring;
    std::uint64_t kicks{0}, calls{0}, errs{0};
};

struct InFlightChain {
    std::uint32_t queue{0};
    OpenChainView chain;
    std::uint64_t readable{0}, writable{0};  // bytes
};

struct StateView {
    std::uint64_t sequence{0};  // after which record
    std::int64_t time{0};       // of that record
    std::uint32_t session{0};
    bool ended{false};
    std::uint32_t device{0};  // virtio device type, 0 where not known
    std::optional<std::uint64_t> offered, accepted;
    std::optional<std::uint64_t> offered_protocol, accepted_protocol;
    std::vector<FeatureBit> features, protocol_features;
    std::uint64_t epoch{0};  // of the memory regions
    bool packed{false};
    bool translated{false};           // ACCESS_PLATFORM: addresses of rings and buffers are no guest addresses
    std::vector<RegionView> regions;  // by guest address
    std::vector<MemoryMark> outside;  // in no region
    bool more_marks{false};           // there are too many to draw
    std::vector<QueueView> queues;    // by number
    std::vector<InFlightChain> open;  // of all queues, oldest first
};

// Bounded by the session's state; of marks at most `most_marks`.
inline constexpr std::size_t most_marks = 20000;
[[nodiscard]] StateView view_state(const session::SessionState& state, std::uint32_t device, std::uint64_t sequence,
                                   std::int64_t time);

// "kick of queue 0", "memory region", "SET_LOG_BASE": what it was passed for.
[[nodiscard]] std::string use_text(const session::DescriptorLife& life);
// "memfd  id 10  inode 7  device 0:1  size 67108864 (64M)".
[[nodiscard]] std::string descriptor_text(const trace::Descriptor& descriptor);
// "in use to the end of the trace", "replaced by record 12".
[[nodiscard]] std::string end_text(const session::DescriptorLife& life);

}  // namespace vutrace::render
