#include "vutrace/overview/lanes.h"

namespace vutrace::overview {

std::optional<GroupId> Lanes::find(LaneGroup group) const {
    const auto found = by_group_.find({group.session, group.queue});
    return found == by_group_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<GroupId> Lanes::add(LaneGroup group) {
    if (const auto known = find(group)) {
        return known;
    }
    if (groups_.size() == most_groups) {
        left_some_out_ = true;
        return std::nullopt;
    }
    const auto id = static_cast<GroupId>(groups_.size());
    groups_.push_back(group);
    by_group_.emplace(std::pair(group.session, group.queue), id);
    return id;
}

}  // namespace vutrace::overview
