#include "shadow_queues.h"

#include "packed_shadow_rings.h"
#include "split_shadow_rings.h"

#include <vutrace/protocol/features.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <thread>
#include <utility>

namespace vutrace::capture {

using Need = PollPacer::Need;

namespace {

constexpr std::uint32_t log_flag = 1;  // VHOST_VRING_F_LOG

// How long a queue stays awake with nothing to do. Where both peers poll and the machine has no third processor, what
// we take from them to look at nothing costs more than being notified.
std::chrono::microseconds longest_rest_awake() noexcept {
    constexpr unsigned peers = 2;
    static const bool spare = std::thread::hardware_concurrency() > peers;
    return spare ? std::chrono::microseconds{50} : std::chrono::microseconds{5};
}

// What keeps a queue from having a shadow ring. The first that holds is told.
struct Obstacle {
    bool (*holds)(const session::DeviceState& state);
    const char* text;
};
constexpr std::array obstacles{
    Obstacle{
        [](const session::DeviceState& state) { return state.has_feature(protocol::feature::ACCESS_PLATFORM); },
        "the rings are behind an IOMMU (ACCESS_PLATFORM): nobody would ask the front-end where the driver's ring is"},
    Obstacle{[](const session::DeviceState& state) {
                 return state.has_protocol_feature(protocol::protocol_feature::INBAND_NOTIFICATIONS);
             },
             "notifications are messages (INBAND_NOTIFICATIONS)"},
    Obstacle{[](const session::DeviceState& state) { return state.memory_incomplete(); },
             "postcopy: guest memory may not be touched"},
};

}  // namespace

void ShadowQueues::use(std::shared_ptr<const GuestMappings> mappings) {
    mappings_ = std::move(mappings);
    for (auto& [queue, entry] : entries_) {
        const auto layout = environment_.state.ring(queue);
        // Where the ring is nowhere now, nothing moves until the memory is back.
        (void)entry.rings->place(layout.value_or(entry.rings->layout()), layout ? mappings_ : nullptr);
    }
}

// --- Before messages are forwarded

void ShadowQueues::leave(std::uint32_t queue) {
    end(queue);
    entries_.erase(queue);
}

Result<protocol::VringAddress> ShadowQueues::prepare(std::uint32_t queue, const session::DeviceState& next,
                                                     const ShadowMemory& memory) {
    for (const Obstacle& obstacle : obstacles) {
        if (obstacle.holds(next)) {
            return fail(ErrorCode::unsupported, obstacle.text);
        }
    }
    if (!next.ring(queue)) {
        return fail(ErrorCode::unsupported, "the ring has no size yet, or is not in one memory region");
    }
    if (queue >= memory.queues()) {
        return fail(ErrorCode::limit, fmt::format("there is room for {} shadow rings", memory.queues()));
    }
    const protocol::VringAddress& addresses = *next.queue(queue)->addresses;
    const auto parts = memory.parts(queue);
    const auto found = entries_.find(queue);
    if (found == entries_.end() || found->second.queue == nullptr) {
        if (const Status made = make_entry(queue, next, parts); !made) {
            return tl::unexpected(made.error());
        }
    }
    set_logging(entries_.at(queue), addresses, next);
    return protocol::VringAddress{queue,
                                  addresses.flags,
                                  parts.address,
                                  parts.address + ShadowMemory::used_offset,
                                  parts.address + ShadowMemory::available_offset,
                                  addresses.log};
}

Status ShadowQueues::make_entry(std::uint32_t queue, const session::DeviceState& next, ShadowMemory::Parts shadow) {
    Entry entry;
    const bool in_order = next.has_feature(protocol::feature::IN_ORDER);
    if (next.has_feature(protocol::feature::RING_PACKED)) {
        entry.rings = std::make_unique<PackedShadowRings>(shadow, log_, in_order);
    } else {
        entry.rings = std::make_unique<SplitShadowRings>(
            shadow, log_, SplitShadowRings::Features{next.has_feature(protocol::feature::RING_EVENT_IDX), in_order});
    }
    if (!entry.rings->place(*next.ring(queue), mappings_)) {
        return fail(ErrorCode::unsupported, "the ring's memory cannot be written");
    }
    // Some back-ends look into the ring at once. Its base may still come.
    if (const Status begun = entry.rings->begin_after(past_of(queue, next)); !begun) {
        return begun;
    }
    entries_.insert_or_assign(queue, std::move(entry));
    return {};
}

QueuePast ShadowQueues::past_of(std::uint32_t queue, const session::DeviceState& state) const {
    return {queue, state.queue(queue)->base, state.inflight_area(), environment_.inflight_area()};
}

Status ShadowQueues::start(std::uint32_t queue) {
    const auto found = entries_.find(queue);
    const session::QueueState* const state = environment_.state.queue(queue);
    if (found == entries_.end() || found->second.queue != nullptr || state == nullptr) {
        return {};
    }
    Entry& entry = found->second;
    if (const Status begun = entry.rings->begin_after(past_of(queue, environment_.state)); !begun) {
        return begun;
    }
    if (environment_.options.memory != MemoryMode::none && entry.rings->mappings() != nullptr) {
        record_ring_parts(entry.rings->parts(), *entry.rings->mappings(), static_cast<std::uint16_t>(queue),
                          environment_.session, environment_.recorder);
    }
    ShadowQueue::Options options;
    options.session = environment_.session;
    options.queue = static_cast<std::uint16_t>(queue);
    options.memory = environment_.options.memory;
    options.snap_length = environment_.options.snap_length;
    options.in_order = environment_.state.has_feature(protocol::feature::IN_ORDER);
    options.notify_on_empty = environment_.state.has_feature(protocol::feature::NOTIFY_ON_EMPTY);
    options.recorded = environment_.recorded;
    entry.queue = std::make_unique<ShadowQueue>(std::move(options), environment_.recorder, *entry.rings);
    (void)entry.queue->take_over();
    return {};
}

void ShadowQueues::end(std::uint32_t queue) {
    if (const auto found = entries_.find(queue); found != entries_.end()) {
        end(queue, found->second);
    }
}

void ShadowQueues::end_all() {
    for (auto& [queue, entry] : entries_) {
        end(queue, entry);
    }
}

std::uint32_t ShadowQueues::base_by_used(std::uint32_t queue) const noexcept {
    const auto found = entries_.find(queue);
    return found == entries_.end() ? environment_.state.ring_base(queue) : found->second.rings->base_by_used();
}

void ShadowQueues::end(std::uint32_t queue, Entry& entry) {
    if (entry.queue == nullptr) {
        return;
    }
    if (!paused_) {
        act_on(queue, entry, entry.queue->finish(longest_last_look));
        entry.rings->want_kicks(true);  // as a ring is that nobody serves
    }
    entry.queue.reset();
    entry.awake = entry.waits = false;
}

// --- After they were forwarded

void ShadowQueues::update(std::uint32_t queue) {
    const auto found = entries_.find(queue);
    if (found == entries_.end()) {
        return;
    }
    Entry& entry = found->second;
    if (const auto layout = environment_.state.ring(queue); layout && *layout != entry.rings->layout()) {
        (void)entry.rings->place(*layout, mappings_);
    }
    if (entry.queue != nullptr && !paused_) {
        wake(entry);
        serve(queue, entry);
    }
}

void ShadowQueues::update_logging() {
    for (auto& [queue, entry] : entries_) {
        const session::QueueState* const state = environment_.state.queue(queue);
        if (state != nullptr && state->addresses) {
            set_logging(entry, *state->addresses, environment_.state);
        }
    }
}

void ShadowQueues::set_logging(Entry& entry, const protocol::VringAddress& addresses,
                               const session::DeviceState& state) {
    entry.rings->log(state.has_feature(protocol::feature::LOG_ALL) && (addresses.flags & log_flag) != 0, addresses.log);
}

std::vector<std::uint16_t> ShadowQueues::running() const {
    std::vector<std::uint16_t> numbers;
    for (const auto& [number, entry] : entries_) {
        if (entry.queue != nullptr) {
            numbers.push_back(static_cast<std::uint16_t>(number));
        }
    }
    return numbers;
}

// --- Looking

bool ShadowQueues::notified(Kind kind, std::uint16_t queue) {
    const auto found = entries_.find(queue);
    if (found == entries_.end() || found->second.queue == nullptr || paused_) {
        return true;
    }
    Entry& entry = found->second;
    wake(entry);
    serve(queue, entry);
    bool& seen = kind == Kind::kick ? entry.saw_offers : entry.saw_completions;
    return !std::exchange(seen, false);
}

void ShadowQueues::serve_those_in_need() {
    if (paused_) {
        return;
    }
    for (auto& [queue, entry] : entries_) {
        if (entry.queue == nullptr || (!entry.awake && !driver_polls(queue))) {
            continue;
        }
        serve(queue, entry);
        if (entry.awake && !entry.waits && Clock::now() - entry.last_found >= longest_rest_awake()) {
            try_to_sleep(queue, entry);
        }
    }
}

PollPacer::Need ShadowQueues::need() const {
    Need most = Need::none;
    for (const auto& [queue, entry] : entries_) {
        if (entry.queue == nullptr || paused_) {
            continue;
        }
        const bool now = entry.awake && !entry.waits;
        const bool soon = entry.awake || driver_polls(queue);
        most = std::max(most, now ? Need::now : soon ? Need::poll : Need::none);
    }
    return most;
}

void ShadowQueues::wake(Entry& entry) {
    if (!std::exchange(entry.awake, true)) {
        entry.rings->want_kicks(false);
        entry.rings->want_calls(false);
        entry.last_found = Clock::now();
    }
}

void ShadowQueues::try_to_sleep(std::uint32_t queue, Entry& entry) {
    entry.rings->want_kicks(true);
    entry.rings->want_calls(true);
    entry.awake = false;
    serve(queue, entry);  // what came before we said so; wakes it
}

void ShadowQueues::serve(std::uint32_t queue, Entry& entry) {
    act_on(queue, entry, entry.queue->serve());
}

void ShadowQueues::act_on(std::uint32_t queue, Entry& entry, const ShadowQueue::Progress& progress) {
    const auto number = static_cast<std::uint16_t>(queue);
    entry.waits = progress.waits;
    entry.saw_offers = entry.saw_offers || progress.offers;
    entry.saw_completions = entry.saw_completions || progress.completions;
    if (progress.found()) {
        wake(entry);
        entry.last_found = Clock::now();
    }
    if (progress.kick) {
        environment_.notify(Kind::kick, number);
    }
    if (progress.call) {
        environment_.notify(Kind::call, number);
    }
}

// Neither notifies nor expects to be asked to.
bool ShadowQueues::driver_polls(std::uint32_t queue) const noexcept {
    const session::QueueState* const state = environment_.state.queue(queue);
    return state != nullptr && (state->polling || !state->has_call);
}

}  // namespace vutrace::capture
