#include "notification_debts.h"

#include <vutrace/protocol/features.h>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace vutrace::check {

using protocol::FrontEndRequest;

std::optional<NotificationDebt> NotificationDebts::settle(Queue* queue, std::int64_t now) {
    if (queue == nullptr || !queue->debt) {
        return std::nullopt;
    }
    const auto debt = std::exchange(queue->debt, std::nullopt);
    return now - debt->time >= patience ? debt : std::nullopt;
}

const NotificationDebt* NotificationDebts::find(std::uint16_t queue) const noexcept {
    const auto found = queues_.find(queue);
    return found != queues_.end() && found->second.debt ? &*found->second.debt : nullptr;
}

std::uint16_t NotificationDebts::next_index(const Ring& ring) const noexcept {
    return (kind_ == Kind::kick ? ring.next_available : ring.next_used).value_or(0);
}

// What is found offered and used in one look was done before it, and so was the call for it.
std::uint64_t NotificationDebts::since(const ChainSight& sight, const Queue& queue) const noexcept {
    if (kind_ == Kind::kick) {
        return sight.ring.last_offer_sequence;
    }
    const std::uint64_t offered = sight.known.context.available_sequence;
    return offered != 0 && queue.first_sequence && offered >= *queue.first_sequence ? queue.looked_before : offered;
}

std::optional<NotificationDebt> NotificationDebts::chain(const ChainSight& sight) {
    auto found = queues_.find(sight.chain.queue);
    if (found == queues_.end()) {
        if (queues_.size() >= RingWatch::most_queues) {
            return std::nullopt;
        }
        found = queues_.try_emplace(sight.chain.queue).first;
    }
    Queue& queue = found->second;
    queue.first_sequence = queue.first_sequence.value_or(sight.sequence());
    queue.last_sequence = sight.sequence();
    const bool moves = sight.used() == (kind_ == Kind::call);
    if (!moves) {
        // Who offers has looked at what was completed. Who completes a chain found it.
        const bool awake =
            queue.debt &&
            (kind_ == Kind::call ? !queue.first_index : sight.known.context.available_sequence >= queue.debt->sequence);
        return awake ? settle(&queue, sight.time()) : std::nullopt;
    }
    if (!queue.first_index) {
        queue.first_index = sight.entry.index;
        queue.since = since(sight, queue);
    } else if (kind_ == Kind::call) {
        queue.since = std::min(queue.since, since(sight, queue));
    }
    queue.moved_sequence = sight.sequence();
    queue.moved_time = sight.time();
    return std::nullopt;
}

bool NotificationDebts::watched(const Sight& sight, std::uint16_t number, const Ring& ring) const noexcept {
    const session::DeviceState& device = sight.before;
    const session::QueueState* queue = device.queue(number);
    const Watched mode = watched_notifications(sight.after);
    if (queue == nullptr || !queue->started || !queue->enabled || mode == Watched::none ||
        device.has_protocol_feature(protocol::protocol_feature::INBAND_NOTIFICATIONS)) {
        return false;
    }
    if (kind_ == Kind::call) {
        return queue->has_call && (mode == Watched::all || ring.calls.count != 0);
    }
    // A doorbell that is mapped into the guest goes past every eventfd.
    const bool all = mode == Watched::all && !device.has_protocol_feature(protocol::protocol_feature::HOST_NOTIFIER);
    return !queue->polling && (all || ring.kicks.count != 0);
}

bool NotificationDebts::asked(const Sight& sight, const Ring& ring, const trace::RingFields& fields,
                              const Queue& queue) const noexcept {
    const bool kick = kind_ == Kind::kick;
    if (ring.packed) {
        const auto wanted = [&](const trace::RingFields& at) {
            const virtio::PackedEvent event = kick ? virtio::PackedEvent{at.available_event, at.used_flags}
                                                   : virtio::PackedEvent{at.used_event, at.available_flags};
            return virtio::needs_event(event, virtio::PackedPosition::parse(*queue.first_index),
                                       virtio::PackedPosition::parse(next_index(ring)), std::max(ring.size, 1U));
        };
        return wanted(fields) && (!ring.fields || wanted(*ring.fields));
    }
    if (sight.before.has_feature(protocol::feature::RING_EVENT_IDX)) {
        return virtio::needs_event(kick ? fields.available_event : fields.used_event, *queue.first_index,
                                   next_index(ring));
    }
    // The flag as it was before, too: it may have been cleared a moment ago, by a side that then looked for itself.
    const auto suppressed = [kick](const trace::RingFields& at) {
        return kick ? (at.used_flags & virtio::used_no_notify) != 0
                    : (at.available_flags & virtio::available_no_interrupt) != 0;
    };
    return !suppressed(fields) && (!ring.fields || !suppressed(*ring.fields));
}

void NotificationDebts::chain_record(const Sight& sight, const trace::ChainRecord& chain) {
    const auto found = queues_.find(chain.queue);
    if (found == queues_.end()) {
        return;
    }
    Queue& queue = found->second;
    if (queue.first_index) {
        look(sight, chain, queue);
    }
    queue.first_index.reset();
    if (queue.first_sequence.has_value()) {
        queue.looked_before = queue.last_sequence;
    }
    queue.first_sequence.reset();
}

void NotificationDebts::look(const Sight& sight, const trace::ChainRecord& chain, Queue& queue) const {
    const Ring* ring = sight.rings->find(chain.queue);
    const Notified* notified = ring == nullptr ? nullptr : (kind_ == Kind::kick ? &ring->kicks : &ring->calls);
    const bool due = ring != nullptr && ring->complete && RingWatch::fields_belong(*ring, chain.fields) &&
                     (kind_ == Kind::kick || queue.since != 0) && watched(sight, chain.queue, *ring) &&
                     notified->last_sequence <= queue.since && asked(sight, *ring, chain.fields, queue);
    if (due && !queue.debt) {
        const bool by_event = sight.before.has_feature(protocol::feature::RING_EVENT_IDX);
        queue.debt = NotificationDebt{queue.moved_sequence,
                                      queue.moved_time,
                                      chain.queue,
                                      next_index(*ring),
                                      kind_ == Kind::kick ? chain.fields.available_event : chain.fields.used_event,
                                      by_event,
                                      watched_notifications(sight.after) == Watched::all,
                                      ring->packed};
    }
}

std::optional<NotificationDebt> NotificationDebts::other(const Sight& sight) {
    if (const auto* gap = std::get_if<trace::GapRecord>(&sight.record.body)) {
        // The notification, or what made it needless, may be among what was lost.
        for (auto& [number, queue] : queues_) {
            if ((gap->queue == number || gap->queue == trace::no_queue) && !is_unseen_offer(*gap)) {
                queue.debt.reset();
            }
        }
    }
    const auto* event = std::get_if<trace::EventRecord>(&sight.record.body);
    using EventKind = trace::EventRecord::Kind;
    if (event == nullptr || event->kind != (kind_ == Kind::kick ? EventKind::kick : EventKind::call)) {
        return std::nullopt;
    }
    const auto found = queues_.find(event->queue);
    return found == queues_.end() ? std::nullopt : settle(&found->second, sight.record.time);
}

std::optional<NotificationDebt> NotificationDebts::message(const MessageSight& sight) {
    if (!sight.what.queue || *sight.what.queue >= trace::no_queue) {
        return std::nullopt;
    }
    const auto number = static_cast<std::uint16_t>(*sight.what.queue);
    const auto found = queues_.find(number);
    if (found == queues_.end()) {
        return std::nullopt;
    }
    const session::QueueState* after = sight.after.device.queue(number);
    const bool stopped = after == nullptr || !after->started || !after->enabled;
    const bool renewed = sight.asks(FrontEndRequest::SET_VRING_CALL) || sight.asks(FrontEndRequest::SET_VRING_KICK) ||
                         sight.asks(FrontEndRequest::VRING_KICK);
    return stopped || renewed ? settle(&found->second, sight.record.time) : std::nullopt;
}

std::string NotificationDebts::reason(const NotificationDebt& debt, Kind kind) {
    const char* index = kind == Kind::kick ? "available" : "used";
    if (debt.packed) {
        return fmt::format("the {} position moved to {}, and the {}'s event area asks for it", index,
                           position_of(debt.index), kind == Kind::kick ? "device" : "driver");
    }
    if (debt.by_event_index) {
        return fmt::format("the {} index moved to {}, past {} {}", index, debt.index,
                           kind == Kind::kick ? "available_event" : "used_event", debt.event);
    }
    return fmt::format("the {} index moved to {}, and {} is not set", index, debt.index,
                       kind == Kind::kick ? "NO_NOTIFY" : "NO_INTERRUPT");
}

}  // namespace vutrace::check
