// The state of every session after any record: forward by applying records, anywhere by checkpoints.
#pragma once

#include <vutrace/base/error.h>
#include <vutrace/session/checkpoints.h>
#include <vutrace/session/device_state.h>
#include <vutrace/session/sparse_memory.h>
#include <vutrace/trace/reader.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

namespace vutrace::session {

// A chain that was made available and not used yet.
struct OpenChain {
    std::uint64_t sequence{0};  // of the entry that made it available
    std::int64_t time{0};
    trace::ChainEntry entry;
};

struct QueueProgress {
    std::map<std::uint16_t, OpenChain> open;  // by head, all below the queue size; packed: by buffer id, any
    trace::RingFields fields;                 // as last recorded
    std::uint16_t next_available{0};          // ring index after the last entry seen; packed: position
    std::uint16_t next_used{0};
    std::uint64_t chains_available{0}, chains_used{0}, chains_lost{0};
    std::uint64_t kicks{0}, calls{0}, errs{0};
    std::uint64_t proofs[4]{};  // entries by trace::Proof
};

// One session, copyable: a checkpoint is a copy. `memory` holds what the trace tells of guest memory: memory records,
// buffers, and the rings at the places where the messages say they are.
struct SessionState {
    std::uint32_t number{0};
    std::vector<std::pair<std::string, std::string>> opened;  // attributes of the session records
    std::vector<std::pair<std::string, std::string>> closed;  // of half_closed records, too
    bool ended{false};
    DeviceState device;
    SparseMemory memory;
    std::map<std::uint16_t, QueueProgress> queues;
    std::uint64_t messages{0};
};

// What a record is in its session: handed to who renders it, together with the record.
struct ChainContext {
    std::vector<trace::ChainDescriptor>
        descriptors;                      // of the chain, from its available entry where the record has none
    std::uint64_t available_sequence{0};  // for used entries: where it was made available, 0 if never seen
    std::int64_t available_time{0};
    trace::Proof proof{trace::Proof::absent};  // of the descriptors and the readable bytes
    trace::Content readable;                   // for used entries: the readable bytes recorded when available
};

// Whether a tracker keeps guest memory. Without, each session's `memory` stays empty, and records cost half.
enum class MemoryTracking : std::uint8_t { on, off };

// Applies records in order. Copyable: copies share guest memory until one of them goes on.
class Tracker {
  public:
    explicit Tracker(MemoryTracking memory = MemoryTracking::on) noexcept : memory_(memory) {}

    // Takes in one record; gives a context per chain entry (empty for other records). Records of session 0, which
    // belong to the whole trace, change nothing.
    std::vector<ChainContext> apply(const trace::Record& record);
    // The same up to and including entry number `entries` of a chain record, for the state between entries of one
    // record. Other records are taken in whole.
    std::vector<ChainContext> apply_first(const trace::Record& record, std::size_t entries);

    [[nodiscard]] const std::map<std::uint32_t, SessionState>& sessions() const noexcept { return sessions_; }
    [[nodiscard]] const SessionState* session(std::uint32_t number) const noexcept;
    // Bytes of storage without what is in `seen` already, to which it is added.
    [[nodiscard]] std::uint64_t resident_bytes(std::unordered_set<const void*>& seen) const;

  private:
    // A message of the main channel of which only the first pieces were seen so far.
    struct Partial {
        protocol::Header header;
        Bytes payload;  // bounded
        std::vector<std::uint32_t> descriptor_ids;
    };

    void take(SessionState& session, const trace::SessionRecord& record);
    void take(SessionState& session, const trace::MessageRecord& record);
    void take(SessionState& session, const trace::EventRecord& record);
    void take(SessionState& session, const trace::MemoryRecord& record);
    void take(SessionState& session, const trace::GapRecord& record);
    std::vector<ChainContext> take(SessionState& session, const trace::Record& record, const trace::ChainRecord& chains,
                                   std::size_t entries);
    void begin_message(SessionState& session, const trace::MessageRecord& record);
    void deliver(SessionState& session, Side sender, const Partial& message);

    MemoryTracking memory_;
    std::map<std::uint32_t, SessionState> sessions_;
    std::map<std::pair<std::uint32_t, Side>, Partial> partial_;
};

// Random access: keeps checkpoints (a reader position and a copy of the tracker) while it reads, and answers by
// re-reading from the nearest one. One thread.
class Timeline {
  public:
    [[nodiscard]] static Result<Timeline> open(const std::string& path, CheckpointPolicy policy = {});

    // The state after record `sequence`. Errors: usage (0, or beyond the last record: the text says how many there
    // are), system. `progress` is called now and then with bytes read and bytes in the file, and may be empty.
    // Records that cannot be decoded have numbers too: the state after one is that before it.
    using Progress = std::function<void(std::uint64_t, std::uint64_t)>;
    [[nodiscard]] Result<Tracker> state_after(std::uint64_t sequence, const Progress& progress = {});
    [[nodiscard]] std::size_t checkpoint_count() const noexcept { return checkpoints_.size(); }
    [[nodiscard]] std::uint64_t records_read() const noexcept {
        return records_read_;
    }  // in all, for tests of the cost
    // Of the part read so far, each once however often it was read.
    [[nodiscard]] const trace::ReadProblems& problems() const noexcept { return reader_.problems(); }

  private:
    using Checkpoint = Checkpoints<Tracker>::Checkpoint;
    Timeline(std::string path, CheckpointPolicy policy, trace::Reader reader);
    [[nodiscard]] Result<Tracker> advance(std::uint64_t sequence, const Progress& progress);
    [[nodiscard]] Result<Tracker> read_again(std::uint64_t sequence);
    [[nodiscard]] Status go_back_to(const trace::Position& position);
    [[nodiscard]] const Checkpoint& nearest(std::uint64_t sequence) const noexcept;

    std::string path_;
    trace::Reader reader_;                // only ever goes on
    Tracker tracker_;                     // where `reader_` is
    std::optional<trace::Reader> again_;  // goes back
    Checkpoints<Tracker> checkpoints_;
    std::optional<Checkpoint> recent_;  // before the record that the last query was about
    std::uint64_t records_read_{0};
};

}  // namespace vutrace::session
