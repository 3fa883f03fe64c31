// The state of every session after any record: forward by applying records, anywhere by checkpoints.
#pragma once

#include <vutrace/base/error.h>
#include <vutrace/session/device_state.h>
#include <vutrace/session/sparse_memory.h>
#include <vutrace/trace/reader.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace vutrace::session {

// A chain that was made available and not used yet.
struct OpenChain {
    std::uint64_t sequence{0};  // of the entry that made it available
    std::int64_t time{0};
    trace::ChainEntry entry;
};

struct QueueProgress {
    std::map<std::uint16_t, OpenChain> open;  // by head
    trace::RingFields fields;                 // as last recorded
    std::uint16_t next_available{0};          // ring index after the last entry seen
    std::uint16_t next_used{0};
    std::uint64_t chains_available{0}, chains_used{0}, chains_lost{0};
    std::uint64_t kicks{0}, calls{0}, errs{0};
    std::uint64_t proofs[4]{};  // entries by trace::Proof
};

// One session, copyable: a checkpoint is a copy.
struct SessionState {
    std::uint32_t number{0};
    std::vector<std::pair<std::string, std::string>> opened;  // attributes of the session records
    std::vector<std::pair<std::string, std::string>> closed;
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
    trace::Content readable;  // for used entries: the readable bytes recorded when available
};

// Applies records in order.
class Tracker {
  public:
    // Takes in one record; gives a context per chain entry (empty for other records).
    std::vector<ChainContext> apply(const trace::Record& record);
    // The same up to and including entry number `entries` of a chain record, for the state between entries of one
    // record.
    std::vector<ChainContext> apply_first(const trace::Record& record, std::size_t entries);

    [[nodiscard]] const std::map<std::uint32_t, SessionState>& sessions() const noexcept { return sessions_; }
    [[nodiscard]] const SessionState* session(std::uint32_t number) const noexcept;

  private:
    std::map<std::uint32_t, SessionState> sessions_;
};

// Random access: keeps checkpoints (a reader position and a copy of the tracker) while it reads, and answers by
// re-reading from the nearest one. One thread.
class Timeline {
  public:
    [[nodiscard]] static Result<Timeline> open(const std::string& path);

    // The state after record `sequence`. Errors: usage (0, or beyond the last record: the text says how many there
    // are), system. `progress` is called now and then with bytes read and bytes in the file, and may be empty.
    [[nodiscard]] Result<Tracker> state_after(std::uint64_t sequence,
                                              const std::function<void(std::uint64_t, std::uint64_t)>& progress = {});
    [[nodiscard]] std::size_t checkpoint_count() const noexcept { return checkpoints_.size(); }
    [[nodiscard]] std::uint64_t records_read() const noexcept {
        return records_read_;
    }  // in all, for tests of the cost
    [[nodiscard]] const trace::ReadProblems& problems() const noexcept { return reader_.problems(); }

  private:
    struct Checkpoint {
        trace::Position position;
        std::shared_ptr<const Tracker> tracker;
    };
    explicit Timeline(trace::Reader reader) : reader_(std::move(reader)) {}
    trace::Reader reader_;
    std::deque<Checkpoint> checkpoints_;
    std::uint64_t records_read_{0};
};

}  // namespace vutrace::session
