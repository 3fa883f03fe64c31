// How the lanes of a trace stand one below the other.
#pragma once

#include <vutrace/overview/overview.h>

#include <QString>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

namespace vutrace::gui {

enum class TrackKind : std::uint8_t {
    heading,   // of a session or a queue
    marks,     // one lane, or two: the upper half and the lower
    epochs,    // a value that holds until the next mark, as bars
    depth,     // … as steps
    latency,   // values at their marks, logarithmic
    findings,  // what `check` found in the session
};

struct Track {
    TrackKind kind{TrackKind::marks};
    QString title;
    QString upper_name, lower_name;  // of `marks`: what a mark is
    std::vector<overview::LaneId> lanes;
    std::uint32_t session{0};
    std::optional<std::uint16_t> queue;
    bool folded{false};  // of a heading
    int y{0};
    int height{0};
};

[[nodiscard]] bool has_marks(const overview::Overview& overview, overview::LaneId lane);

class TimelineTracks {
  public:
    // Folded headings, by session and queue (`no_queue`: the session).
    using Folded = std::set<std::pair<std::uint32_t, std::uint16_t>>;

    // Sessions in order, each with its queues; lanes without a mark are left out. `line` is the height of a line of
    // text. `with_findings` names the sessions that have some.
    void build(const overview::Overview& overview, const std::set<std::uint32_t>& with_findings, const Folded& folded,
               int line);

    [[nodiscard]] const std::vector<Track>& tracks() const noexcept { return tracks_; }
    [[nodiscard]] int height() const noexcept { return height_; }
    // The track at a height; null below the last.
    [[nodiscard]] const Track* at(int y) const;

  private:
    void add_session(const overview::Overview& overview, std::uint32_t session, bool with_findings,
                     const Folded& folded);
    void add_queue(const overview::Overview& overview, std::uint32_t session, std::uint16_t queue,
                   const Folded& folded);
    void add(Track&& track, int height);

    std::vector<Track> tracks_;
    int height_{0};
    int line_{16};
};

}  // namespace vutrace::gui
