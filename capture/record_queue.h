// The bounded queue between the sessions' threads and the recorder's: one ring of bytes, allocated once, in which
// producers encode their records in place. Losses are counted here too, because whether a record fits and where in the
// order a loss stands is one decision.
#pragma once

#include <vutrace/base/error.h>
#include <vutrace/trace/records.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace vutrace::capture {

class RecordQueue {
  public:
    static constexpr std::size_t smallest_capacity = 64U << 10U;

    enum class Outcome : std::uint8_t {
        queued,
        half_full,  // queued, and by it the queue became half full: wake the consumer
        dropped,    // did not fit and was counted
    };
    struct Losses {
        std::uint64_t records{0};
        std::uint64_t bytes{0};
        std::uint64_t chains{0};
        bool at_least{false};  // of chains and records: may have been more

        Losses& operator+=(const Losses& more) noexcept {
            records += more.records;
            bytes += more.bytes;
            chains += more.chains;
            at_least |= more.at_least;
            return *this;
        }
        // Less what is part of it.
        [[nodiscard]] Losses without(const Losses& part) const noexcept {
            return {records - part.records, bytes - part.bytes, chains - part.chains, at_least};
        }
        [[nodiscard]] bool any() const noexcept { return (records | bytes | chains) != 0; }
    };

    struct Entry {
        std::int64_t time{0};  // nanoseconds since the epoch
        std::uint32_t session{0};
        trace::RecordType type{trace::RecordType::note};
        ByteView body;  // encoded; valid while it is visited
        Losses worth;   // what is lost with it
    };

    // `capacity` is rounded down to a multiple of 64 bytes and must be at least `smallest_capacity`.
    explicit RecordQueue(std::size_t capacity);

    // Producers, any thread. The record's time is taken in here, in the order of the queue.
    Outcome push(std::uint32_t session, const trace::RecordBody& body) noexcept;
    // The same for a loss that the caller found: where it does not fit, its counts wait for the next gap.
    Outcome push_loss(std::uint32_t session, const trace::GapRecord& gap) noexcept;

    // Consumer. Calls `visit(const Entry&) -> Status` for what waits, in order, and frees the room behind it; a failed
    // visit keeps its record and ends the call with that error. Records that a producer is still encoding, and all
    // behind them, are left for the next call.
    template <class Visit>
    [[nodiscard]] Status drain(Visit visit);
    // Consumer. Turns what waits to be told as lost into `gap` records, if the queue is empty; otherwise the
    // next producer that finds room does.
    void queue_losses() noexcept;
    // Consumer. While a text is set, it is the reason of what does not fit: the file cannot be written.
    void set_write_error(std::string_view text) noexcept;
    // Consumer. Counts everything that waits as dropped, and with it what the consumer had taken and could not keep.
    // Once, at the end.
    void drop_all(const Losses& taken);

    [[nodiscard]] Losses losses() const noexcept;
    [[nodiscard]] std::size_t largest_record() const noexcept;
    // Any thread. What an ordinary record may take now, all places together.
    [[nodiscard]] std::size_t free_bytes() const noexcept;

  private:
    static constexpr std::size_t slot_alignment = 64;
    static constexpr std::size_t most_losses = 128;
    static constexpr std::size_t longest_reason = 200;
    enum class SlotState : std::uint32_t { reserved, filled, padding };
    enum class LossReason : std::uint8_t { queue_full, too_large, write_error };

    // Begins every place in the ring; the encoded body follows.
    struct Slot {
        std::atomic<SlotState> state{SlotState::reserved};
        std::uint32_t session{0};
        std::int64_t time{0};
        std::uint32_t size{0};  // of the whole place
        std::uint32_t body_size{0};
        trace::RecordType type{trace::RecordType::note};
        Losses worth;  // nothing for a gap, which tells of what is counted already
    };
    // What is left before the end of the ring is a multiple of the alignment, and a slot must fit to mark it as
    // padding.
    static_assert(sizeof(Slot) <= slot_alignment);
    struct Loss {
        std::uint32_t session{0};
        std::uint16_t queue{trace::no_queue};
        LossReason reason{LossReason::queue_full};
        Losses counts;
    };
    struct FreeRing {
        void operator()(std::byte* ring) const noexcept { ::operator delete[](ring, std::align_val_t{slot_alignment}); }
    };

    [[nodiscard]] Slot* slot_at(std::uint64_t position) const noexcept;
    [[nodiscard]] static MutableByteView body_of(Slot* slot) noexcept;
    [[nodiscard]] std::size_t limit_for(trace::RecordType type) const noexcept;
    [[nodiscard]] static std::size_t slot_size(std::size_t body_size) noexcept;
    // The following need the mutex.
    [[nodiscard]] std::size_t padding_for(std::size_t slot_size) const noexcept;
    [[nodiscard]] bool has_room(trace::RecordType type, std::size_t body_size) const noexcept;
    [[nodiscard]] Slot* place(std::uint32_t session, trace::RecordType type, std::size_t body_size,
                              std::int64_t time) noexcept;
    [[nodiscard]] bool place_losses(std::int64_t time) noexcept;
    [[nodiscard]] Slot* reserve(std::uint32_t session, trace::RecordType type, std::size_t body_size) noexcept;
    void count_loss(std::uint32_t session, std::uint16_t queue, LossReason reason, const Losses& counts) noexcept;
    [[nodiscard]] std::string_view text_of(LossReason reason) const noexcept;
    void release(std::uint64_t position) noexcept;  // takes the mutex

    const std::size_t capacity_;
    const std::unique_ptr<std::byte[], FreeRing> ring_;
    mutable std::mutex mutex_;
    // Positions never wrap; a place is at position % capacity. Everything in [tail_, head_) is in use.
    std::uint64_t head_{0};
    std::uint64_t tail_{0};
    std::vector<Loss> waiting_losses_;  // not yet told by a gap; never grows beyond its first allocation
    Losses all_losses_;
    std::string write_error_;
    bool write_failing_{false};
    trace::RecordBody gap_;  // reused, so that telling a loss allocates nothing
};

template <class Visit>
Status RecordQueue::drain(Visit visit) {
    std::uint64_t position = 0;
    std::uint64_t end = 0;
    {
        const std::lock_guard lock(mutex_);
        position = tail_;
        end = head_;
    }
    const std::uint64_t release_step = capacity_ / 16;  // so that producers get room long before the end of a backlog
    std::uint64_t released = position;
    Status status;
    while (position != end) {
        Slot* slot = slot_at(position);
        const SlotState state = slot->state.load(std::memory_order_acquire);
        if (state == SlotState::reserved) {
            break;
        }
        if (state == SlotState::filled) {
            status = visit(Entry{slot->time, slot->session, slot->type, body_of(slot), slot->worth});
            if (!status) {
                break;
            }
        }
        position += slot->size;
        if (position - released >= release_step) {
            release(position);
            released = position;
        }
    }
    if (position != released) {
        release(position);
    }
    return status;
}

}  // namespace vutrace::capture
