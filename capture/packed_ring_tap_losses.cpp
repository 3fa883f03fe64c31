// What a tap on a packed ring does when it came too late: finds the driver and the device again, and counts what it
// did not see.
#include "packed_ring_tap.h"

#include <vutrace/base/count_text.h>

#include <fmt/format.h>

#include <algorithm>

namespace vutrace::capture {

// Was the descriptor there made available in the round that `position` is in?
bool PackedRingTap::is_of_round(Position position) const noexcept {
    const auto descriptor = ring_.read(position.offset);
    return descriptor && marked_available(descriptor->flags) == position.wrap && !is_cleared(*descriptor);
}

// Did the driver write over everything from our position on? Then the descriptor before it is of another round, and
// that at it is, still. Cleared memory says nothing.
bool PackedRingTap::was_passed() const noexcept {
    const Position before = next_available_.minus(1, size());
    const auto descriptor = ring_.read(before.offset);
    if (!descriptor || is_cleared(*descriptor) || marked_available(descriptor->flags) == before.wrap) {
        return false;
    }
    const auto flags = ring_.flags(next_available_.offset);
    return flags && marked_available(*flags) != next_available_.wrap;
}

// Where the driver stands, without knowing where it stood: where the descriptors of the newest round end. Looked at
// twice, because a thread that is not run in between sees parts of different rounds.
std::optional<virtio::PackedPosition> PackedRingTap::driver_position() const {
    std::optional<Position> before;
    for (int i = 0; i < 8; ++i) {
        if (!ring_.read(0, size(), descriptors_)) {
            return std::nullopt;
        }
        const bool newest = marked_available(descriptors_.front().flags);
        const auto older = std::find_if(descriptors_.begin(), descriptors_.end(), [&](const auto& descriptor) {
            return marked_available(descriptor.flags) != newest;
        });
        const auto offset = static_cast<std::uint32_t>(older - descriptors_.begin());
        const Position now = Position{0, newest}.plus(offset, size());
        if (before && before->distance_to(now, size()) <= size() / 4) {
            return now;
        }
        before = now;
    }
    return std::nullopt;
}

// The driver is more than a round ahead: on from where it is, and from the last that the device used.
void PackedRingTap::catch_up() {
    if (ended_) {
        return note_reused();
    }
    const auto driver = driver_position();
    if (!driver) {
        return;
    }
    steps_.add_work(2 * ring_.layout().descriptor_bytes());
    std::uint32_t in_ring = 0;  // made available, behind the last one used
    for (Position at = *driver; in_ring < size(); ++in_ring) {
        at = at.minus(1, size());
        if (virtio::is_used(descriptors_[at.offset].flags, at.wrap)) {
            break;
        }
    }
    const Position device = driver->minus(in_ring, size());
    // Two rounds more look the same: what the device used cannot be less than nothing.
    std::uint32_t passed = next_available_.distance_to(*driver, size());
    while (lag_ + passed < in_ring) {
        passed += 2 * size();
    }
    const std::uint32_t gone = passed > in_ring ? passed - in_ring : 0;
    // May be more than two rounds: the device was up to one behind.
    const std::uint32_t used = lag_ + passed - in_ring;
    const std::uint32_t unseen = gone + stepped_over_within(used);
    rounds_.doubt();
    lose(fewest_chains(unseen), fewest_chains(used),
         gone == 0 ? std::string(overwritten)
                   : fmt::format("the driver went around the ring unseen, by {} or {} more for each "
                                 "two rounds: at least so many chains, if none was longer than those seen ({})",
                                 count_text(passed, "descriptor"), 2 * size(), longest_));
    // Which of the chains in flight are among those used is not known.
    forget_in_flight();
    earlier_ = lag_;
    next_used_ = device;
    next_used_unknown_ = doubtful_ = true;
    if (gone != 0) {
        next_available_ = device;
        lag_ = used;
    }
    pass_used(used);
    if (gone != 0) {
        step_over(in_ring);
    }
}

// The offers from here on, so many descriptors, are not read.
void PackedRingTap::step_over(std::uint32_t descriptors) {
    if (descriptors != 0) {
        if (steps_.options().in_order) {
            // One used descriptor may stand for many of them: they are counted here and not by that.
            const Count count = chains_from(next_available_, descriptors);
            if (!count.exact) {
                rounds_.doubt();
            }
            lose(count.fewest, 0, unread);
        } else {
            stepped_over_.push_back({lag_, lag_ + descriptors});
        }
        next_available_ = next_available_.plus(descriptors, size());
        lag_ += descriptors;
        doubtful_ = true;
    }
}

// By their ends. Where the device wrote a used descriptor over the first one of a chain and the next one is the
// driver's still, either it belongs to the same chain, or the used one stands for both (IN_ORDER): the latter where
// this driver has shown no chain of several.
PackedRingTap::Count PackedRingTap::chains_from(Position position, std::uint32_t descriptors) const {
    Count count;
    bool after_used = false;
    std::uint64_t doubtful = 0;
    bool chained = longest_ > 1;
    for (std::uint32_t i = 0; i < descriptors; ++i, position = position.plus(1, size())) {
        const auto descriptor = ring_.read(position.offset);
        if (!descriptor || is_cleared(*descriptor)) {
            count.exact = false;
            continue;
        }
        const bool used = virtio::is_used(descriptor->flags, position.wrap);
        const bool last = (descriptor->flags & virtio::descriptor_next) == 0;
        doubtful += after_used && !used ? 1U : 0U;
        count.fewest += last ? 1U : 0U;
        chained = chained || !last;
        after_used = used;
    }
    if (chained && doubtful != 0) {
        count = {count.fewest - std::min(doubtful, count.fewest), false};
    }
    return count;
}

// How many of so many descriptors from the device's last known position on were stepped over.
std::uint32_t PackedRingTap::stepped_over_within(std::uint32_t descriptors) const noexcept {
    std::uint32_t sum = 0;
    for (const Range& range : stepped_over_) {
        sum += std::min(range.end, descriptors) - std::min(range.begin, descriptors);
    }
    return sum;
}

// The device's last known position goes on by so many descriptors.
void PackedRingTap::pass_used(std::uint32_t descriptors) noexcept {
    const auto shorten = [descriptors](std::uint32_t& distance) { distance -= std::min(distance, descriptors); };
    shorten(lag_);
    shorten(earlier_);
    for (Range& range : stepped_over_) {
        shorten(range.begin);
        shorten(range.end);
    }
    stepped_over_.erase(
        std::remove_if(stepped_over_.begin(), stepped_over_.end(), [](const Range& range) { return range.end == 0; }),
        stepped_over_.end());
}

void PackedRingTap::forget_in_flight() {
    steps_.in_flight().clear();
    ids_.resize(size());
    forgot_ = true;
}

std::uint64_t PackedRingTap::fewest_chains(std::uint32_t descriptors) const noexcept {
    return (descriptors + std::uint64_t{longest_} - 1) / longest_;
}

void PackedRingTap::give_up() {
    if (said_reused_ || !sample()) {
        return;
    }
    const std::uint32_t offers = made_available_from(next_available_);
    const auto count = [this](Position from, std::uint32_t most, auto counts) {
        std::uint64_t found = 0;
        for (std::uint32_t i = 0; i < most; ++i, from = from.plus(1, size())) {
            const auto descriptor = ring_.read(from.offset);
            found += descriptor && counts(*descriptor, from) ? 1U : 0U;
        }
        return found;
    };
    const auto used = [](const virtio::RingDescriptor& descriptor, Position at) {
        return virtio::is_used(descriptor.flags, at.wrap) && !is_cleared(descriptor);
    };
    const std::uint64_t chains = count(next_available_, offers, [](const auto& descriptor, Position at) {
        return virtio::is_available(descriptor.flags, at.wrap) && (descriptor.flags & virtio::descriptor_next) == 0;
    });
    const std::uint64_t not_taken = count(next_available_, offers, used);
    const std::uint64_t completions = count(next_used_, std::min(lag_, size()), used) + not_taken;
    if (offers != 0 || completions != 0) {
        lose(offers == 0 ? 0 : std::max<std::uint64_t>({1, chains, not_taken}), completions,
             "the queue ended before they were looked at");
    }
    next_available_ = next_used_ = next_available_.plus(offers, size());
    next_used_unknown_ = false;
    lag_ = earlier_ = 0;
    stepped_over_.clear();
}

}  // namespace vutrace::capture
