// What a record means in its session: the decoded payload, what is wrong with it, the request a reply answers, the
// chain a used entry belongs to, the device's request inside. Computed once, rendered as JSON, text or rows of a
// window.
#pragma once

#include <vutrace/explain/conversation.h>
#include <vutrace/explain/lineage.h>
#include <vutrace/explain/shared_areas.h>
#include <vutrace/protocol/fields.h>
#include <vutrace/protocol/header.h>
#include <vutrace/protocol/requests.h>
#include <vutrace/session/timeline.h>
#include <vutrace/trace/records.h>
#include <vutrace/virtio/devices/block.h>
#include <vutrace/virtio/devices/decoder.h>

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_set>
#include <utility>
#include <vector>

namespace vutrace::explain {

struct MessageAnnotation {
    std::optional<protocol::Header> header;  // of the message; empty where its first record was never seen
    const protocol::RequestInfo* info{nullptr};
    std::string_view request{"UNKNOWN"};
    ByteView payload;                     // in this record, valid as long as it; all bytes where there is no header
    bool whole{true};                     // the record holds all of the payload
    bool parsed{true};                    // every payload byte found its place in `fields`
    std::vector<protocol::Field> fields;  // empty for a piece that does not begin the message
    std::vector<protocol::Problem> problems;
    std::optional<std::uint32_t> queue;   // for requests about one vring
    bool asks{false};                     // sent by the side that asks on its channel; otherwise it answers
    Answer answer{Answer::none};          // of what asks: what is due
    Exchange exchange;                    // of what answers: to which request
    std::uint64_t answers{0};             // sequence number of the request this replies to, 0 where not known
    std::optional<std::int64_t> latency;  // nanoseconds since that request
};

struct EntryAnnotation {
    session::ChainContext context;
    std::vector<trace::ChainDescriptor> buffers;  // the chain's without references to indirect tables
    bool packed{false};                           // of a packed ring: `head` is a buffer id, `index` a position
    bool indirect{false};                         // the chain went through an indirect table
    bool descriptors_known{false};                // false: used without an available step in the trace
    std::uint64_t readable_total{0};              // bytes of all device-readable buffers
    std::uint64_t writable_total{0};
    virtio::QueueRole role;                        // of its queue, where the device is known
    std::optional<virtio::DeviceRequest> request;  // where the device's decoder could make something of it
    std::optional<virtio::block::Request> block;   // the same as values, of a block device
    std::optional<std::int64_t> latency;           // nanoseconds from available to used
};

struct Annotation {
    const trace::Record* record{nullptr};
    std::int64_t start_time{0};            // of the first record that was annotated: the trace's, as a rule
    std::uint32_t device{0};               // virtio device type of the session, 0 where not known
    const char* device_reason{""};         // what proves it, for people; empty where nothing does, or it was told
    std::optional<std::uint32_t> queue;    // the queue the record is about
    MessageAnnotation message;             // message records only
    std::vector<EntryAnnotation> entries;  // chain records only: one per entry
    SharedAreaAnnotation area;             // memory records of the in-flight area or the dirty log only
    // Its session after the record, without guest memory; null for what belongs to the whole trace.
    const session::SessionState* state{nullptr};
};

// The queue that a record names; of messages, whose payload does, none.
[[nodiscard]] std::optional<std::uint32_t> queue_of(const trace::RecordBody& body);

// Wraps for times that no clock shows, instead of overflowing.
[[nodiscard]] constexpr std::int64_t elapsed(std::int64_t from, std::int64_t to) noexcept {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(to) - static_cast<std::uint64_t>(from));
}

// Takes the records of a trace in order. Work for a record is bounded by its size; memory by the number of sessions
// and open chains. One thread.
class Annotator {
  public:
    // `device` forces the virtio device type of every session; without it each session's is what its messages prove, or
    // those of the session that it continues.
    explicit Annotator(std::optional<std::uint32_t> device = std::nullopt) : forced_device_(device) {}

    // The result refers to `record` and is valid until the next call.
    const Annotation& annotate(const trace::Record& record);

    // Knows messages and queues, not guest memory, which annotations do not need.
    [[nodiscard]] const session::Tracker& tracker() const noexcept { return tracker_; }
    [[nodiscard]] const Lineages& lineages() const noexcept { return lineages_; }
    // Bytes that a copy costs without what is in `seen` already, to which it is added: an estimate.
    [[nodiscard]] std::uint64_t resident_bytes(std::unordered_set<const void*>& seen) const;
    // What is still unanswered on a channel of a session; null where nothing was said there.
    [[nodiscard]] const Conversation* conversation(std::uint32_t session, Channel channel) const noexcept;

  private:
    using ChannelKey = std::pair<std::uint32_t, Channel>;        // session, channel
    using QueueKey = std::pair<std::uint32_t, std::uint16_t>;    // session, queue
    using SenderKey = std::tuple<std::uint32_t, Channel, Side>;  // session, channel, sender

    // Device types; 0 where nothing proves one.
    struct KnownDevice {
        std::uint32_t own{0};          // by its own messages
        std::uint32_t shown{0};        // by its own chains
        std::uint32_t chains_seen{0};  // for `shown`, bounded
        std::uint32_t inherited{0};
        std::uint64_t evidence{0};  // what the lineages had seen when `inherited` was found
        [[nodiscard]] std::uint32_t type() const noexcept { return own != 0 ? own : shown != 0 ? shown : inherited; }
    };

    void annotate_message(const trace::Record& record, const trace::MessageRecord& message, Answer answer);
    void annotate_payload(const trace::Record& record, const trace::MessageRecord& message);
    [[nodiscard]] Answer answer_due(const trace::Record& record) const noexcept;
    void pair(const trace::Record& record, const trace::MessageRecord& message, Answer answer);
    void annotate_chain(const trace::Record& record, const trace::ChainRecord& chain,
                        std::vector<session::ChainContext>&& contexts);
    void decode_requests(const trace::Record& record, const trace::ChainRecord& chain);
    void look_for_device(std::uint32_t session, const trace::ChainRecord& chain);
    void forget_packets(const trace::Record& record);
    void forget_packets(std::uint32_t session, std::uint16_t queue);
    [[nodiscard]] bool is_started(const QueueKey& key) const noexcept;
    void learn_device(std::uint32_t session);
    void take_device(std::uint32_t session);
    [[nodiscard]] const char* reason_of(std::uint32_t session) const;
    [[nodiscard]] std::uint32_t device_of(std::uint32_t session);

    std::optional<std::uint32_t> forced_device_;
    session::Tracker tracker_{session::MemoryTracking::off};
    Annotation annotation_;
    Lineages lineages_;
    std::map<ChannelKey, Conversation> conversations_;
    std::map<SenderKey, protocol::Header> current_;  // header of the message whose pieces are arriving
    std::map<std::uint32_t, KnownDevice> devices_;   // by session
    std::map<QueueKey, virtio::QueueMemory> packets_;
    Bytes readable_bytes_, written_bytes_, last_bytes_;  // scratch
};

}  // namespace vutrace::explain
