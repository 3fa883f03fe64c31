#include "vutrace/gui/models/timeline_tracks.h"

#include <QCoreApplication>
#include <algorithm>

namespace vutrace::gui {
namespace {

using overview::LaneId;
using overview::LaneKind;
using overview::Lanes;

// What a translator sees as one context.
struct Words {
    Q_DECLARE_TR_FUNCTIONS(TimelineTracks)
};

}  // namespace

bool has_marks(const overview::Overview& overview, LaneId lane) {
    const auto& parts = overview.root->children;
    return std::any_of(parts.begin(), parts.end(), [lane](const auto& part) { return part->find(lane) != nullptr; });
}

void TimelineTracks::build(const overview::Overview& overview, const std::set<std::uint32_t>& with_findings,
                           const Folded& folded, int line) {
    tracks_.clear();
    height_ = 0;
    line_ = line;
    std::set<std::uint32_t> sessions = with_findings;
    for (const overview::LaneGroup& group : overview.lanes.groups()) {
        sessions.insert(group.session);
    }
    for (const std::uint32_t session : sessions) {
        add_session(overview, session, with_findings.contains(session), folded);
    }
    if (overview.lanes.left_some_out()) {
        add({TrackKind::heading,
             Words::tr("More queues than there is room for"),
             {},
             {},
             {},
             UINT32_MAX,
             std::nullopt,
             false,
             0,
             0},
            line_ + 6);
    }
}

void TimelineTracks::add(Track&& track, int height) {
    track.y = height_;
    track.height = height;
    height_ += height;
    tracks_.push_back(std::move(track));
}

void TimelineTracks::add_session(const overview::Overview& overview, std::uint32_t session, bool with_findings,
                                 const Folded& folded) {
    const bool is_folded = folded.contains({session, trace::no_queue});
    Track heading{TrackKind::heading,
                  session == 0 ? Words::tr("Whole trace") : Words::tr("Session %1").arg(session),
                  {},
                  {},
                  {},
                  session,
                  std::nullopt,
                  is_folded,
                  0,
                  0};
    add(std::move(heading), line_ + 6);
    if (is_folded) {
        return;
    }
    if (with_findings) {
        add({TrackKind::findings,
             Words::tr("Findings"),
             Words::tr("finding"),
             {},
             {},
             session,
             std::nullopt,
             false,
             0,
             0},
            line_ + 8);
    }
    struct Row {
        LaneKind lane;
        TrackKind kind;
        const char* title;
        const char* name;
    };
    constexpr Row rows[] = {
        {LaneKind::loss, TrackKind::marks, QT_TRANSLATE_NOOP("TimelineTracks", "Losses"),
         QT_TRANSLATE_NOOP("TimelineTracks", "gap")},
        {LaneKind::session, TrackKind::marks, QT_TRANSLATE_NOOP("TimelineTracks", "Begin, end, notes"),
         QT_TRANSLATE_NOOP("TimelineTracks", "session or note record")},
        {LaneKind::front_end_channel, TrackKind::marks, QT_TRANSLATE_NOOP("TimelineTracks", "Front-end channel"),
         QT_TRANSLATE_NOOP("TimelineTracks", "message")},
        {LaneKind::back_end_channel, TrackKind::marks, QT_TRANSLATE_NOOP("TimelineTracks", "Back-end channel"),
         QT_TRANSLATE_NOOP("TimelineTracks", "message")},
        {LaneKind::other_channel, TrackKind::marks, QT_TRANSLATE_NOOP("TimelineTracks", "Display channel"),
         QT_TRANSLATE_NOOP("TimelineTracks", "message")},
        {LaneKind::memory, TrackKind::epochs, QT_TRANSLATE_NOOP("TimelineTracks", "Memory epoch"),
         QT_TRANSLATE_NOOP("TimelineTracks", "change of the memory regions")},
    };
    if (const auto group = overview.lanes.find({session, trace::no_queue})) {
        for (const Row& row : rows) {
            const LaneId lane = Lanes::lane(*group, row.lane);
            if (has_marks(overview, lane)) {
                add({row.kind,
                     Words::tr(row.title),
                     Words::tr(row.name),
                     {},
                     {lane},
                     session,
                     std::nullopt,
                     false,
                     0,
                     0},
                    line_ + 6);
            }
        }
    }
    std::set<std::uint16_t> queues;
    for (const overview::LaneGroup& group : overview.lanes.groups()) {
        if (group.session == session && group.queue != trace::no_queue) {
            queues.insert(group.queue);
        }
    }
    for (const std::uint16_t queue : queues) {
        add_queue(overview, session, queue, folded);
    }
}

void TimelineTracks::add_queue(const overview::Overview& overview, std::uint32_t session, std::uint16_t queue,
                               const Folded& folded) {
    const auto group = overview.lanes.find({session, queue});
    const auto lane = [&](LaneKind kind) { return Lanes::lane(*group, kind); };
    const auto seen = [&](LaneKind kind) { return has_marks(overview, lane(kind)); };
    const bool is_folded = folded.contains({session, queue});
    const QString heading = Words::tr("Queue %1").arg(queue);
    add({TrackKind::heading, heading, {}, {}, {}, session, queue, is_folded, 0, 0}, line_ + 6);
    if (is_folded) {
        return;
    }
    if (seen(LaneKind::available) || seen(LaneKind::used)) {
        add({TrackKind::marks,
             Words::tr("Available, used"),
             Words::tr("chain made available"),
             Words::tr("chain used"),
             {lane(LaneKind::available), lane(LaneKind::used)},
             session,
             queue,
             false,
             0,
             0},
            line_ * 3 / 2 + 6);
    }
    if (seen(LaneKind::kick) || seen(LaneKind::call)) {
        add({TrackKind::marks,
             Words::tr("Kicks, calls"),
             Words::tr("kick"),
             Words::tr("call"),
             {lane(LaneKind::kick), lane(LaneKind::call)},
             session,
             queue,
             false,
             0,
             0},
            line_ * 3 / 2 + 6);
    }
    if (seen(LaneKind::depth)) {
        add({TrackKind::depth,
             Words::tr("In flight"),
             Words::tr("chains in flight"),
             {},
             {lane(LaneKind::depth)},
             session,
             queue,
             false,
             0,
             0},
            line_ * 5 / 2);
    }
    if (seen(LaneKind::latency)) {
        add({TrackKind::latency,
             Words::tr("Latency"),
             Words::tr("latency"),
             {},
             {lane(LaneKind::latency)},
             session,
             queue,
             false,
             0,
             0},
            line_ * 5 / 2);
    }
}

const Track* TimelineTracks::at(int y) const {
    const auto found = std::partition_point(tracks_.begin(), tracks_.end(),
                                            [y](const Track& track) { return track.y + track.height <= y; });
    return found == tracks_.end() || y < 0 ? nullptr : &*found;
}

}  // namespace vutrace::gui
