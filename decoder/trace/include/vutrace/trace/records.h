// The seven record types of a trace, as values. docs/trace-format.md is the specification of their bytes.
// Nothing here says what the bytes mean: protocol and virtio do.
#pragma once

#include <vutrace/base/bytes.h>
#include <vutrace/base/side.h>
#include <vutrace/system/descriptor_kind.h>
#include <vutrace/trace/content.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace vutrace::trace {

inline constexpr std::uint16_t no_queue = 0xffff;

enum class RecordType : std::uint8_t { session = 1, message = 2, event = 3, chain = 4, memory = 5, gap = 6, note = 7 };
[[nodiscard]] const char* name_of(RecordType type) noexcept;  // "session", "message", …

// A session begins, changes or ends. The attributes are text for the reader to show and search; the keys
// that capture writes are listed in docs/trace-format.md ("front-end.pid", "datapath", "reason", …).
struct SessionRecord {
    enum class Kind : std::uint8_t { opened = 1, half_closed = 2, closed = 3 };
    Kind kind{Kind::opened};
    std::vector<std::pair<std::string, std::string>> attributes;
    bool operator==(const SessionRecord&) const = default;
};
[[nodiscard]] const char* name_of(SessionRecord::Kind kind) noexcept;

// A descriptor that came with a message. `id` is ours: unique in the session, never reused.
struct Descriptor {
    std::uint32_t id{0};
    DescriptorDescription description;
    bool operator==(const Descriptor&) const = default;
};

// Bytes of one message as they were on the wire, header included. A message of more than
// `max_message_piece` bytes comes as several records with growing offsets.
struct MessageRecord {
    Channel channel{Channel::front_end};
    Side sender{Side::front_end};
    bool incomplete{false};             // the connection ended before the announced size arrived
    bool descriptors_truncated{false};  // the kernel handed over fewer descriptors than were sent
    std::uint64_t offset{0};            // of the first byte in the message; 0 means: begins with the header
    std::vector<Descriptor> descriptors;
    Bytes bytes;
    bool operator==(const MessageRecord&) const = default;
};
inline constexpr std::size_t max_message_piece = 65536;

struct EventRecord {
    enum class Kind : std::uint8_t { kick = 0, call = 1, err = 2 };
    Kind kind{Kind::kick};
    std::uint16_t queue{no_queue};
    std::uint64_t count{0};  // notifications seen as one: the counter's value in relay, wake-ups in tap
    bool operator==(const EventRecord&) const = default;
};
[[nodiscard]] const char* name_of(EventRecord::Kind kind) noexcept;

// A virtqueue descriptor, bit for bit as in the ring or table (little-endian fields of a split ring).
struct ChainDescriptor {
    std::uint64_t address{0};
    std::uint32_t length{0};
    std::uint16_t flags{0};
    std::uint16_t next{0};
    bool operator==(const ChainDescriptor&) const = default;
};

// How sure it is that the captured bytes are the ones the owner gave (docs/trace-format.md, "Proof").
enum class Proof : std::uint8_t { absent = 0, partial = 1, late = 2, verified = 3 };
[[nodiscard]] const char* name_of(Proof proof) noexcept;

// One step of a chain: made available by the driver, or used by the device.
struct ChainEntry {
    enum class State : std::uint8_t { available = 0, used = 1 };
    State state{State::available};
    Proof proof{Proof::absent};
    std::uint16_t head{0};
    std::uint16_t index{0};        // free-running ring index of the slot it was found in
    std::uint32_t time_offset{0};  // nanoseconds after the record's time
    std::uint32_t used_length{0};  // used only
    std::uint16_t problem{0};      // why walking stopped: a virtio::ChainProblem, 0 = none
    // Available: every descriptor in the order of the walk, a descriptor that refers to an indirect table followed
    // by that table's. Used: empty, unless the available step was never seen.
    std::vector<ChainDescriptor> descriptors;
    // Available: the device-readable bytes. Used: the first `used_length` device-writable bytes.
    Content content;
    bool operator==(const ChainEntry&) const = default;
};
[[nodiscard]] const char* name_of(ChainEntry::State state) noexcept;

// Fields of both rings next to the entries, read in the same pass.
struct RingFields {
    std::uint16_t available_index{0};
    std::uint16_t available_flags{0};
    std::uint16_t used_event{0};
    std::uint16_t used_index{0};
    std::uint16_t used_flags{0};
    std::uint16_t available_event{0};
    bool operator==(const RingFields&) const = default;
};

struct ChainRecord {
    std::uint16_t queue{0};
    RingFields fields;
    std::vector<ChainEntry> entries;  // at least one, in the order seen
    // Behind an IOMMU: how many IOTLB messages had taken effect when the addresses in it were translated. Empty: those
    // before the record, or there is no IOMMU.
    std::optional<std::uint64_t> translations{};
    bool operator==(const ChainRecord&) const = default;
};

// Guest memory as it stood at the record's time.
struct MemoryRecord {
    enum class Part : std::uint8_t {
        region = 0,        // a piece of a memory region (mode `full`)
        descriptor = 1,    // descriptor table
        available = 2,     // available ring
        used = 3,          // used ring
        inflight = 4,      // in-flight area: `address` is an offset in it
        log = 5,           // dirty log: `address` is an offset in it
        device_state = 6,  // what went through a pipe of the device's state: `address` is an offset in it
    };
    static constexpr Part last_part = Part::device_state;
    Part part{Part::region};
    Proof proof{Proof::late};
    std::uint16_t queue{no_queue};
    std::uint64_t address{0};  // guest physical, except where `part` says otherwise
    Content content;
    bool operator==(const MemoryRecord&) const = default;
};
[[nodiscard]] const char* name_of(MemoryRecord::Part part) noexcept;
// Whether it is a part of the guest's memory; `address` is an offset in something else otherwise.
[[nodiscard]] bool is_guest_memory(MemoryRecord::Part part) noexcept;

// Something was lost, with how much of it. Counts that do not apply are 0.
struct GapRecord {
    static constexpr std::uint16_t at_least_flag = 1;
    std::uint16_t queue{no_queue};
    std::uint64_t chains{0};
    std::uint64_t records{0};
    std::uint64_t bytes{0};
    std::string reason;
    // The counts are the fewest that it can have been: a ring's indices may have gone all the way round unseen since
    // the queue's gap before this one.
    bool at_least{false};
    bool operator==(const GapRecord&) const = default;
};

// Something the capture has to say about itself: a fallback, a changed descriptor, an error.
struct NoteRecord {
    enum class Severity : std::uint8_t { info = 0, warning = 1, error = 2 };
    Severity severity{Severity::info};
    std::uint16_t queue{no_queue};
    std::string text;
    bool operator==(const NoteRecord&) const = default;
};
[[nodiscard]] const char* name_of(NoteRecord::Severity severity) noexcept;

using RecordBody =
    std::variant<SessionRecord, MessageRecord, EventRecord, ChainRecord, MemoryRecord, GapRecord, NoteRecord>;

struct Record {
    // 1-based, counted by the reader. A chain record with n entries takes n numbers, the first is this; fragments of
    // one record take one. A record that is unknown or cannot be decoded takes one, packets of others none.
    std::uint64_t sequence{0};
    std::int64_t time{0};      // nanoseconds since the epoch, never less than the record's before
    std::uint32_t session{0};  // 1-based; 0 = the whole trace
    RecordBody body;
    bool operator==(const Record&) const = default;
};

[[nodiscard]] RecordType type_of(const RecordBody& body) noexcept;
// How many sequence numbers the record takes: its entries for a chain record, otherwise 1.
[[nodiscard]] std::uint64_t sequence_count(const Record& record) noexcept;
// Nanoseconds since the epoch of an entry of a chain record. Saturates for a record made by hand: what the reader gives
// ends long before.
[[nodiscard]] std::int64_t time_of(const Record& record, const ChainEntry& entry) noexcept;
// The same of any record by the number of its entry, which must be below `sequence_count(record)`.
[[nodiscard]] std::int64_t time_of(const Record& record, std::size_t entry) noexcept;

}  // namespace vutrace::trace
