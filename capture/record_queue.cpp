#include "record_queue.h"

#include <vutrace/capture/clock.h>
#include <vutrace/trace/encode.h>

#include <algorithm>
#include <new>
#include <optional>

namespace vutrace::capture {
namespace {

constexpr std::size_t round_up(std::size_t value, std::size_t step) noexcept {
    return (value + step - 1) / step * step;
}

// What a record is worth when it is lost. A chain counts once, by the step that made it available.
RecordQueue::Losses worth_of(const trace::RecordBody& body, std::size_t size) noexcept {
    RecordQueue::Losses worth{1, size, 0, false};
    if (const auto* gap = std::get_if<trace::GapRecord>(&body)) {
        return {gap->records, gap->bytes, gap->chains, gap->at_least};
    }
    if (const auto* chains = std::get_if<trace::ChainRecord>(&body)) {
        worth.records = chains->entries.size();
        worth.chains = static_cast<std::uint64_t>(std::count_if(
            chains->entries.begin(), chains->entries.end(),
            [](const trace::ChainEntry& entry) { return entry.state == trace::ChainEntry::State::available; }));
    }
    return worth;
}

std::uint16_t queue_of(const trace::RecordBody& body) noexcept {
    return std::visit(
        [](const auto& record) {
            if constexpr (requires { record.queue; }) {
                return record.queue;
            } else {
                return trace::no_queue;
            }
        },
        body);
}

// Few, small, and without them the rest has no meaning.
bool is_vital(trace::RecordType type) noexcept {
    switch (type) {
        case trace::RecordType::session:
        case trace::RecordType::message:
        case trace::RecordType::gap:
        case trace::RecordType::note:
            return true;
        case trace::RecordType::event:
        case trace::RecordType::chain:
        case trace::RecordType::memory:
            return false;
    }
    return false;
}

}  // namespace

RecordQueue::RecordQueue(std::size_t capacity)
    : capacity_(std::max(capacity, smallest_capacity) / slot_alignment * slot_alignment),
      ring_(new (std::align_val_t{slot_alignment}) std::byte[capacity_]),
      gap_(trace::GapRecord{}) {
    waiting_losses_.reserve(most_losses);
    write_error_.reserve(longest_reason);
    std::get<trace::GapRecord>(gap_).reason.reserve(longest_reason);
}

RecordQueue::Outcome RecordQueue::push(std::uint32_t session, const trace::RecordBody& body) noexcept {
    const trace::RecordType type = trace::type_of(body);
    const std::size_t size = trace::encoded_size(body);
    Slot* slot = nullptr;
    bool was_half_full = false;
    bool is_half_full = false;
    {
        const std::lock_guard lock(mutex_);
        was_half_full = head_ - tail_ >= capacity_ / 2;
        if (size > largest_record()) {
            count_loss(session, queue_of(body), LossReason::too_large, worth_of(body, size));
        } else {
            slot = reserve(session, type, size);
            if (slot == nullptr) {
                const LossReason reason = write_failing_ ? LossReason::write_error : LossReason::queue_full;
                count_loss(session, queue_of(body), reason, worth_of(body, size));
            }
        }
        is_half_full = head_ - tail_ >= capacity_ / 2;
    }
    if (slot == nullptr) {
        return Outcome::dropped;
    }
    trace::encode_body(body, body_of(slot));
    slot->worth = type == trace::RecordType::gap ? Losses{} : worth_of(body, size);
    slot->state.store(SlotState::filled, std::memory_order_release);
    return is_half_full && !was_half_full ? Outcome::half_full : Outcome::queued;
}

RecordQueue::Outcome RecordQueue::push_loss(std::uint32_t session, const trace::GapRecord& gap) noexcept {
    const trace::RecordBody body(gap);
    const Outcome outcome = push(session, body);
    if (outcome != Outcome::dropped) {
        const std::lock_guard lock(mutex_);
        all_losses_ += worth_of(body, 0);
    }
    return outcome;
}

void RecordQueue::queue_losses() noexcept {
    const std::lock_guard lock(mutex_);
    if (head_ == tail_) {
        (void)place_losses(trace_now());
    }
}

void RecordQueue::set_write_error(std::string_view text) noexcept {
    const std::lock_guard lock(mutex_);
    write_failing_ = !text.empty();
    if (write_failing_) {
        write_error_.assign(text.substr(0, longest_reason));  // within what was reserved: does not allocate
    }
}

void RecordQueue::drop_all(const Losses& taken) {
    const std::lock_guard lock(mutex_);
    all_losses_ += taken;
    for (; tail_ != head_; tail_ += slot_at(tail_)->size) {
        const Slot* slot = slot_at(tail_);
        if (slot->state.load(std::memory_order_acquire) == SlotState::filled) {
            all_losses_ += slot->worth;
        }
    }
}

RecordQueue::Losses RecordQueue::losses() const noexcept {
    const std::lock_guard lock(mutex_);
    return all_losses_;
}

std::size_t RecordQueue::free_bytes() const noexcept {
    const std::lock_guard lock(mutex_);
    const std::size_t limit = limit_for(trace::RecordType::memory);
    const std::size_t used = head_ - tail_;
    return used < limit ? limit - used : 0;
}

std::size_t RecordQueue::largest_record() const noexcept {
    return std::min(capacity_ / 8, trace::max_body_size);
}

RecordQueue::Slot* RecordQueue::slot_at(std::uint64_t position) const noexcept {
    return std::launder(static_cast<Slot*>(static_cast<void*>(ring_.get() + position % capacity_)));
}

MutableByteView RecordQueue::body_of(Slot* slot) noexcept {
    return {static_cast<std::byte*>(static_cast<void*>(slot)) + sizeof(Slot), slot->body_size};
}

// The last sixteenth of the room is kept for what the rest cannot be understood without.
std::size_t RecordQueue::limit_for(trace::RecordType type) const noexcept {
    return is_vital(type) ? capacity_ : capacity_ - capacity_ / 16;
}

std::size_t RecordQueue::slot_size(std::size_t body_size) noexcept {
    return round_up(sizeof(Slot) + body_size, slot_alignment);
}

// A place is never split: what does not fit before the end of the ring begins at its start.
std::size_t RecordQueue::padding_for(std::size_t slot_size) const noexcept {
    const std::size_t to_end = capacity_ - head_ % capacity_;
    return slot_size > to_end ? to_end : 0;
}

bool RecordQueue::has_room(trace::RecordType type, std::size_t body_size) const noexcept {
    const std::size_t size = slot_size(body_size);
    return head_ - tail_ + padding_for(size) + size <= limit_for(type);
}

RecordQueue::Slot* RecordQueue::place(std::uint32_t session, trace::RecordType type, std::size_t body_size,
                                      std::int64_t time) noexcept {
    if (!has_room(type, body_size)) {
        return nullptr;
    }
    const std::size_t size = slot_size(body_size);
    const std::size_t padding = padding_for(size);
    if (padding != 0) {
        Slot* skipped = ::new (ring_.get() + head_ % capacity_) Slot;
        skipped->size = static_cast<std::uint32_t>(padding);  // less than one place
        skipped->state.store(SlotState::padding, std::memory_order_relaxed);
        head_ += padding;
    }
    Slot* slot = ::new (ring_.get() + head_ % capacity_) Slot;
    slot->session = session;
    slot->time = time;
    slot->size = static_cast<std::uint32_t>(size);  // see largest_record()
    slot->body_size = static_cast<std::uint32_t>(body_size);
    slot->type = type;
    head_ += size;
    return slot;
}

// All or none.
bool RecordQueue::place_losses(std::int64_t time) noexcept {
    const std::uint64_t before = head_;
    for (const Loss& loss : waiting_losses_) {
        auto& gap = std::get<trace::GapRecord>(gap_);
        gap.queue = loss.queue;
        gap.chains = loss.counts.chains;
        gap.records = loss.counts.records;
        gap.bytes = loss.counts.bytes;
        gap.at_least = loss.counts.at_least;
        gap.reason.assign(text_of(loss.reason));  // within what was reserved: does not allocate
        Slot* slot = place(loss.session, trace::RecordType::gap, trace::encoded_size(gap_), time);
        if (slot == nullptr) {
            head_ = before;
            return false;
        }
        trace::encode_body(gap_, body_of(slot));
        slot->state.store(SlotState::filled, std::memory_order_release);
    }
    waiting_losses_.clear();
    return true;
}

RecordQueue::Slot* RecordQueue::reserve(std::uint32_t session, trace::RecordType type, std::size_t body_size) noexcept {
    if (head_ == tail_ && head_ % capacity_ != 0) {
        // Nobody looks at an empty ring: from its start again, so that a quiet session keeps to a few warm pages.
        head_ += capacity_ - head_ % capacity_;
        tail_ = head_;
    }
    const std::int64_t time = trace_now();
    // What was lost before this record stands before it.
    if (!waiting_losses_.empty() && !(has_room(type, body_size) && place_losses(time))) {
        return nullptr;
    }
    return place(session, type, body_size, time);
}

void RecordQueue::count_loss(std::uint32_t session, std::uint16_t queue, LossReason reason,
                             const Losses& counts) noexcept {
    all_losses_ += counts;
    auto found = std::find_if(waiting_losses_.begin(), waiting_losses_.end(), [&](const Loss& loss) {
        return loss.session == session && loss.queue == queue && loss.reason == reason;
    });
    if (found == waiting_losses_.end()) {
        if (waiting_losses_.size() + 1 < most_losses) {
            waiting_losses_.push_back({session, queue, reason, {}});
        } else if (waiting_losses_.size() < most_losses) {
            waiting_losses_.push_back({0, trace::no_queue, reason, {}});  // all others together
        }
        found = std::prev(waiting_losses_.end());
    }
    found->counts += counts;
}

std::string_view RecordQueue::text_of(LossReason reason) const noexcept {
    switch (reason) {
        case LossReason::queue_full:
            return "the recorder's queue was full";
        case LossReason::too_large:
            return "the record was larger than the recorder takes";
        case LossReason::write_error:
            return write_error_;
    }
    return {};
}

void RecordQueue::release(std::uint64_t position) noexcept {
    const std::lock_guard lock(mutex_);
    tail_ = position;
}

}  // namespace vutrace::capture
