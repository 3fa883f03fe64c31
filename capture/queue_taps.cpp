#include "queue_taps.h"

#include "packed_ring_tap.h"
#include "split_ring_tap.h"

#include <vutrace/protocol/features.h>

#include <algorithm>
#include <numeric>
#include <utility>

namespace vutrace::capture {

using Need = PollPacer::Need;

namespace {

// The answer that ends a queue waits for it in mode `relay`.
constexpr std::chrono::milliseconds longest_last_look{100};

constexpr const char* too_many_entries =
    "the session's queues have too many entries together: what happens in this one is not recorded";

}  // namespace

QueueTaps::QueueTaps(const DataPathOptions& options, std::uint32_t session, Recorder& recorder,
                     const session::DeviceState& state, Recorded recorded, unsigned threads)
    : options_(options),
      session_(session),
      recorder_(recorder),
      state_(state),
      recorded_(std::move(recorded)),
      most_ring_entries_(most_ring_entries / threads) {}

void QueueTaps::use(std::shared_ptr<const GuestMappings> mappings) {
    (void)scan_all();
    mappings_ = std::move(mappings);
    for (auto& [queue, entry] : entries_) {
        // Where the ring is nowhere now, the tap stays and sees nothing until the memory is back.
        place(queue, *entry.tap, state_.ring(queue).value_or(entry.tap->layout()));
    }
    update_all();
}

void QueueTaps::update(std::uint32_t queue) {
    const session::QueueState* const state = state_.queue(queue);
    if (left_out_ && left_out_(queue)) {
        return;
    }
    if (state == nullptr || !state->started || mappings_ == nullptr || queue >= trace::no_queue) {
        return;
    }
    if (const auto found = entries_.find(queue); found != entries_.end()) {
        update(queue, found->second);
    } else if (const auto layout = state_.ring(queue)) {
        start(queue, *layout);
    } else if (behind_iommu() && !std::exchange(said_translated_, true)) {
        note(queue,
             "rings behind an IOMMU (ACCESS_PLATFORM) are recorded once IOTLB messages have told where they are, each "
             "of "
             "their parts in one piece of guest memory",
             trace::NoteRecord::Severity::info);
    }
}

void QueueTaps::update(std::uint32_t queue, Entry& entry) {
    const auto layout = state_.ring(queue);
    RingTap& tap = *entry.tap;
    if (layout && (*layout != tap.layout() || (behind_iommu() && !tap.placed()))) {
        (void)scan(entry);
        place(queue, tap, *layout);
    } else if (!layout && behind_iommu()) {
        (void)tap.place(tap.layout(), nullptr);  // until the back-end has asked again
    }
}

bool QueueTaps::behind_iommu() const noexcept {
    return state_.has_feature(protocol::feature::ACCESS_PLATFORM);
}

void QueueTaps::before_translations_change() {
    if (behind_iommu()) {
        (void)scan_all();
    }
}

void QueueTaps::translations_changed() {
    if (behind_iommu()) {
        update_all();
        (void)scan_all();
    }
}

void QueueTaps::place(std::uint32_t queue, RingTap& tap, const virtio::RingLayout& layout) {
    if (has_room_for(queue, virtio::size_of(layout))) {
        (void)tap.place(layout, mappings_);
    } else {
        note(queue, too_many_entries);
        (void)tap.place(tap.layout(), nullptr);
    }
}

bool QueueTaps::has_room_for(std::uint32_t queue, std::uint32_t size) const noexcept {
    const std::uint64_t others = std::accumulate(
        entries_.begin(), entries_.end(), std::uint64_t{0}, [queue](std::uint64_t sum, const auto& entry) {
            return sum + (entry.first == queue ? 0 : virtio::size_of(entry.second.tap->layout()));
        });
    return others + size <= most_ring_entries_;
}

void QueueTaps::update_all() {
    for (const auto& [queue, state] : state_.queues()) {
        update(queue);
    }
}

std::unique_ptr<RingTap> QueueTaps::make_tap(std::uint32_t queue, const virtio::RingLayout& layout) {
    RingTap::Options options;
    options.session = session_;
    options.queue = static_cast<std::uint16_t>(queue);
    options.memory = options_.memory;
    options.snap_length = options_.snap_length;
    options.event_index = state_.has_feature(protocol::feature::RING_EVENT_IDX);
    options.in_order = state_.has_feature(protocol::feature::IN_ORDER);
    options.looks_first = options_.mode == DataPathMode::relay || options_.mode == DataPathMode::shadow;
    options.recorded = recorded_;
    options.translations = behind_iommu() ? &state_ : nullptr;
    options.translations_stale = translations_stale_;
    if (std::holds_alternative<virtio::PackedRingLayout>(layout)) {
        return std::make_unique<PackedRingTap>(std::move(options), recorder_);
    }
    return std::make_unique<SplitRingTap>(std::move(options), recorder_);
}

void QueueTaps::start(std::uint32_t queue, const virtio::RingLayout& layout) {
    if (!has_room_for(queue, virtio::size_of(layout))) {
        note(queue, too_many_entries);
        return;
    }
    Entry entry{make_tap(queue, layout)};
    if (!entry.tap->place(layout, mappings_)) {
        note(queue, "the ring is not in one mapped memory region: what happens in it is not recorded");
        return;
    }
    RingTap& tap = *entry.tap;
    tap.set_woken(!muted_);
    entries_.insert_or_assign(queue, std::move(entry));
    const bool look = !paused_;
    const auto beginning = beginnings_.extract(queue);
    tap.start(beginning ? beginning.mapped() : state_.ring_base(queue), look);
    if (look && options_.memory != MemoryMode::none) {
        record_ring_parts(tap, static_cast<std::uint16_t>(queue), session_, recorder_);
    }
    (void)scan(queue);
}

void QueueTaps::end(std::uint32_t queue) {
    if (const auto found = entries_.find(queue); found != entries_.end()) {
        look_last(found->second, Clock::now() + longest_last_look);
        entries_.erase(found);
    }
}

void QueueTaps::end_all() {
    const auto until = Clock::now() + longest_last_look;
    for (auto& [queue, entry] : entries_) {
        look_last(entry, until);
    }
    entries_.clear();
}

void QueueTaps::look_last(Entry& entry, Clock::time_point until) {
    entry.tap->end();
    do {
        (void)scan(entry);
    } while (entry.more && Clock::now() < until);
    if (entry.more) {
        entry.tap->give_up();
    }
    entry.tap->say_doubt();
}

QueueTaps::Found QueueTaps::scan(Entry& entry) {
    if (paused_) {
        return Found::nothing;
    }
    const RingTap::ScanResult result = entry.tap->scan();
    entry.more = result.more;
    copied_bytes_ += result.bytes;
    return result.fast ? Found::much : result.entries != 0 ? Found::something : Found::nothing;
}

QueueTaps::Found QueueTaps::scan(std::uint32_t queue) {
    const auto found = entries_.find(queue);
    return found == entries_.end() ? Found::nothing : scan(found->second);
}

QueueTaps::Found QueueTaps::scan_all() {
    Found most = Found::nothing;
    for (auto& [queue, entry] : entries_) {
        most = std::max(most, scan(entry));
    }
    return most;
}

QueueTaps::Found QueueTaps::scan_those_in_need() {
    Found most = Found::nothing;
    for (auto& [queue, entry] : entries_) {
        if (need_of(queue, entry) != Need::none) {
            most = std::max(most, scan(entry));
        }
    }
    return most;
}

bool QueueTaps::is_polled(std::uint32_t queue, const RingTap& tap) const {
    const session::QueueState* const state = state_.queue(queue);
    return tap.kicks_suppressed() || (state != nullptr && state->polling);
}

std::optional<std::chrono::nanoseconds> QueueTaps::count_every() const {
    std::optional<std::chrono::nanoseconds> shortest;
    for (const auto& [queue, entry] : entries_) {
        const std::chrono::nanoseconds interval = entry.tap->counting_interval();
        const bool wanted = interval.count() != 0 && entry.tap->placed() && !paused_;
        if (wanted && (muted_ || is_polled(queue, *entry.tap))) {
            shortest = std::min(shortest.value_or(interval), interval);
        }
    }
    return shortest;
}

void QueueTaps::count_what_passes() {
    if (!paused_) {
        for (auto& [queue, entry] : entries_) {
            entry.tap->count();
        }
    }
}

void QueueTaps::mute(bool muted) noexcept {
    muted_ = muted;
    for (auto& [queue, entry] : entries_) {
        entry.tap->set_woken(!muted);
    }
}

PollPacer::Need QueueTaps::need_of(std::uint32_t queue, const Entry& entry) const {
    const RingTap& tap = *entry.tap;
    const session::QueueState* const state = state_.queue(queue);
    if (!tap.placed() || paused_) {
        return Need::none;
    }
    if (entry.more) {
        return Need::now;
    }
    const bool in_flight = tap.in_flight() != 0;
    const bool no_kicks = is_polled(queue, tap);
    const bool no_calls = tap.calls_suppressed() || (state != nullptr && !state->has_call);
    if (no_kicks || (in_flight && no_calls)) {
        return Need::poll;
    }
    if (!in_flight) {
        return tap.watches_idle() ? Need::slow_watch : Need::none;
    }
    return options_.mode == DataPathMode::tap ? Need::watch : Need::slow_watch;
}

PollPacer::Need QueueTaps::need() const {
    Need most = Need::none;
    for (const auto& [queue, entry] : entries_) {
        most = std::max(most, need_of(queue, entry));
    }
    return most;
}

void QueueTaps::note(std::uint32_t queue, const char* text, trace::NoteRecord::Severity severity) {
    (void)recorder_.record(session_, trace::NoteRecord{severity, static_cast<std::uint16_t>(queue), text});
}

}  // namespace vutrace::capture
