// What the messages of one session have agreed on so far: features, memory regions, queues. Driven by messages only, so
// that capture (live) and the decoder (from a trace) share it. No file, no memory, no rendering.
#pragma once

#include <vutrace/base/bytes.h>
#include <vutrace/base/side.h>
#include <vutrace/protocol/header.h>
#include <vutrace/protocol/payloads.h>
#include <vutrace/virtio/guest_memory.h>
#include <vutrace/virtio/iotlb.h>
#include <vutrace/virtio/ring_layout.h>

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace vutrace::session {

struct QueueState {
    std::optional<std::uint32_t> size;                // SET_VRING_NUM
    std::optional<protocol::VringAddress> addresses;  // SET_VRING_ADDR, as sent: front-end user addresses
    std::uint32_t base{0};                            // SET_VRING_BASE, or the last GET_VRING_BASE answer
    bool base_given{false};                           // by either, since the last reset
    bool started{false};                              // SET_VRING_KICK … GET_VRING_BASE
    bool enabled{false};
    bool polling{false};  // SET_VRING_KICK without a descriptor
    bool has_call{false};
    // Ids as given to `apply`; 0 where there is none. Those of kick and call are given up where the queue stops.
    std::uint32_t kick_descriptor{0}, call_descriptor{0}, err_descriptor{0};
};

// What one message changed, for who must act on it. A set of bits.
struct Change {
    bool memory{false};  // the region table is another: epoch() grew
    bool features{false};
    bool translations{false};                    // `translations()` grew
    bool device_reset{false};                    // RESET_OWNER, RESET_DEVICE, SET_STATUS 0: all queues stopped
    bool postcopy{false};                        // `postcopy_active()` changed
    bool memory_incomplete{false};               // `memory_incomplete()` changed
    std::optional<std::uint32_t> queue_changed;  // number of the queue whose set-up changed
    std::optional<std::uint32_t> queue_started;
    std::optional<std::uint32_t> queue_stopped;  // by the answer to GET_VRING_BASE
};

// A region and the descriptor of its file.
struct KnownRegion {
    virtio::Region region;
    std::uint32_t descriptor_id{0};  // as given to `apply`, 0 where the message carried too few
    bool operator==(const KnownRegion&) const = default;
};

// Copyable: a checkpoint is a copy.
class DeviceState {
  public:
    // Takes in one whole message of the main channel. `descriptor_ids` are the caller's numbers for the descriptors
    // that came with it, in order. Requests take effect when sent, what depends on the answer (GET_…) when answered;
    // unknown and malformed messages change nothing. Never fails.
    Change apply(Side sender, const protocol::Header& header, ByteView payload,
                 const std::vector<std::uint32_t>& descriptor_ids);

    [[nodiscard]] std::optional<std::uint64_t> offered_features() const noexcept { return offered_features_; }
    [[nodiscard]] std::optional<std::uint64_t> features() const noexcept { return features_; }  // acknowledged
    [[nodiscard]] std::optional<std::uint64_t> offered_protocol_features() const noexcept {
        return offered_protocol_features_;
    }
    [[nodiscard]] std::uint64_t protocol_features() const noexcept { return protocol_features_; }
    [[nodiscard]] bool protocol_features_given() const noexcept { return protocol_features_given_; }  // SET_…, ever
    [[nodiscard]] std::optional<std::uint64_t> queue_count() const noexcept { return queue_count_; }  // GET_QUEUE_NUM
    [[nodiscard]] const Bytes& configuration() const noexcept { return configuration_; }  // GET_CONFIG answers
    [[nodiscard]] bool has_feature(unsigned bit) const noexcept;
    [[nodiscard]] bool has_protocol_feature(unsigned bit) const noexcept;
    [[nodiscard]] bool postcopy_active() const noexcept { return postcopy_active_; }
    // From POSTCOPY_ADVISE on pages of guest memory may be missing, until POSTCOPY_END or, where the migration is done
    // without LISTEN, until a queue starts. Who touches one through a mapping meanwhile makes it exist, as zeros: the
    // page that comes later has no place any more.
    [[nodiscard]] bool memory_incomplete() const noexcept { return postcopy_active_ || postcopy_advised_; }
    // As the back-end gave it or the front-end gave it back, whichever came last; empty where there is none.
    [[nodiscard]] const std::optional<protocol::Inflight>& inflight_area() const noexcept { return inflight_area_; }
    [[nodiscard]] const std::optional<protocol::Log>& dirty_log() const noexcept { return dirty_log_; }

    [[nodiscard]] std::uint64_t epoch() const noexcept { return epoch_; }  // grows with each change of the regions
    [[nodiscard]] const std::vector<KnownRegion>& regions() const noexcept { return regions_; }
    [[nodiscard]] const virtio::RegionTable& region_table() const noexcept { return region_table_; }

    // With ACCESS_PLATFORM: what the IOTLB messages so far make of the addresses in rings and descriptors. Valid until
    // the next message. Empty without: descriptors hold guest physical addresses.
    [[nodiscard]] std::optional<virtio::IovaSpace> iova_space() const noexcept;
    // How many IOTLB messages took effect: an update with the request, an invalidation that is to be acknowledged with
    // the answer (until then the back-end may use what it had) or, without one, with the next IOTLB message.
    [[nodiscard]] std::uint64_t translations() const noexcept { return translations_; }

    [[nodiscard]] const std::map<std::uint32_t, QueueState>& queues() const noexcept { return queues_; }
    [[nodiscard]] const QueueState* queue(std::uint32_t index) const noexcept;
    // The ring of a queue in guest physical addresses, of the layout that RING_PACKED says. Empty where the size or the
    // addresses are missing, invalid (misaligned: 16, 2, 4 bytes; packed: 16, 4, 4) or outside the regions. Where
    // ACCESS_PLATFORM makes the addresses IOVAs, empty also as long as a part has no translation, or one to places that
    // do not lie together.
    [[nodiscard]] std::optional<virtio::RingLayout> ring(std::uint32_t index) const;
    [[nodiscard]] std::optional<virtio::SplitRingLayout> split_ring(std::uint32_t index) const;    // empty if packed
    [[nodiscard]] std::optional<virtio::PackedRingLayout> packed_ring(std::uint32_t index) const;  // empty if split
    // Where the queue starts: its base, or that of a ring that never ran where none was given. For a packed ring a
    // virtio::PackedBase.
    [[nodiscard]] std::uint32_t ring_base(std::uint32_t index) const noexcept;

    // The virtio device type as far as the messages prove it, and by what; 0 and empty where they do not.
    [[nodiscard]] std::uint32_t device_type() const;
    [[nodiscard]] const char* device_type_reason() const;

  private:
    // One message, as the handlers take it.
    struct Message {
        const protocol::Header& header;
        ByteView payload;
        const std::vector<std::uint32_t>& descriptor_ids;
    };
    // A request whose answer matters.
    struct Pending {
        std::uint32_t request{0};
        std::uint32_t queue{0};                // GET_VRING_BASE
        std::optional<virtio::Region> region;  // ADD_MEM_REG: taken back if the answer is a failure
    };
    // A part of a ring, by its address as sent.
    struct RingPlace {
        std::uint64_t address{0};
        std::uint64_t bytes{0};
        std::uint64_t alignment{0};
        virtio::Access needed{virtio::Access::none};  // by the device
    };
    using Handler = void (DeviceState::*)(const Message& message, Change& change);
    using ReplyHandler = void (DeviceState::*)(const Pending& pending, ByteView payload, Change& change);
    struct RequestRow;
    static const RequestRow* find_row(std::uint32_t request) noexcept;

    void apply_request(const Message& message, Change& change);
    void apply_reply(const protocol::Header& header, ByteView payload, Change& change);
    void expect_answer(const Message& message, const Change& change);

    void set_features(const Message& message, Change& change);
    void set_protocol_features(const Message& message, Change& change);
    void set_memory_table(const Message& message, Change& change);
    void add_memory_region(const Message& message, Change& change);
    void remove_memory_region(const Message& message, Change& change);
    void set_vring_size(const Message& message, Change& change);
    void set_vring_addresses(const Message& message, Change& change);
    void set_vring_base(const Message& message, Change& change);
    void set_vring_kick(const Message& message, Change& change);
    void set_vring_call(const Message& message, Change& change);
    void set_vring_error(const Message& message, Change& change);
    void set_vring_enable(const Message& message, Change& change);
    void vring_kick(const Message& message, Change& change);
    void postcopy_advise(const Message& message, Change& change);
    void postcopy_listen(const Message& message, Change& change);
    void postcopy_end(const Message& message, Change& change);
    void reset(const Message& message, Change& change);
    void set_status(const Message& message, Change& change);
    void device_specific(const Message& message, Change& change);
    void set_log_base(const Message& message, Change& change);
    void set_inflight_area(const Message& message, Change& change);
    void set_translation(const Message& message, Change& change);
    void only_answered(const Message& message, Change& change);

    void features_answered(const Pending& pending, ByteView payload, Change& change);
    void protocol_features_answered(const Pending& pending, ByteView payload, Change& change);
    void queue_count_answered(const Pending& pending, ByteView payload, Change& change);
    void configuration_answered(const Pending& pending, ByteView payload, Change& change);
    void vring_base_answered(const Pending& pending, ByteView payload, Change& change);
    void inflight_area_answered(const Pending& pending, ByteView payload, Change& change);
    void memory_region_answered(const Pending& pending, ByteView payload, Change& change);
    void translation_answered(const Pending& pending, ByteView payload, Change& change);

    void finish_invalidation(Change& change);
    [[nodiscard]] std::optional<std::uint64_t> locate(const RingPlace& part) const noexcept;
    void queue_starts(Change& change);
    QueueState* queue_to_change(std::uint32_t index, Change& change);
    void memory_changed(Change& change);

    std::optional<std::uint64_t> offered_features_;
    std::optional<std::uint64_t> features_;
    std::optional<std::uint64_t> offered_protocol_features_;
    std::uint64_t protocol_features_{0};
    bool protocol_features_given_{false};
    std::optional<std::uint64_t> queue_count_;
    Bytes configuration_;  // bounded: 4096 bytes
    std::uint64_t epoch_{0};
    std::vector<KnownRegion> regions_;  // bounded: 1024
    virtio::RegionTable region_table_;  // the same regions
    virtio::Iotlb iotlb_;               // bounded: see there
    std::uint64_t translations_{0};
    std::optional<protocol::Iotlb> invalidating_;  // sent, and its answer has not come
    std::map<std::uint32_t, QueueState> queues_;   // bounded: 1024, indices below 65535
    std::vector<Pending> pending_;                 // oldest first, bounded: 256
    std::optional<protocol::Inflight> inflight_area_;
    std::optional<protocol::Log> dirty_log_;
    bool postcopy_active_{false};
    bool postcopy_advised_{false};
    bool table_acknowledgement_due_{false};     // a SET_MEM_TABLE of postcopy waits for its acknowledgement
    std::uint32_t device_specific_request_{0};  // the first request seen that only one device type has
};

}  // namespace vutrace::session
