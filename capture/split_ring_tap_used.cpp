// The device's side of a split ring: which elements are new, which chains they complete, and what proves their content.
#include "in_order_batches.h"
#include "split_ring_tap.h"

#include <fmt/format.h>

#include <algorithm>

namespace vutrace::capture {

// Reads the elements that are new into `elements_`. False where some of them could not be told.
bool SplitRingTap::fetch_used() {
    elements_.clear();
    if (!sample(fields_)) {
        return false;
    }
    const std::uint32_t size = ring_.layout().size;
    const Position pending = used_ - next_used_;
    if (pending == 0) {
        return true;
    }
    if (pending > size) {
        ran_ahead(false, pending);
        steps_.in_flight().clear();
        return false;
    }
    trace::RingFields now;
    if (!ring_.read_used(index_of(next_used_), pending, elements_) || !sample(now)) {
        elements_.clear();
        return false;
    }
    // The device writes the slot of element j + N before it publishes that index, if it has a chain to complete.
    const Position ahead = used_ - next_used_;
    const std::uint32_t safe = now.available_index == now.used_index ? size : size - 1;
    const std::size_t lost = std::min<std::size_t>(ahead > safe ? ahead - safe : 0, elements_.size());
    if (lost != 0) {
        lose_completions(lost, "used elements were overwritten before they were read");
        elements_.erase(elements_.begin(), elements_.begin() + static_cast<std::ptrdiff_t>(lost));
    }
    if (steps_.options().in_order) {
        expand_batches(steps_.in_flight(), elements_);
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
    if (steps_.in_flight().is_open(head)) {
        if (!steps_.complete({head, head, index_of(next_used_)}, element.length, element.batched)) {
            return false;
        }
        ++next_used_;
        return true;
    }
    if (offer_waits(head) || steps_.is_full()) {
        return false;
    }
    // Its offer was not seen. It is counted already if the driver's index was followed without doubt about what was in
    // the slots; otherwise nobody offered it.
    steps_.complete_unseen({head, head, index_of(next_used_++)}, element.length);
    if (!doubtful_) {
        lose(1, 0, fmt::format("head {} was used and never seen available", head));
    }
    return true;
}

// Is the offer of this head among those that are published and not taken yet?
bool SplitRingTap::offer_waits(std::uint32_t head) {
    trace::RingFields now;
    if (!sample(now)) {
        return false;
    }
    const Position pending = published_ - next_available_;
    if (overwritten_available(now) != 0) {
        doubtful_ = true;  // the offer may be among those that will be counted as lost
    }
    if (pending == 0 || pending > ring_.layout().size ||
        !ring_.read_available(index_of(next_available_), pending, heads_)) {
        return false;
    }
    return std::find(heads_.begin(), heads_.end(), head) != heads_.end();
}

// By its own word, does the driver still wait to be called for this completion? Else it polls, or is past it already,
// and may have given the buffers to somebody else.
bool SplitRingTap::driver_waits_for(std::uint16_t used_index, const trace::RingFields& now) const noexcept {
    if (steps_.options().event_index) {
        return distance(now.used_event, used_index) < ring_.layout().size;
    }
    return (now.available_flags & virtio::available_no_interrupt) == 0;
}

// Everything copied so far was copied before the available index that is read here.
void SplitRingTap::judge_used() {
    trace::RingFields now;
    bool known = sample(now);
    const Position pending = known ? published_ - next_available_ : 0;
    const std::uint32_t size = ring_.layout().size;
    known = known && pending <= size;
    if (known && pending != 0) {
        known = ring_.read_available(index_of(next_available_), pending, heads_) && sample(now) &&
                overwritten_available(now) == 0;
        for (const std::uint16_t head : heads_) {
            steps_.doubt_completion(head);
        }
    }
    if (known) {
        fields_ = now;
    }
    steps_.judge_completions(
        [&](const trace::ChainEntry& entry) { return known && driver_waits_for(entry.index, now); });
}

}  // namespace vutrace::capture
