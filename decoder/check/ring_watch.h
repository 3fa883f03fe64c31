// What the rings of one session look like at each entry: what is in flight, where the indices are, when somebody was
// notified, and whether all of it was seen. Kept once, for all rules.
#pragma once

#include <vutrace/explain/annotation.h>
#include <vutrace/session/timeline.h>
#include <vutrace/trace/records.h>

#include <cstdint>
#include <map>
#include <optional>

namespace vutrace::check {

// A chain that was made available and not used yet.
struct Offer {
    std::uint64_t sequence{0};
    std::int64_t time{0};
    std::uint16_t index{0};     // of its slot in the available ring
    std::uint16_t problem{0};   // virtio::ChainProblem
    bool certain{false};        // its descriptors were read while they were the device's
    std::uint64_t readable{0};  // bytes, by its descriptors
    std::uint64_t writable{0};
    std::uint32_t slots{1};  // of a packed ring that it takes
    bool of_several{false};  // another one of this head was open, which a completion may belong to as well
};

// Kicks or calls of one queue.
struct Notified {
    std::uint64_t count{0};          // records of them
    std::uint64_t last_sequence{0};  // 0: none
    std::int64_t last_time{0};
};

struct Ring {
    std::uint32_t size{0};  // 0 where it was never told
    bool packed{false};     // then every index is a virtio::PackedPosition
    bool started{false};
    std::uint64_t start_sequence{0};           // of the message that started it last
    std::optional<std::int64_t> stopped_time;  // of the last stop
    // All since the ring's start was seen, so that what is not there did not happen.
    bool complete{false};
    std::optional<std::uint16_t> next_available;  // ring index after the last entry
    std::optional<std::uint16_t> next_used;
    std::optional<trace::RingFields> fields;  // of the last record whose fields belong to its entries
    std::map<std::uint16_t, Offer> open;      // by head
    std::uint64_t last_offer_sequence{0};
    std::int64_t last_entry_time{0};
    std::int64_t slowest{0};  // nanoseconds, of the completions so far
    Notified kicks, calls;

    // How far `to` is ahead of `from`, negative where it is behind: chains, in a packed ring descriptors.
    [[nodiscard]] int ahead(std::uint16_t from, std::uint16_t to) const noexcept;
    // The index behind that of a chain with these descriptors.
    [[nodiscard]] std::uint16_t behind(std::uint16_t index, std::uint32_t slots) const noexcept;
};

// Takes the records of one session in order. Queues beyond `most_queues` are not followed.
class RingWatch {
  public:
    static constexpr std::size_t most_queues = 1024;

    // A message was taken in: rings may have started or stopped.
    void message(const trace::Record& record, const explain::MessageAnnotation& what,
                 const session::DeviceState& after);
    void event(const trace::Record& record, const trace::EventRecord& event);
    void gap(const trace::GapRecord& gap);
    // One entry after the other, then the record.
    void entry(const trace::Record& record, const trace::ChainRecord& chain, std::size_t number);
    void record_done(const trace::ChainRecord& chain);

    // Null where nothing was ever seen of it.
    [[nodiscard]] const Ring* find(std::uint16_t queue) const noexcept;
    [[nodiscard]] const std::map<std::uint16_t, Ring>& rings() const noexcept { return rings_; }

    // Fields that were read in the same pass as the entries: not behind them.
    [[nodiscard]] static bool fields_belong(const Ring& after_entries, const trace::RingFields& fields) noexcept;

  private:
    Ring* of(std::uint16_t queue);
    void renew(const trace::Record& record, const explain::MessageAnnotation& what);

    std::map<std::uint16_t, Ring> rings_;
};

// Were the descriptors of an entry read while the chain was the device's? A late copy may be of the next chain.
[[nodiscard]] bool is_certain(const trace::ChainRecord& chain, std::size_t number) noexcept;

// Did capture itself find the completion of a chain that nobody offered? Its gap says so, and nothing was lost.
[[nodiscard]] bool is_unseen_offer(const trace::GapRecord& gap) noexcept;
// A used element beyond the descriptor table, for which a trace has no entry.
[[nodiscard]] bool is_bad_used_id(const trace::GapRecord& gap) noexcept;

}  // namespace vutrace::check
