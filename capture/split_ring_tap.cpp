#include "split_ring_tap.h"

#include "in_order_batches.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace vutrace::capture {
namespace {

// What walking to one descriptor costs, in bytes that could have been copied meanwhile.
constexpr std::uint64_t bytes_per_descriptor = 64;

std::uint16_t distance(std::uint16_t from, std::uint16_t to) noexcept {
    return static_cast<std::uint16_t>(to - from);
}

void lower(trace::Proof& proof, trace::Proof limit) noexcept {
    proof = std::min(proof, limit);
}

}  // namespace

SplitRingTap::SplitRingTap(Options options, Recorder& recorder)
    : options_(std::move(options)),
      recorder_(recorder),
      copier_(options_.memory, options_.snap_length),
      batch_(options_.queue, recorder.largest_record()) {
    in_flight_.track_order(options_.in_order);
}

bool SplitRingTap::place(const virtio::SplitRingLayout& layout, std::shared_ptr<const GuestMappings> mappings) {
    if (layout.size != ring_.layout().size) {
        in_flight_.resize(layout.size);
        offered_in_batch_.assign(layout.size, -1);
        completed_in_batch_.assign(layout.size, -1);
    }
    said_unreadable_ = false;
    return ring_.place(layout, std::move(mappings), options_.event_index);
}

void SplitRingTap::start(std::uint16_t base, bool look) {
    next_available_ = next_used_ = base;
    doubtful_ = !look;
    if (!look || !sample(fields_)) {
        return;
    }
    // The used index is not part of the messages. Behind the base: chains of an earlier life are in flight. Ahead of
    // it: the device was quicker than we, and began at the base. Anything else is no ring yet.
    const std::uint32_t behind = distance(fields_.used_index, base);
    const std::uint32_t ahead = distance(base, fields_.used_index);
    if (behind <= ring_.layout().size) {
        next_used_ = fields_.used_index;
        doubtful_ = behind != 0;
    } else if (ahead > ring_.layout().size) {
        next_used_ = fields_.used_index;
    }
}

bool SplitRingTap::sample(trace::RingFields& fields) {
    if (ring_.sample(fields)) {
        return true;
    }
    if (ring_.placed()) {
        note_once(said_unreadable_, "the ring's memory cannot be read: what happens in it is not recorded");
    }
    return false;
}

SplitRingTap::ScanResult SplitRingTap::scan() {
    ScanResult result;
    bytes_copied_ = 0;
    const auto until = std::chrono::steady_clock::now() + longest_scan;
    const std::size_t most_entries = 2 * std::size_t{ring_.layout().size};
    for (std::size_t found = pass(); found != 0; found = pass()) {
        result.entries += found;
        if (result.entries >= most_entries || bytes_copied_ >= most_bytes_per_scan ||
            std::chrono::steady_clock::now() >= until) {
            result.more = true;
            break;
        }
    }
    result.bytes = bytes_copied_;
    return result;
}

// Entries of one record: first what became available, then what was used, so that both steps of one chain are in order.
std::size_t SplitRingTap::pass() {
    if (!sample(fields_)) {
        return 0;
    }
    const std::uint16_t available_before = next_available_;
    const std::uint16_t used_before = next_used_;
    const Taken taken = take_available(false);
    judge_available();
    take_used();
    if (taken == Taken::blocked && batch_.empty() && next_used_ == used_before) {
        (void)take_available(true);
        judge_available();
    }
    judge_used();
    // Losses are progress too, but nothing to scan again for without an end: each moves an index forward to where
    // the ring is.
    const bool moved = next_available_ != available_before || next_used_ != used_before;
    const std::size_t entries = batch_.size();
    settle();
    batch_.flush(recorder_, options_.session, fields_);
    return std::max<std::size_t>(entries, moved ? 1 : 0);
}

// With every offer and every completion accounted for, what still seems to be in flight had its completion lost.
void SplitRingTap::settle() {
    const bool quiet =
        next_available_ == next_used_ && fields_.available_index == next_available_ && fields_.used_index == next_used_;
    if (quiet && doubtful_) {
        doubtful_ = false;
        if (in_flight_.count() != 0) {
            in_flight_.clear();
        }
    }
}

// --- What the driver made available

SplitRingTap::Taken SplitRingTap::take_available(bool forced) {
    const std::uint32_t pending = distance(next_available_, fields_.available_index);
    if (pending > ring_.layout().size) {
        ran_ahead(true, pending);
        return Taken::all;
    }
    if (pending == 0) {
        return Taken::all;
    }
    const std::size_t count = std::min<std::size_t>(pending, forced ? 1 : ChainBatch::most_entries);
    if (!ring_.read_available(next_available_, count, heads_)) {
        return Taken::some;
    }
    trace::RingFields now;
    if (!sample(now)) {
        return Taken::some;
    }
    const std::size_t lost = std::min(overwritten_available(next_available_, now), heads_.size());
    if (lost != 0) {
        lose_offers(lost, "available entries were overwritten before they were read");
        heads_.erase(heads_.begin(), heads_.begin() + static_cast<std::ptrdiff_t>(lost));
    }
    return take_heads(forced);
}

SplitRingTap::Taken SplitRingTap::take_heads(bool forced) {
    for (const std::uint16_t head : heads_) {
        if (!forced && in_flight_.is_open(head)) {
            return Taken::blocked;  // its completion must be taken first
        }
        virtio::walk_chain(*ring_.mappings(), ring_.layout(), head, chain_);
        if (batch_.is_full_for(chain_.descriptors.size(), chain_.readable_bytes)) {
            return Taken::some;
        }
        add_available(head);
        if (bytes_copied_ >= most_bytes_per_scan) {
            return Taken::some;
        }
    }
    return Taken::all;
}

// How many slots from `first` on the driver may have been writing to while they were read. It writes the slot of index
// i + N before it publishes that index, and cannot while N chains are in flight.
std::size_t SplitRingTap::overwritten_available(std::uint16_t first, const trace::RingFields& now) const noexcept {
    const std::uint32_t size = ring_.layout().size;
    const std::uint32_t ahead = distance(first, now.available_index);
    const bool all_in_flight = distance(now.used_index, now.available_index) == size;
    const std::uint32_t safe = all_in_flight ? size : size - 1;
    return ahead > safe ? ahead - safe : 0;
}

void SplitRingTap::add_available(std::uint16_t head) {
    trace::ChainEntry& entry = batch_.add();
    entry.state = trace::ChainEntry::State::available;
    entry.head = head;
    entry.index = next_available_++;
    entry.used_length = 0;
    entry.problem = static_cast<std::uint16_t>(chain_.problem);
    for (const virtio::RingDescriptor& descriptor : chain_.descriptors) {
        entry.descriptors.push_back({descriptor.address, descriptor.length, descriptor.flags, descriptor.next});
    }
    const std::size_t room = batch_.room(chain_.descriptors.size());
    const bool readable =
        copier_.copy({*ring_.mappings(), chain_.descriptors, false, chain_.readable_bytes, room}, entry.content);
    if (!readable && chain_.problem == virtio::ChainProblem::none) {
        entry.problem = static_cast<std::uint16_t>(virtio::ChainProblem::buffer_outside);
    }
    entry.proof = BufferCopier::limit_of(entry.content);
    // The descriptors count too: a ring of long chains without a byte is as much work.
    bytes_copied_ += entry.content.size() - entry.content.missing() + chain_.descriptors.size() * bytes_per_descriptor;
    batch_.account();
    if (head < ring_.layout().size) {
        in_flight_.open(head, chain_, ring_.mappings());
        offered_in_batch_[head] = static_cast<std::int32_t>(batch_.size() - 1);
    }
    tell_recorded(options_.recorded, chain_.descriptors, false, entry.content.size());
}

// Everything copied so far was copied before the used index that is read here.
void SplitRingTap::judge_available() {
    const bool known = fetch_used();
    for (const UsedElement& element : elements_) {
        const std::int32_t offered = element.id < offered_in_batch_.size() ? offered_in_batch_[element.id] : -1;
        if (offered >= 0) {
            lower(batch_.entry(static_cast<std::size_t>(offered)).proof, trace::Proof::late);
        }
    }
    for (std::size_t i = 0; i < batch_.size(); ++i) {
        trace::ChainEntry& entry = batch_.entry(i);
        if (entry.state != trace::ChainEntry::State::available) {
            continue;
        }
        if (!known) {
            lower(entry.proof, trace::Proof::late);
        }
        if (entry.head < offered_in_batch_.size()) {
            offered_in_batch_[entry.head] = -1;
        }
    }
}

// --- What the device used

// Reads the elements that are new into `elements_`. False where some of them could not be told.
bool SplitRingTap::fetch_used() {
    elements_.clear();
    if (!sample(fields_)) {
        return false;
    }
    const std::uint32_t size = ring_.layout().size;
    const std::uint32_t pending = distance(next_used_, fields_.used_index);
    if (pending == 0) {
        return true;
    }
    if (pending > size) {
        ran_ahead(false, pending);
        in_flight_.clear();
        return false;
    }
    trace::RingFields now;
    if (!ring_.read_used(next_used_, pending, elements_) || !sample(now)) {
        elements_.clear();
        return false;
    }
    // The device writes the slot of element j + N before it publishes that index, if it has a chain to complete.
    const std::uint32_t ahead = distance(next_used_, now.used_index);
    const std::uint32_t safe = now.available_index == now.used_index ? size : size - 1;
    const std::size_t lost = std::min<std::size_t>(ahead > safe ? ahead - safe : 0, elements_.size());
    if (lost != 0) {
        lose_completions(lost, "used elements were overwritten before they were read");
        elements_.erase(elements_.begin(), elements_.begin() + static_cast<std::ptrdiff_t>(lost));
    }
    if (options_.in_order) {
        expand_batches(in_flight_, elements_);
    }
    return lost == 0;
}

void SplitRingTap::take_used() {
    for (const UsedElement& element : elements_) {
        if (!add_used(element)) {
            return;
        }
    }
}

// False where the element must wait for the next record.
bool SplitRingTap::add_used(const UsedElement& element) {
    if (element.id >= ring_.layout().size) {
        note_once(said_used_id_,
                  fmt::format("a used element names descriptor {} of a queue of {}", element.id, ring_.layout().size));
        lose_completions(1, "a used element names no descriptor of the queue");
        return true;
    }
    const auto head = static_cast<std::uint16_t>(element.id);
    if (!in_flight_.is_open(head)) {
        if (offer_waits(head) || batch_.is_full_for(0, 0)) {
            return false;
        }
        add_unseen(element);
        return true;
    }
    const ChainInFlight& chain = in_flight_[head];
    const std::uint64_t reported = element.batched ? chain.writable_bytes : element.length;
    const std::uint64_t written = std::min(reported, chain.writable_bytes);
    if (batch_.is_full_for(chain.writable.size(), written)) {
        return false;
    }
    trace::ChainEntry& entry = batch_.add();
    entry.state = trace::ChainEntry::State::used;
    entry.head = head;
    entry.index = next_used_++;
    entry.used_length = static_cast<std::uint32_t>(std::min<std::uint64_t>(reported, UINT32_MAX));
    entry.problem = 0;
    if (chain.forgotten) {
        entry.content.add_missing(written);
    } else {
        (void)copier_.copy({*chain.mappings, chain.writable, true, written, batch_.room(chain.writable.size())},
                           entry.content);
    }
    entry.proof = BufferCopier::limit_of(entry.content);
    bytes_copied_ += entry.content.size() - entry.content.missing();
    batch_.account();
    completed_in_batch_[head] = static_cast<std::int32_t>(batch_.size() - 1);
    tell_recorded(options_.recorded, chain.writable, true, entry.content.size());
    in_flight_.close(head);
    return true;
}

// A chain was used whose offer we did not see. It is counted already if the driver's index was followed without doubt
// about what was in the slots; otherwise nobody offered it.
void SplitRingTap::add_unseen(const UsedElement& element) {
    trace::ChainEntry& entry = batch_.add();
    entry.state = trace::ChainEntry::State::used;
    entry.proof = trace::Proof::absent;
    entry.head = static_cast<std::uint16_t>(element.id);
    entry.index = next_used_++;
    entry.used_length = element.length;
    entry.problem = 0;
    batch_.account();
    if (!doubtful_) {
        recorder_.lost(options_.session,
                       {options_.queue, 1, 0, 0, fmt::format("head {} was used and never seen available", element.id)});
    }
}

// Is the offer of this head among those that are published and not taken yet?
bool SplitRingTap::offer_waits(std::uint32_t head) {
    trace::RingFields now;
    if (!ring_.sample(now)) {
        return false;
    }
    const std::uint32_t pending = distance(next_available_, now.available_index);
    if (overwritten_available(next_available_, now) != 0) {
        doubtful_ = true;  // the offer may be among those that will be counted as lost
    }
    if (pending == 0 || pending > ring_.layout().size || !ring_.read_available(next_available_, pending, heads_)) {
        return false;
    }
    return std::find(heads_.begin(), heads_.end(), head) != heads_.end();
}

// By its own word, does the driver still wait to be called for this completion? Else it polls, or is past it already,
// and may have given the buffers to somebody else.
bool SplitRingTap::driver_waits_for(std::uint16_t used_index, const trace::RingFields& now) const noexcept {
    if (options_.event_index) {
        return distance(now.used_event, used_index) < ring_.layout().size;
    }
    return (now.available_flags & virtio::available_no_interrupt) == 0;
}

// Everything copied so far was copied before the available index that is read here.
void SplitRingTap::judge_used() {
    trace::RingFields now;
    bool known = sample(now);
    const std::uint32_t pending = known ? distance(next_available_, now.available_index) : 0;
    const std::uint32_t size = ring_.layout().size;
    known = known && pending <= size;
    if (known && pending != 0) {
        known = ring_.read_available(next_available_, pending, heads_) && sample(now) &&
                overwritten_available(next_available_, now) == 0;
        for (const std::uint16_t head : heads_) {
            const std::int32_t completed = head < size ? completed_in_batch_[head] : -1;
            if (completed >= 0) {
                lower(batch_.entry(static_cast<std::size_t>(completed)).proof, trace::Proof::late);
            }
        }
    }
    if (known) {
        fields_ = now;
    }
    for (std::size_t i = 0; i < batch_.size(); ++i) {
        trace::ChainEntry& entry = batch_.entry(i);
        if (entry.state == trace::ChainEntry::State::used) {
            const bool untouched = known && driver_waits_for(entry.index, now);
            lower(entry.proof, untouched ? trace::Proof::verified : trace::Proof::late);
            completed_in_batch_[entry.head] = -1;
        }
    }
}

// --- Losses, and what else there is to say

void SplitRingTap::ran_ahead(bool offers, std::size_t pending) {
    if (!ended_) {
        offers ? lose_offers(pending, "the available index ran ahead by more than the queue holds")
               : lose_completions(pending, "the used index ran ahead by more than the queue holds");
    } else if (!std::exchange(said_reused_, true)) {
        recorder_.lost(options_.session,
                       {options_.queue, 0, 0, 0,
                        "at the last look, after the queue had ended, an index was further ahead than "
                        "the queue holds: its memory may have been used for something else"});
    }
}

void SplitRingTap::lose_offers(std::size_t chains, const char* reason) {
    next_available_ = static_cast<std::uint16_t>(next_available_ + chains);
    doubtful_ = true;
    recorder_.lost(options_.session, {options_.queue, chains, 0, 0, reason});
}

void SplitRingTap::lose_completions(std::size_t completions, const char* reason) {
    next_used_ = static_cast<std::uint16_t>(next_used_ + completions);
    doubtful_ = true;
    recorder_.lost(options_.session, {options_.queue, 0, completions, 0, reason});
}

void SplitRingTap::give_up() {
    constexpr const char* reason = "the queue ended before they were looked at";
    if (said_reused_ || !sample(fields_)) {
        return;
    }
    if (const std::uint16_t offers = distance(next_available_, fields_.available_index); offers != 0) {
        lose_offers(offers, reason);
    }
    if (const std::uint16_t completions = distance(next_used_, fields_.used_index); completions != 0) {
        lose_completions(completions, reason);
    }
}

void SplitRingTap::note_once(bool& said, std::string text) {
    if (!std::exchange(said, true)) {
        (void)recorder_.record(
            options_.session, trace::NoteRecord{trace::NoteRecord::Severity::warning, options_.queue, std::move(text)});
    }
}

bool SplitRingTap::kicks_suppressed() const noexcept {
    return options_.event_index ? fields_.available_event != fields_.available_index
                                : (fields_.used_flags & virtio::used_no_notify) != 0;
}

bool SplitRingTap::calls_suppressed() const noexcept {
    return options_.event_index ? fields_.used_event != fields_.used_index
                                : (fields_.available_flags & virtio::available_no_interrupt) != 0;
}

}  // namespace vutrace::capture
