#include "vutrace/overview/observer.h"

#include <vutrace/explain/in_flight.h>

#include <algorithm>

namespace vutrace::overview {
namespace {

// What a session that ended leaves in its queues is in flight nowhere.
std::uint64_t depth_of(const session::SessionState& state, const session::QueueProgress& queue) noexcept {
    return state.ended ? 0 : queue.open.size();
}

// 0 once the session is closed: nobody maps its regions any more.
std::uint64_t epoch_of(const session::SessionState& state) noexcept {
    return state.ended ? 0 : state.device.epoch();
}

LaneKind lane_of(Channel channel) noexcept {
    switch (channel) {
        case Channel::front_end:
            return LaneKind::front_end_channel;
        case Channel::back_end:
            return LaneKind::back_end_channel;
        case Channel::gpu:
            break;
    }
    return LaneKind::other_channel;
}

Mark mark_of(const trace::Record& record, LaneId lane) {
    Mark mark;
    mark.time = record.time;
    mark.row = record.sequence;
    mark.value = 1;
    mark.lane = lane;
    return mark;
}

}  // namespace

Observer::Known& Observer::known(GroupId group) {
    if (group >= known_.size()) {
        known_.resize(std::size_t{group} + 1);
    }
    return known_[group];
}

void Observer::start_at(const explain::Annotator& before) {
    known_.clear();
    for (const auto& [number, state] : before.tracker().sessions()) {
        if (const auto group = lanes_->find({number, trace::no_queue})) {
            known(*group).epoch = epoch_of(state);
        }
        for (const auto& [index, queue] : state.queues) {
            if (const auto group = lanes_->find({number, index})) {
                known(*group).depth = depth_of(state, queue);
            }
        }
    }
}

void Observer::observe(const explain::Annotation& annotation, const explain::Annotator& annotator, Out& marks) {
    const trace::Record& record = *annotation.record;
    const session::SessionState* state = annotator.tracker().session(record.session);
    if (const auto* chain = std::get_if<trace::ChainRecord>(&record.body)) {
        if (state != nullptr) {
            observe_chains(annotation, *chain, *state, marks);
        }
        return;
    }
    if (const auto* event = std::get_if<trace::EventRecord>(&record.body)) {
        observe_event(record, *event, marks);
        return;
    }
    const auto group = lanes_->add({record.session, trace::no_queue});
    if (!group) {
        return;
    }
    if (const auto* message = std::get_if<trace::MessageRecord>(&record.body)) {
        observe_message(annotation, *message, *group, marks);
    } else if (const auto* gap = std::get_if<trace::GapRecord>(&record.body)) {
        marks.push_back(mark_of(record, Lanes::lane(*group, LaneKind::loss)));
        marks.back().value = gap->chains > UINT64_MAX - gap->records ? UINT64_MAX : gap->chains + gap->records;
        marks.back().bad = true;
    } else if (const auto* note = std::get_if<trace::NoteRecord>(&record.body)) {
        marks.push_back(mark_of(record, Lanes::lane(*group, LaneKind::session)));
        marks.back().bad = note->severity == trace::NoteRecord::Severity::error;
    } else if (std::holds_alternative<trace::SessionRecord>(record.body)) {
        marks.push_back(mark_of(record, Lanes::lane(*group, LaneKind::session)));
    }
    if (state != nullptr) {
        observe_state(record, *state, marks);
    }
}

void Observer::observe_message(const explain::Annotation& annotation, const trace::MessageRecord& message,
                               GroupId group, Out& out) {
    Mark mark = mark_of(*annotation.record, Lanes::lane(group, lane_of(message.channel)));
    mark.bad = !annotation.message.problems.empty();
    mark.answers = !annotation.message.asks;
    mark.label = annotation.message.info == nullptr ? std::string_view("UNKNOWN") : annotation.message.request;
    out.push_back(mark);
}

void Observer::observe_event(const trace::Record& record, const trace::EventRecord& event, Out& out) {
    const auto group = event.queue == trace::no_queue ? std::nullopt : lanes_->add({record.session, event.queue});
    if (!group) {
        return;
    }
    const bool kick = event.kind == trace::EventRecord::Kind::kick;
    out.push_back(mark_of(record, Lanes::lane(*group, kick ? LaneKind::kick : LaneKind::call)));
    out.back().value = event.count;
    out.back().bad = event.kind == trace::EventRecord::Kind::err;
}

void Observer::observe_chains(const explain::Annotation& annotation, const trace::ChainRecord& chain,
                              const session::SessionState& state, Out& out) {
    const auto group = lanes_->add({annotation.record->session, chain.queue});
    if (!group) {
        return;
    }
    std::uint64_t depth = explain::in_flight_before(annotation, state);
    for (std::size_t i = 0; i < chain.entries.size(); ++i) {
        const trace::ChainEntry& entry = chain.entries[i];
        const bool used = entry.state == trace::ChainEntry::State::used;
        Mark mark;
        mark.time = trace::time_of(*annotation.record, i);
        mark.row = annotation.record->sequence + i;
        mark.value = 1;
        mark.bad = entry.problem != 0;
        mark.lane = Lanes::lane(*group, used ? LaneKind::used : LaneKind::available);
        out.push_back(mark);
        depth = used ? depth - std::min<std::uint64_t>(depth, 1) : depth + 1;
        mark.bad = false;
        mark.lane = Lanes::lane(*group, LaneKind::depth);
        mark.value = depth;
        out.push_back(mark);
        if (const auto latency = annotation.entries[i].latency) {
            mark.lane = Lanes::lane(*group, LaneKind::latency);
            mark.value = static_cast<std::uint64_t>(std::max<std::int64_t>(*latency, 0));
            out.push_back(mark);
        }
    }
    known(*group).depth = depth;
}

void Observer::observe_state(const trace::Record& record, const session::SessionState& state, Out& out) {
    const auto session = lanes_->find({record.session, trace::no_queue});
    const std::uint64_t epoch = epoch_of(state);
    if (session && known(*session).epoch != epoch) {
        known(*session).epoch = epoch;
        out.push_back(mark_of(record, Lanes::lane(*session, LaneKind::memory)));
        out.back().value = epoch;
    }
    for (const auto& [index, queue] : state.queues) {
        const auto group = lanes_->find({record.session, index});
        const std::uint64_t depth = depth_of(state, queue);
        if (group && known(*group).depth != depth) {
            known(*group).depth = depth;
            out.push_back(mark_of(record, Lanes::lane(*group, LaneKind::depth)));
            out.back().value = depth;
        }
    }
}

}  // namespace vutrace::overview
