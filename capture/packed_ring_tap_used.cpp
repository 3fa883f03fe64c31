// The device's side of a packed ring: which descriptors it wrote, which chains they complete, and what proves their
// content.
#include "packed_ring_tap.h"

#include <utility>

namespace vutrace::capture {

// The next used descriptor: at `at` or, with `further`, at the first place behind it that has one.
PackedRingTap::Look PackedRingTap::look_for_used(Position& at, bool further,
                                                 virtio::RingDescriptor& found) const noexcept {
    for (; at != next_available_; at = at.plus(1, size())) {
        const auto flags = ring_.flags(at.offset);
        if (!flags) {
            return Look::unreadable;
        }
        if (marked_available(*flags) != at.wrap) {
            const auto descriptor = ring_.read(at.offset);
            return descriptor && !is_cleared(*descriptor) ? Look::passed : Look::nothing;
        }
        if (virtio::is_used(*flags, at.wrap)) {
            const auto descriptor = ring_.read(at.offset);
            if (!descriptor || is_cleared(*descriptor)) {
                return Look::nothing;
            }
            found = *descriptor;
            return ring_.flags(at.offset) == flags ? Look::used : Look::passed;
        }
        if (!further) {
            return Look::nothing;
        }
    }
    return Look::nothing;
}

// Reads the descriptors that are new into `used_`. False where some of them could not be told.
bool PackedRingTap::fetch_used() {
    for (const Used& used : used_) {
        if (used.key != BufferIds::none) {
            known_[used.key].listed = false;
        }
    }
    used_.clear();
    listed_ = 0;
    Position at = next_used_;
    bool further = next_used_unknown_;
    while (used_.size() < size()) {
        virtio::RingDescriptor descriptor;
        const Position from = at;
        Look look = look_for_used(at, further, descriptor);
        if (look == Look::used && at != from) {
            // One before it may have been used after it was looked at, and was before this one.
            at = from;
            look = look_for_used(at, further, descriptor);
        }
        if (look == Look::passed) {
            catch_up();
            used_.clear();
            return false;
        }
        if (look != Look::used) {
            return look != Look::unreadable;
        }
        list_used(descriptor, at);
        at = used_.back().next;
        further = used_.back().next_unknown;
    }
    return true;
}

// With IN_ORDER one descriptor may stand for all chains up to the one it names.
void PackedRingTap::list_used(const virtio::RingDescriptor& descriptor, Position at) {
    Used last;
    last.id = descriptor.next;
    last.key = ids_.find(last.id);
    // Without WRITE the length has no meaning: DPDK leaves the driver's there.
    last.length = (descriptor.flags & virtio::descriptor_write) != 0 ? descriptor.length : 0;
    last.at = at;
    if (last.key == BufferIds::none || !steps_.in_flight().is_open(last.key) || known_[last.key].listed) {
        last.key = BufferIds::none;
        last.next = at.plus(1, size());
        last.next_unknown = true;
        used_.push_back(last);
        return;
    }
    const auto batch =
        steps_.options().in_order ? steps_.in_flight().batch_length(listed_, last.key) : std::optional<std::size_t>(1);
    for (std::size_t i = 1; i < batch.value_or(1); ++i) {
        Used skipped;
        skipped.key = steps_.in_flight().in_order(listed_);
        skipped.id = known_[skipped.key].id;
        skipped.batched = true;
        skipped.at = at;
        add_to_list(skipped);
        at = used_.back().next;
    }
    last.at = at;
    add_to_list(last);
}

void PackedRingTap::add_to_list(Used used) {
    Known& known = known_[used.key];
    known.listed = true;
    used.next = used.at.plus(known.slots, size());
    used_.push_back(used);
    ++listed_;
}

void PackedRingTap::take_used() {
    for (const Used& used : used_) {
        const bool seen = used.key != BufferIds::none && steps_.in_flight().is_open(used.key);
        const bool taken = seen ? add_used(used) : add_unseen(used);
        if (!taken) {
            break;
        }
        pass_used(next_used_.distance_to(used.next, size()));
        next_used_ = used.next;
        next_used_unknown_ = used.next_unknown;
    }
}

// False where it must wait for the next record.
bool PackedRingTap::add_used(const Used& used) {
    if (!steps_.complete({used.key, used.id, used.at.value()}, used.length, used.batched)) {
        return false;
    }
    completed_ids_.push_back(used.id);
    return true;
}

bool PackedRingTap::add_unseen(const Used& used) {
    if (steps_.is_full() || (stepped_over_.empty() && offer_waits(used.id))) {
        return false;
    }
    steps_.complete_unseen({BufferIds::none, used.id, used.at.value()}, used.length);
    // Of those that are `earlier_` all were seen, or are none of ours, but where offers were
    // missed.
    const std::uint32_t ahead = next_used_.distance_to(used.at, size());
    const bool counted = steps_.options().in_order;
    unseen_ +=
        !counted && (ahead >= earlier_ || stepped_over_within(ahead + 1) != stepped_over_within(ahead)) ? 1U : 0U;
    if (steps_.options().in_order && in_flight() != 0) {
        // It stands for those before it, too, and which of the chains in flight that are is not known.
        lose(0, in_flight(), "a batch ended with a chain that was not seen");
        forget_in_flight();
    }
    return true;
}

// Is the offer of this id among those that are published and not taken yet?
bool PackedRingTap::offer_waits(std::uint16_t id) const {
    bool waits = false;
    (void)for_each_waiting([&](std::uint16_t waiting) { waits = waits || waiting == id; });
    return waits;
}

template <class Visit>
bool PackedRingTap::for_each_waiting(Visit visit) const {
    Position at = next_available_;
    for (std::uint32_t i = 0; i < size(); ++i, at = at.plus(1, size())) {
        const auto flags = ring_.flags(at.offset);
        const auto descriptor = ring_.read(at.offset);
        if (!flags || !descriptor) {
            return false;
        }
        if (!virtio::is_available(*flags, at.wrap)) {
            return !virtio::is_used(*flags, at.wrap) || is_cleared(*descriptor);
        }
        if ((*flags & virtio::descriptor_next) == 0) {
            visit(descriptor->next);
        }
    }
    return true;
}

// By its own word, does the driver still wait to be called for this completion? Else it polls, or is past it already,
// and may have given the buffers to somebody else.
bool PackedRingTap::driver_waits_for(const trace::ChainEntry& entry) const noexcept {
    const virtio::PackedEvent event{fields_.used_event, fields_.available_flags};
    const Position asked = Position::parse(event.position);
    if (event.mode() == virtio::PackedEvent::disable) {
        return false;
    }
    return event.mode() != virtio::PackedEvent::descriptor || asked.offset >= size() ||
           asked.distance_to(Position::parse(entry.index), size()) < size();
}

// Everything copied so far was copied before what is read here.
void PackedRingTap::judge_used() {
    bool known = sample() && !was_passed() && !std::exchange(forgot_, false);
    if (!completed_ids_.empty()) {
        known = for_each_waiting([this](std::uint16_t id) { steps_.doubt_completion(ids_.find(id)); }) && known;
    }
    steps_.judge_completions([&](const trace::ChainEntry& entry) {
        return known && is_of_round(Position::parse(entry.index)) && driver_waits_for(entry);
    });
    for (const std::uint16_t id : completed_ids_) {
        if (const std::uint16_t key = ids_.find(id); key != BufferIds::none && !steps_.in_flight().is_open(key)) {
            ids_.take_back(id);
        }
    }
    completed_ids_.clear();
}

}  // namespace vutrace::capture
