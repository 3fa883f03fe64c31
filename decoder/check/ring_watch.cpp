#include "ring_watch.h"

#include <vutrace/protocol/features.h>
#include <vutrace/protocol/requests.h>
#include <vutrace/virtio/packed_ring.h>

#include <algorithm>

namespace vutrace::check {

// Proofs below `late` (nothing, or not everything was copied) do not tell whether the copy was also late. It was not
// where the same look at the ring found this chain's completion not among the others.
bool is_certain(const trace::ChainRecord& chain, std::size_t number) noexcept {
    const trace::ChainEntry& entry = chain.entries[number];
    if (entry.proof == trace::Proof::verified || entry.proof == trace::Proof::late) {
        return entry.proof == trace::Proof::verified;
    }
    const auto from = chain.entries.begin() + static_cast<std::ptrdiff_t>(number);
    return std::none_of(from, chain.entries.end(), [&](const trace::ChainEntry& later) {
        return later.state == trace::ChainEntry::State::used && later.head == entry.head;
    });
}

bool is_unseen_offer(const trace::GapRecord& gap) noexcept {
    return gap.chains == 1 && gap.records == 0 && gap.reason.ends_with("was used and never seen available");
}

bool is_bad_used_id(const trace::GapRecord& gap) noexcept {
    return gap.reason == "a used element names no descriptor of the queue";
}

int Ring::ahead(std::uint16_t from, std::uint16_t to) const noexcept {
    if (!packed) {
        return static_cast<std::int16_t>(static_cast<std::uint16_t>(to - from));
    }
    const std::uint32_t ring = std::max(size, 1U);
    const auto distance =
        static_cast<int>(virtio::PackedPosition::parse(from).distance_to(virtio::PackedPosition::parse(to), ring));
    return distance <= static_cast<int>(ring) ? distance : distance - 2 * static_cast<int>(ring);
}

std::uint16_t Ring::behind(std::uint16_t index, std::uint32_t slots) const noexcept {
    if (!packed) {
        return static_cast<std::uint16_t>(index + 1);
    }
    const std::uint32_t ring = std::max(size, 1U);
    return virtio::PackedPosition::parse(index).plus(std::min(slots, ring), ring).value();
}

Ring* RingWatch::of(std::uint16_t queue) {
    if (queue == trace::no_queue) {
        return nullptr;
    }
    const auto found = rings_.find(queue);
    if (found != rings_.end()) {
        return &found->second;
    }
    return rings_.size() < most_queues ? &rings_[queue] : nullptr;
}

const Ring* RingWatch::find(std::uint16_t queue) const noexcept {
    const auto found = rings_.find(queue);
    return found == rings_.end() ? nullptr : &found->second;
}

// With another eventfd it is open again whether its notifications are seen.
void RingWatch::renew(const trace::Record& record, const explain::MessageAnnotation& what) {
    using protocol::FrontEndRequest;
    if (!what.header || !what.asks || !what.queue || *what.queue >= trace::no_queue ||
        std::get<trace::MessageRecord>(record.body).channel != Channel::front_end) {
        return;
    }
    Ring* ring = of(static_cast<std::uint16_t>(*what.queue));
    const auto request = static_cast<FrontEndRequest>(what.header->request);
    if (ring == nullptr) {
        return;
    }
    if (request == FrontEndRequest::SET_VRING_CALL) {
        ring->calls = {};
    } else if (request == FrontEndRequest::SET_VRING_KICK) {
        ring->kicks = {};
    } else if (request == FrontEndRequest::VRING_KICK) {
        ring->kicks = {ring->kicks.count + 1, record.sequence, record.time};
    }
}

void RingWatch::message(const trace::Record& record, const explain::MessageAnnotation& what,
                        const session::DeviceState& after) {
    renew(record, what);
    for (const auto& [number, queue] : after.queues()) {
        Ring* ring = of(static_cast<std::uint16_t>(number));
        if (ring == nullptr) {
            return;
        }
        ring->size = std::min(queue.size.value_or(0), virtio::max_queue_size);
        ring->packed = after.has_feature(protocol::feature::RING_PACKED);
        if (queue.started == ring->started) {
            continue;
        }
        ring->started = queue.started;
        if (!queue.started) {
            ring->stopped_time = record.time;
            continue;
        }
        const std::uint32_t whole_base = after.ring_base(number);
        const auto base = static_cast<std::uint16_t>(whole_base);
        if (ring->next_available.value_or(0) != base || !ring->complete) {
            ring->open.clear();  // another life: what it left open is nobody's
        }
        ring->start_sequence = record.sequence;
        ring->complete = true;
        ring->next_available = base;
        ring->next_used = ring->packed ? virtio::PackedBase::parse(whole_base).used.value() : base;
        ring->fields.reset();
        ring->calls = {};
    }
}

void RingWatch::event(const trace::Record& record, const trace::EventRecord& event) {
    Ring* ring = of(event.queue);
    if (ring == nullptr || event.kind == trace::EventRecord::Kind::err) {
        return;
    }
    Notified& notified = event.kind == trace::EventRecord::Kind::kick ? ring->kicks : ring->calls;
    ++notified.count;
    notified.last_sequence = record.sequence;
    notified.last_time = record.time;
}

void RingWatch::gap(const trace::GapRecord& gap) {
    if (is_unseen_offer(gap)) {
        return;
    }
    for (auto& [number, ring] : rings_) {
        if (gap.queue == trace::no_queue || gap.queue == number) {
            ring.complete = false;
            ring.fields.reset();
        }
    }
}

void RingWatch::entry(const trace::Record& record, const trace::ChainRecord& chain, std::size_t number) {
    Ring* ring = of(chain.queue);
    if (ring == nullptr) {
        return;
    }
    const trace::ChainEntry& entry = chain.entries[number];
    const std::int64_t time = trace::time_of(record, number);
    ring->last_entry_time = time;
    if (entry.state == trace::ChainEntry::State::available) {
        const std::uint32_t slots = virtio::slots_of(entry.descriptors);
        ring->next_available = ring->behind(entry.index, slots);
        ring->last_offer_sequence = record.sequence + number;
        Offer offer{record.sequence + number, time, entry.index, entry.problem, is_certain(chain, number)};
        offer.slots = slots;
        for (const trace::ChainDescriptor& one : entry.descriptors) {
            if ((one.flags & virtio::descriptor_indirect) == 0) {
                ((one.flags & virtio::descriptor_write) != 0 ? offer.writable : offer.readable) += one.length;
            }
        }
        offer.of_several = ring->open.contains(entry.head);
        ring->open.insert_or_assign(entry.head, offer);
        return;
    }
    if (ring->next_used && ring->ahead(*ring->next_used, entry.index) < 0) {
        ring->complete = false;  // chains of an earlier life are completed
    }
    const auto offer = ring->open.find(entry.head);
    ring->next_used = ring->behind(entry.index, offer == ring->open.end() ? 1 : offer->second.slots);
    if (ring->packed && (offer == ring->open.end() || offer->second.of_several)) {
        ring->complete = false;  // how many descriptors it took is not known, nor where the next one is
    }
    if (offer != ring->open.end()) {
        ring->slowest = std::max(ring->slowest, explain::elapsed(offer->second.time, time));
        ring->open.erase(offer);
    }
}

bool RingWatch::fields_belong(const Ring& after_entries, const trace::RingFields& fields) noexcept {
    return (!after_entries.next_available ||
            after_entries.ahead(*after_entries.next_available, fields.available_index) >= 0) &&
           (!after_entries.next_used || after_entries.ahead(*after_entries.next_used, fields.used_index) >= 0);
}

void RingWatch::record_done(const trace::ChainRecord& chain) {
    Ring* ring = of(chain.queue);
    if (ring == nullptr) {
        return;
    }
    ring->fields.reset();
    if (!fields_belong(*ring, chain.fields)) {
        return;
    }
    ring->fields = chain.fields;
    // Everything offered is completed, and nothing else is on its way: what was lost before is over.
    const bool quiet =
        ring->next_used == chain.fields.used_index && chain.fields.available_index == chain.fields.used_index;
    if (quiet && ring->started && !ring->complete) {
        ring->complete = true;
        ring->next_available = chain.fields.available_index;
        ring->open.clear();
    }
}

}  // namespace vutrace::check
