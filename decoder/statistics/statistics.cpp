#include "vutrace/statistics/statistics.h"

#include <vutrace/explain/in_flight.h>
#include <vutrace/protocol/features.h>
#include <vutrace/trace/attributes.h>
#include <vutrace/virtio/packed_ring.h>
#include <vutrace/virtio/split_ring.h>

#include <algorithm>

namespace vutrace::statistics {
namespace {

// Used without a call that was seen: a driver that polls lets them grow for ever. More than a queue holds is none of
// the next call's business.
constexpr std::size_t most_waiting = virtio::max_queue_size;

// "OUT", or where all chains of a queue are of one kind, "transmit".
std::string_view request_of(const explain::EntryAnnotation& entry) noexcept {
    if (!entry.request) {
        return {};
    }
    const std::string_view type = virtio::type_of(*entry.request);
    return type.empty() ? entry.role.name : type;
}

void count_entry(ChainStatistics& sum, const trace::ChainEntry& entry, const explain::EntryAnnotation& known) {
    if (entry.state == trace::ChainEntry::State::available) {
        ++sum.available;
        return;
    }
    ++sum.used;
    sum.readable_bytes += known.readable_total;
    sum.used_bytes += entry.used_length;
    if (known.latency) {
        sum.latency.add(static_cast<std::uint64_t>(std::max<std::int64_t>(*known.latency, 0)));
    }
}

// Of the entries of one state in a record.
struct Step {
    std::uint64_t count{0};
    std::uint16_t first{0};
    std::uint16_t last{0};
};

Step step_of(const trace::ChainRecord& chain, trace::ChainEntry::State state) {
    Step step;
    for (const trace::ChainEntry& entry : chain.entries) {
        if (entry.state != state) {
            continue;
        }
        step.first = step.count++ == 0 ? entry.index : step.first;
        step.last = entry.index;
    }
    return step;
}

bool is_wanted_split(const session::DeviceState& device, const trace::RingFields& fields, bool used,
                     const Step& step) noexcept {
    if (device.has_feature(protocol::feature::RING_EVENT_IDX)) {
        return virtio::needs_event(used ? fields.used_event : fields.available_event, step.first,
                                   static_cast<std::uint16_t>(step.last + 1));
    }
    return used ? (fields.available_flags & virtio::available_no_interrupt) == 0
                : (fields.used_flags & virtio::used_no_notify) == 0;
}

bool is_wanted_packed(std::uint32_t size, const trace::RingFields& fields, bool used, const Step& step) noexcept {
    using virtio::PackedPosition;
    const auto area = used ? virtio::PackedEvent{fields.used_event, fields.available_flags}
                           : virtio::PackedEvent{fields.available_event, fields.used_flags};
    return virtio::needs_event(area, PackedPosition::parse(step.first),
                               PackedPosition::parse(used ? fields.used_index : fields.available_index), size);
}

// Did the ring ask to be notified of these entries? Its fields are as they were read in the same look.
bool is_wanted(const session::DeviceState& device, const trace::ChainRecord& chain, bool used, const Step& step) {
    if (!device.has_feature(protocol::feature::RING_PACKED)) {
        return is_wanted_split(device, chain.fields, used, step);
    }
    const session::QueueState* queue = device.queue(chain.queue);
    const bool sized = queue != nullptr && queue->size && virtio::is_packed_queue_size(*queue->size);
    return step.count == 0 || !sized || is_wanted_packed(*queue->size, chain.fields, used, step);
}

}  // namespace

void Statistics::add(const explain::Annotation& annotation, const session::Tracker& tracker, const Selected& selected) {
    const trace::Record& record = *annotation.record;
    const session::SessionState* state = tracker.session(record.session);
    if (state == nullptr) {
        return;
    }
    SessionStatistics& session = sessions_[record.session];
    session.number = record.session;
    session.device = annotation.device;
    if (std::holds_alternative<trace::SessionRecord>(record.body)) {
        session.data_path = trace::attribute(state->opened, "datapath");
    } else if (const auto* chain = std::get_if<trace::ChainRecord>(&record.body)) {
        add_chains(annotation, *chain, *state, selected);
    } else if (const auto* event = std::get_if<trace::EventRecord>(&record.body)) {
        if (!selected || selected(0)) {
            add_event(record, *event);
        }
    } else if (const auto* gap = std::get_if<trace::GapRecord>(&record.body)) {
        if (gap->queue != trace::no_queue) {
            QueueStatistics& queue = session.queues[gap->queue];
            queue.lost += gap->chains;
            queue.lost_at_least |= gap->at_least;
        }
    }
}

void Statistics::add_chains(const explain::Annotation& annotation, const trace::ChainRecord& chain,
                            const session::SessionState& state, const Selected& selected) {
    const std::uint32_t number = annotation.record->session;
    QueueStatistics& queue = sessions_[number].queues[chain.queue];
    Progress& progress = progress_[{number, chain.queue}];
    const Step offers = step_of(chain, trace::ChainEntry::State::available);
    const Step completions = step_of(chain, trace::ChainEntry::State::used);
    progress.depth = explain::in_flight_before(annotation, state);

    const bool kick_wanted = is_wanted(state.device, chain, false, offers);
    const bool call_wanted = is_wanted(state.device, chain, true, completions);
    for (std::size_t i = 0; i < chain.entries.size(); ++i) {
        const bool used = chain.entries[i].state == trace::ChainEntry::State::used;
        flow(queue, progress, trace::time_of(*annotation.record, i), used);
        if (selected && !selected(i)) {
            continue;
        }
        add_entry(queue, annotation, i);
        NotificationStatistics& sum = used ? queue.calls : queue.kicks;
        Direction& direction = used ? progress.calls : progress.kicks;
        ++direction.chains;
        direction.nothing_new = false;
        sum.suppressed += (used ? call_wanted : kick_wanted) ? 0U : 1U;
        if (used && progress.call_seen) {
            ++queue.found_at_call;
        } else if (used && call_wanted && progress.waiting.size() < most_waiting) {
            progress.waiting.push_back(trace::time_of(*annotation.record, i));
        }
    }
    progress.call_seen = false;
}

// Before the entry is counted: how long the depth was what it was.
void Statistics::flow(QueueStatistics& queue, Progress& progress, std::int64_t time, bool used) {
    if (!progress.began) {
        progress.began = true;
        queue.first_time = time;
    } else {
        progress.depth_time += static_cast<double>(progress.depth) *
                               static_cast<double>(std::max<std::int64_t>(time - progress.depth_since, 0));
    }
    progress.depth_since = time;
    queue.last_time = time;
    if (used) {
        progress.depth -= progress.depth == 0 ? 0U : 1U;
    } else {
        queue.depth.add(++progress.depth);
    }
}

void Statistics::add_entry(QueueStatistics& queue, const explain::Annotation& annotation, std::size_t number) {
    const trace::ChainEntry& entry = std::get<trace::ChainRecord>(annotation.record->body).entries[number];
    const explain::EntryAnnotation& known = annotation.entries[number];
    count_entry(queue.all, entry, known);
    if (entry.state == trace::ChainEntry::State::available && known.descriptors_known) {
        queue.descriptors.add(known.buffers.size());
    }
    const std::string_view request = request_of(known);
    if (request.empty()) {
        return;
    }
    auto found = queue.by_request.find(request);
    if (found == queue.by_request.end()) {
        found = queue.by_request.emplace(request, ChainStatistics()).first;
    }
    count_entry(found->second, entry, known);
}

void Statistics::add_event(const trace::Record& record, const trace::EventRecord& event) {
    if (event.queue == trace::no_queue || event.kind == trace::EventRecord::Kind::err) {
        return;
    }
    QueueStatistics& queue = sessions_[record.session].queues[event.queue];
    Progress& progress = progress_[{record.session, event.queue}];
    if (event.kind == trace::EventRecord::Kind::kick) {
        notify(queue.kicks, progress.kicks, event.count);
        return;
    }
    notify(queue.calls, progress.calls, event.count);
    // In `shadow` a call is sent after what it is for was recorded, otherwise it is what makes capture look.
    progress.call_seen = sessions_[record.session].data_path != "shadow";
    for (const std::int64_t since : progress.waiting) {
        queue.call_delay.add(static_cast<std::uint64_t>(std::max<std::int64_t>(record.time - since, 0)));
    }
    progress.waiting.clear();
}

void Statistics::notify(NotificationStatistics& sum, Direction& direction, std::uint64_t count) {
    sum.sent = sum.sent > UINT64_MAX - count ? UINT64_MAX : sum.sent + count;
    if (direction.chains != 0) {
        sum.chains.add(direction.chains);
    }
    sum.superfluous += direction.nothing_new ? 1U : 0U;
    direction.nothing_new = direction.chains == 0;
    direction.chains = 0;
}

void Statistics::finish() {
    for (auto& [key, progress] : progress_) {
        QueueStatistics& queue = sessions_[key.first].queues[key.second];
        for (auto [sum, direction] :
             {std::pair(&queue.kicks, &progress.kicks), std::pair(&queue.calls, &progress.calls)}) {
            if (sum->sent != 0 && direction->chains != 0) {
                sum->chains.add(direction->chains);
            }
            *direction = {};
        }
        const auto whole = static_cast<double>(queue.last_time - queue.first_time);
        queue.mean_depth = whole > 0 ? progress.depth_time / whole : 0;
    }
}

}  // namespace vutrace::statistics
