#include "packed_ring_tap.h"

#include <algorithm>
#include <utility>

namespace vutrace::capture {

bool PackedRingTap::place(const virtio::RingLayout& layout, std::shared_ptr<const GuestMappings> mappings) {
    const auto* packed = std::get_if<virtio::PackedRingLayout>(&layout);
    if (packed != nullptr && packed->size != size()) {
        rounds_.set_round(2 * std::uint64_t{packed->size});
        steps_.resize(packed->size);
        ids_.resize(packed->size);
        known_.assign(packed->size, {});
        forget_places(packed->size);
    }
    said_unreadable_ = false;
    steps_.place(packed != nullptr ? mappings : nullptr);
    return ring_.place(packed != nullptr ? *packed : ring_.layout(), packed != nullptr ? std::move(mappings) : nullptr);
}

// Offsets and keys of a ring of another size lie outside of this one.
void PackedRingTap::forget_places(std::uint32_t size) {
    next_available_.offset = static_cast<std::uint16_t>(size == 0 ? 0 : next_available_.offset % size);
    next_used_ = next_available_;
    next_used_unknown_ = false;
    lag_ = earlier_ = 0;
    stepped_over_.clear();
    untranslated_.reset();
    used_.clear();
    completed_ids_.clear();
    doubtful_ = true;
}

std::vector<RingPart> PackedRingTap::parts() const {
    if (!ring_.placed()) {
        return {};
    }
    using Part = trace::MemoryRecord::Part;
    const virtio::PackedRingLayout& layout = ring_.layout();
    return {{Part::descriptor, layout.descriptor, layout.descriptor_bytes()},
            {Part::available, layout.driver_event, virtio::packed_event_bytes},
            {Part::used, layout.device_event, virtio::packed_event_bytes}};
}

void PackedRingTap::start(std::uint32_t base, bool look) {
    virtio::PackedBase begin = virtio::PackedBase::parse(base);
    begin.available.offset = static_cast<std::uint16_t>(begin.available.offset % size());
    begin.used.offset = static_cast<std::uint16_t>(begin.used.offset % size());
    next_available_ = begin.available;
    next_used_ = begin.used;
    next_used_unknown_ = false;
    stepped_over_.clear();
    untranslated_.reset();
    doubtful_ = !look;
    lag_ = begin.used.distance_to(begin.available, size());
    earlier_ = lag_;
    if (look) {
        (void)sample();
    }
}

bool PackedRingTap::sample() {
    if (ring_.sample_events(fields_)) {
        return true;
    }
    if (ring_.placed()) {
        note_unreadable();
    }
    return false;
}

std::size_t PackedRingTap::pass() {
    rounds_.begin();
    const bool was_told = woken_ && !kicks_suppressed();
    if (!sample()) {
        return 0;
    }
    const bool late = rounds_.looked();
    const Position available_before = next_available_;
    const Position used_before = next_used_;
    unseen_ = 0;
    const Taken taken = take_available(false);
    judge_available();
    take_used();
    if (taken == Taken::blocked && steps_.empty() && next_used_ == used_before) {
        (void)take_available(true);
        judge_available();
    }
    judge_used();
    const bool moved = next_available_ != available_before || next_used_ != used_before;
    const std::size_t entries = steps_.size();
    seen_any_ = seen_any_ || moved;
    followed_ += available_before.distance_to(next_available_, size());
    if (late && moved && !was_told) {
        rounds_.doubt();
    }
    note_if_cleared();
    if (unseen_ != 0) {
        lose(unseen_, 0, unread);
    }
    settle();
    fields_.available_index = next_available_.value();
    fields_.used_index = next_used_.value();
    steps_.flush(fields_);
    return std::max<std::size_t>(entries, moved ? 1 : 0);
}

// With every offer and every completion accounted for, what still seems to be in flight had its completion lost.
void PackedRingTap::settle() {
    if (next_available_ == next_used_) {
        next_used_unknown_ = false;  // there is nothing that it could be behind
    }
    const bool quiet = next_available_ == next_used_ && !next_used_unknown_ && !is_of_round(next_available_);
    if (quiet && std::exchange(doubtful_, false) && in_flight() != 0) {
        lose(0, in_flight(), overwritten);
        forget_in_flight();
    }
}

// DPDK clears a ring's memory as soon as its GET_VRING_BASE is answered; a tap of low priority may look only then.
void PackedRingTap::note_if_cleared() {
    if (!ended_ || lag_ == 0) {
        return;
    }
    if (const auto descriptor = ring_.read(next_used_.offset); descriptor && is_cleared(*descriptor)) {
        note_reused();
    }
}

// --- What the driver made available

RingTap::Taken PackedRingTap::take_available(bool forced) {
    for (std::size_t i = 0; i < (forced ? 1 : ChainBatch::most_entries); ++i) {
        if (const auto stopped = take_chain(forced)) {
            return *stopped;
        }
    }
    return Taken::some;
}

std::optional<RingTap::Taken> PackedRingTap::take_chain(bool forced) {
    const Position at = next_available_;
    const auto flags = ring_.flags(at.offset);
    if (!flags) {
        note_unreadable();
        return Taken::some;
    }
    if (waited_for(*flags)) {
        chain_ = untranslated_->chain;
        return take_walked(forced);
    }
    untranslated_.reset();
    if (!virtio::is_available(*flags, at.wrap)) {
        meet_no_chain(*flags);
        return Taken::all;
    }
    const auto tables = steps_.memory(*ring_.mappings(), virtio::Access::read);
    virtio::walk_packed_chain({*ring_.mappings(), tables}, ring_.layout(), at, chain_);
    // The device writes over the first descriptor before any other of the chain, and the driver over none of them
    // before that.
    if (chain_.slots == 0) {
        return Taken::some;
    }
    if (ring_.flags(at.offset) != flags) {
        return std::nullopt;  // looked at again
    }
    if (!ended_ && !steps_.is_translated(chain_.chain)) {
        untranslated_ = Untranslated{at, chain_};
        return Taken::blocked;  // the device must ask first
    }
    return take_walked(forced);
}

// Was the chain that waits for its translation used meanwhile? Then its descriptors are those that were read before.
bool PackedRingTap::waited_for(std::uint16_t flags) const noexcept {
    return untranslated_ && untranslated_->at == next_available_ && virtio::is_used(flags, next_available_.wrap);
}

std::optional<RingTap::Taken> PackedRingTap::take_walked(bool forced) {
    const Position at = next_available_;
    const std::uint16_t known = ids_.find(chain_.id);
    if (!forced && known != BufferIds::none && steps_.in_flight().is_open(known)) {
        return Taken::blocked;  // its completion must be taken first
    }
    if (!has_room_for(chain_.slots)) {
        if (forced) {
            catch_up();
            return Taken::all;
        }
        return Taken::blocked;
    }
    if (steps_.is_full_for(chain_.chain)) {
        return Taken::some;
    }
    const std::uint16_t key = ids_.give(chain_.id);
    if (key != BufferIds::none) {
        known_[key] = {chain_.id, chain_.slots, false};
    }
    steps_.offer({key, chain_.id, at.value()}, chain_.chain, ring_.mappings());
    longest_ = std::max(longest_, chain_.slots);
    next_available_ = at.plus(chain_.slots, size());
    lag_ += chain_.slots;
    return steps_.has_copied_enough() ? std::optional(Taken::some) : std::nullopt;
}

// Either there is nothing new, or it is past: used before it was looked at, or overwritten in the next round.
void PackedRingTap::meet_no_chain(std::uint16_t flags) {
    if (virtio::is_used(flags, next_available_.wrap)) {
        const auto descriptor = ring_.read(next_available_.offset);
        if (!descriptor || is_cleared(*descriptor)) {
            return;
        }
        // Where the chains behind it begin is not known: on from the driver's position.
        const std::uint32_t count = made_available_from(next_available_);
        has_room_for(count) ? step_over(count) : catch_up();
    } else if (was_passed()) {
        catch_up();
    }
}

// Can the driver have made so many available beside those that are not seen used? Otherwise it wrote over some that
// were.
bool PackedRingTap::has_room_for(std::uint32_t descriptors) const noexcept {
    // Where the next used one is further on than we know, so much less is in flight.
    const std::uint32_t most = next_used_unknown_ ? 2 * size() - 1 : size();
    return lag_ + descriptors <= most;
}

// How many descriptors from `position` on are of that round: made available, used or not.
std::uint32_t PackedRingTap::made_available_from(Position position) {
    steps_.add_work(ring_.layout().descriptor_bytes());
    if (!ring_.read(position.offset, size(), descriptors_)) {
        return 0;
    }
    const auto other = std::find_if(
        descriptors_.begin(), descriptors_.end(), [&, at = position](const virtio::RingDescriptor& descriptor) mutable {
            const bool same = marked_available(descriptor.flags) == at.wrap && !is_cleared(descriptor);
            at = at.plus(1, size());
            return !same;
        });
    return static_cast<std::uint32_t>(other - descriptors_.begin());
}

// Everything copied so far was copied before the used descriptors that are read here.
void PackedRingTap::judge_available() {
    const bool known = fetch_used();
    for (const Used& used : used_) {
        steps_.doubt_offer(used.key);
    }
    steps_.doubt_offers_if([this](const trace::ChainEntry& entry) { return may_be_overwritten(entry); });
    steps_.judge_offers(known);
}

// Did the descriptor that was read have the length and the id of a used one already, whose flags came later?
bool PackedRingTap::may_be_overwritten(const trace::ChainEntry& entry) const noexcept {
    const Position at = Position::parse(entry.index);
    const auto now = ring_.read(at.offset);
    if (!now || entry.descriptors.empty()) {
        return true;
    }
    const trace::ChainDescriptor& first = entry.descriptors.front();
    return now->flags != first.flags && now->length == first.length && now->next == first.next;
}

bool PackedRingTap::kicks_suppressed() const noexcept {
    const virtio::PackedEvent event{fields_.available_event, fields_.used_flags};
    return event.mode() == virtio::PackedEvent::disable ||
           (event.mode() == virtio::PackedEvent::descriptor && event.position != next_available_.value());
}

bool PackedRingTap::calls_suppressed() const noexcept {
    const virtio::PackedEvent event{fields_.used_event, fields_.available_flags};
    return event.mode() == virtio::PackedEvent::disable ||
           (event.mode() == virtio::PackedEvent::descriptor && event.position != next_used_.value());
}

}  // namespace vutrace::capture
