// The lanes of a trace along its time: what is drawn one below the other. A group of lanes for each session, and one
// for each of its queues.
#pragma once

#include <vutrace/trace/records.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace vutrace::overview {

// The first six are a session's, the others a queue's.
enum class LaneKind : std::uint8_t {
    session,            // it begins or ends; notes of capture
    front_end_channel,  // messages on the socket on which the front-end asks
    back_end_channel,   // … on which the back-end asks
    other_channel,      // … of a display
    memory,             // the regions change; value: the memory epoch, 0: the session is closed
    loss,               // gaps; value: chains and records that are missing
    available,          // chains made available
    used,               // chains used
    kick,               // value: notifications that were seen as one
    call,               // … and errors
    depth,              // value: chains in flight from here on
    latency,            // value: nanoseconds from available to used, at the time of used
};
inline constexpr std::size_t lanes_in_group = 6;

using LaneId = std::uint16_t;
using GroupId = std::uint16_t;

struct LaneGroup {
    std::uint32_t session{0};              // 0: what belongs to the whole trace
    std::uint16_t queue{trace::no_queue};  // `no_queue`: the session's own lanes
    bool operator==(const LaneGroup&) const = default;
};

// Numbers lanes as they come up; a number never changes. Bounded: what a hostile trace has beyond `most_groups` gets no
// lane. Copyable. One thread at a time.
class Lanes {
  public:
    static constexpr std::size_t most_groups = 2048;

    // Makes the group where it is new; empty where there are too many.
    std::optional<GroupId> add(LaneGroup group);
    [[nodiscard]] std::optional<GroupId> find(LaneGroup group) const;

    [[nodiscard]] const std::vector<LaneGroup>& groups() const noexcept { return groups_; }
    [[nodiscard]] std::size_t lane_count() const noexcept { return groups_.size() * lanes_in_group; }
    [[nodiscard]] bool left_some_out() const noexcept { return left_some_out_; }

    // A lane of a group of the right sort.
    [[nodiscard]] static constexpr LaneId lane(GroupId group, LaneKind kind) noexcept {
        return static_cast<LaneId>(group * lanes_in_group + static_cast<std::size_t>(kind) % lanes_in_group);
    }
    [[nodiscard]] static constexpr GroupId group_of(LaneId lane) noexcept {
        return static_cast<GroupId>(lane / lanes_in_group);
    }

  private:
    std::vector<LaneGroup> groups_;
    std::map<std::pair<std::uint32_t, std::uint16_t>, GroupId> by_group_;
    bool left_some_out_{false};
};

// Something at one time in one lane.
struct Mark {                // ordered by size: many are kept
    std::int64_t time{0};    // nanoseconds since the epoch
    std::uint64_t row{0};    // sequence number
    std::uint64_t value{0};  // as the lane's kind says; 1 where it says nothing
    LaneId lane{0};
    bool bad{false};         // it has a problem, or says that something is lost
    bool answers{false};     // a message of the side that is asked
    std::string_view label;  // the request of a message; of static storage
};

}  // namespace vutrace::overview
