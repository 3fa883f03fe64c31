#include "split_ring_tap.h"

#include <algorithm>
#include <utility>

namespace vutrace::capture {
SplitRingTap::SplitRingTap(Options options, Recorder& recorder) : RingTap(std::move(options), recorder) {}

bool SplitRingTap::place(const virtio::RingLayout& layout, std::shared_ptr<const GuestMappings> mappings) {
    const auto* split = std::get_if<virtio::SplitRingLayout>(&layout);
    if (split != nullptr && split->size != ring_.layout().size) {
        steps_.resize(split->size);
    }
    said_unreadable_ = false;
    steps_.place(split != nullptr ? mappings : nullptr);
    return ring_.place(split != nullptr ? *split : ring_.layout(), split != nullptr ? std::move(mappings) : nullptr,
                       steps_.options().event_index);
}

std::vector<RingPart> SplitRingTap::parts() const {
    if (!ring_.placed()) {
        return {};
    }
    using Part = trace::MemoryRecord::Part;
    const virtio::SplitRingLayout& layout = ring_.layout();
    const std::uint64_t unused = ring_.has_event_index() ? 0 : sizeof(std::uint16_t);
    return {{Part::descriptor, layout.descriptor, layout.descriptor_bytes()},
            {Part::available, layout.available, layout.available_bytes() - unused},
            {Part::used, layout.used, layout.used_bytes() - unused}};
}

void SplitRingTap::start(std::uint32_t value, bool look) {
    const auto base = static_cast<std::uint16_t>(value);
    rounds_.set_round(round);
    set_positions(round + base, round + base);  // so that the used one may be behind
    polled_ = true;
    doubtful_ = !look;
    rounds_.begin();
    if (!look || !sample(fields_)) {
        return;
    }
    // The used index is not part of the messages. Behind the base: chains of an earlier life are in flight. Ahead of
    // it: the device was quicker than we, and began at the base. Anything else is no ring yet.
    const std::uint32_t behind = distance(fields_.used_index, base);
    const std::uint32_t ahead = distance(base, fields_.used_index);
    if (behind <= ring_.layout().size) {
        next_used_ = used_ = round + base - behind;
        doubtful_ = behind != 0;
    } else if (ahead > ring_.layout().size) {
        next_used_ = used_;
        // Nobody begins at a base that the driver has left behind by more than the ring holds: DPDK, whose virtio-user
        // says 0 after a reconnect, goes on at the used index.
        if (steps_.options().looks_first && published_ - next_available_ > ring_.layout().size) {
            next_available_ = used_;
        }
    }
    // What an earlier life left is no motion. How long the driver has been at work is not known.
    rounds_.forget_doubt();
    if (published_ - next_available_ > ring_.layout().size) {
        rounds_.doubt();
    }
}

void SplitRingTap::set_positions(Position available, Position used) noexcept {
    next_available_ = published_ = available;
    next_used_ = used_ = used;
}

bool SplitRingTap::sample(trace::RingFields& fields) {
    if (ring_.sample(fields)) {
        follow(fields);
        return true;
    }
    if (ring_.placed()) {
        note_unreadable();
    }
    return false;
}

// Where driver and device are now, seen from where they were at the look before.
void SplitRingTap::follow(const trace::RingFields& now) {
    const bool late = rounds_.looked();
    const std::uint16_t offered = distance(index_of(published_), now.available_index);
    const std::uint16_t completed = distance(index_of(used_), now.used_index);
    published_ += offered;
    used_ += completed;
    if (was_cleared(now, offered, completed)) {
        forget_ring();
        return;
    }
    const bool in_motion = offered != 0 || completed != 0;
    const bool shows_loss = std::max(offered, completed) > ring_.layout().size;
    const bool reused = ended_ && shows_loss;  // no longer a ring
    if (late && in_motion && !reused && (polled_ || !woken_ || shows_loss)) {
        rounds_.doubt();
    }
    polled_ = steps_.options().event_index ? now.available_event != now.available_index
                                           : (now.used_flags & virtio::used_no_notify) != 0;
}

// Both indices at 0, and both further ahead than a ring holds: DPDK clears a ring's memory as soon as it is stopped,
// which a tap of low priority may see before it knows of the stop.
bool SplitRingTap::was_cleared(const trace::RingFields& now, std::uint16_t offered,
                               std::uint16_t completed) const noexcept {
    return now.available_index == 0 && now.used_index == 0 && std::min(offered, completed) > ring_.layout().size;
}

// Should it be a ring after all, it is followed from here.
void SplitRingTap::forget_ring() {
    next_available_ = published_;
    next_used_ = used_;
    steps_.in_flight().clear();
    doubtful_ = true;
    rounds_.doubt();
    note_reused();
}

void SplitRingTap::count() {
    trace::RingFields now;
    rounds_.begin();
    (void)sample(now);
}

std::chrono::nanoseconds SplitRingTap::counting_interval() const noexcept {
    return rounds_.shortest_round() / 4 * 3;  // the rest is for a timer that is late
}

std::size_t SplitRingTap::pass() {
    rounds_.begin();
    if (!sample(fields_)) {
        return 0;
    }
    const Position available_before = next_available_;
    const Position used_before = next_used_;
    caught_up_ = catch_up();
    const Taken taken = take_available(false);
    judge_available();
    take_used();
    if (taken == Taken::blocked && steps_.empty() && next_used_ == used_before) {
        (void)take_available(true);
        judge_available();
    }
    judge_used();
    // Losses are progress too, but nothing to scan again for without an end: each moves an index forward to where
    // the ring is.
    const bool moved = next_available_ != available_before || next_used_ != used_before;
    const std::size_t entries = steps_.size();
    settle();
    steps_.flush(fields_);
    return std::max<std::size_t>(entries, moved ? 1 : 0);
}

// More went by than the rings hold: on from what the device has not used yet. Offers before that, whose completions are
// among the lost, would be taken for what is in flight, and a later completion of the same head for theirs. True where
// completions were lost: which of the chains are among them is not known for sure, so this once nothing proves that
// they are still the device's.
bool SplitRingTap::catch_up() {
    const std::uint32_t size = ring_.layout().size;
    const bool lost = used_ - next_used_ > size;
    if (lost) {
        ran_ahead(false, used_ - next_used_);
        steps_.in_flight().clear();
    }
    const Position pending = published_ - next_available_;
    const std::uint16_t in_ring = distance(fields_.used_index, fields_.available_index);
    const bool known = in_ring <= size;
    if (pending > size) {
        ran_ahead(true, known ? pending - in_ring : pending);
    } else if (lost && known && pending > in_ring && !ended_) {
        lose_offers(pending - in_ring, "they were completed before they were looked at");
    }
    return lost;
}

// With every offer and every completion accounted for, what still seems to be in flight had its completion lost.
void SplitRingTap::settle() {
    const bool quiet =
        next_available_ == published_ && next_used_ == used_ && index_of(next_available_) == index_of(next_used_);
    if (quiet && doubtful_) {
        doubtful_ = false;
        steps_.in_flight().clear();
    }
}

// --- What the driver made available

SplitRingTap::Taken SplitRingTap::take_available(bool forced) {
    const Position pending = published_ - next_available_;
    if (pending > ring_.layout().size) {
        ran_ahead(true, pending);
        return Taken::all;
    }
    if (pending == 0) {
        return Taken::all;
    }
    const std::size_t count = std::min<std::size_t>(pending, forced ? 1 : ChainBatch::most_entries);
    if (!ring_.read_available(index_of(next_available_), count, heads_)) {
        return Taken::some;
    }
    trace::RingFields now;
    if (!sample(now)) {
        return Taken::some;
    }
    const std::size_t lost = std::min(overwritten_available(now), heads_.size());
    if (lost != 0) {
        lose_offers(lost, "available entries were overwritten before they were read");
        heads_.erase(heads_.begin(), heads_.begin() + static_cast<std::ptrdiff_t>(lost));
    }
    return take_heads(forced);
}

SplitRingTap::Taken SplitRingTap::take_heads(bool forced) {
    for (const std::uint16_t head : heads_) {
        if (!forced && steps_.in_flight().is_open(head)) {
            return Taken::blocked;  // its completion must be taken first
        }
        const auto tables = steps_.memory(*ring_.mappings(), virtio::Access::read);
        virtio::walk_chain({*ring_.mappings(), tables}, ring_.layout(), head, chain_);
        const bool overtaken = forced && next_used_ != used_;
        if (!ended_ && !overtaken && !steps_.is_translated(chain_)) {
            return Taken::blocked;  // the device must ask first
        }
        if (steps_.is_full_for(chain_)) {
            return Taken::some;
        }
        steps_.offer({head, head, index_of(next_available_++)}, chain_, ring_.mappings());
        if (steps_.has_copied_enough()) {
            return Taken::some;
        }
    }
    return Taken::all;
}

// How many slots from the first not taken on the driver may have been writing to while they were read before `now` was.
// It writes the slot of index i + N before it publishes that index, and cannot while N chains are in flight.
std::size_t SplitRingTap::overwritten_available(const trace::RingFields& now) const noexcept {
    const std::uint32_t size = ring_.layout().size;
    const Position ahead = published_ - next_available_;
    const bool all_in_flight = distance(now.used_index, now.available_index) == size;
    const std::uint32_t safe = all_in_flight ? size : size - 1;
    return ahead > safe ? ahead - safe : 0;
}

// Everything copied so far was copied before the used index that is read here.
void SplitRingTap::judge_available() {
    const bool known = fetch_used();
    for (const UsedElement& element : elements_) {
        steps_.doubt_offer(element.id);
    }
    steps_.judge_offers(known && !caught_up_);
}

// --- Losses, and what else there is to say

void SplitRingTap::ran_ahead(bool offers, std::uint64_t pending) {
    if (!ended_) {
        offers ? lose_offers(pending, "the available index ran ahead by more than the queue holds")
               : lose_completions(pending, "the used index ran ahead by more than the queue holds");
    } else {
        note_reused();
    }
}

void SplitRingTap::lose_offers(std::uint64_t chains, const char* reason) {
    next_available_ += chains;
    doubtful_ = true;
    lose(chains, 0, reason);
}

void SplitRingTap::lose_completions(std::uint64_t completions, const char* reason) {
    next_used_ += completions;
    doubtful_ = true;
    lose(0, completions, reason);
}

void SplitRingTap::give_up() {
    constexpr const char* reason = "the queue ended before they were looked at";
    rounds_.begin();
    if (said_reused_ || !sample(fields_)) {
        return;
    }
    if (const Position offers = published_ - next_available_; offers != 0) {
        lose_offers(offers, reason);
    }
    if (const Position completions = used_ - next_used_; completions != 0) {
        lose_completions(completions, reason);
    }
}

bool SplitRingTap::kicks_suppressed() const noexcept {
    return steps_.options().event_index ? fields_.available_event != fields_.available_index
                                        : (fields_.used_flags & virtio::used_no_notify) != 0;
}

bool SplitRingTap::calls_suppressed() const noexcept {
    return steps_.options().event_index ? fields_.used_event != fields_.used_index
                                        : (fields_.available_flags & virtio::available_no_interrupt) != 0;
}

}  // namespace vutrace::capture
