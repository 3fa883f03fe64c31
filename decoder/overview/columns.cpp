#include "vutrace/overview/columns.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace vutrace::overview {
namespace {

struct Search {
    std::int64_t start_time;
    LaneId lane;
    double time;
    bool forward;

    [[nodiscard]] std::optional<std::uint64_t> in(const Node& node) const {
        const double first = static_cast<double>(explain::elapsed(start_time, node.first_time));
        const double last = static_cast<double>(explain::elapsed(start_time, node.last_time));
        const Summary* summary = node.find(lane);
        if ((forward ? last <= time : first >= time) || (summary == nullptr && !node.cells.empty())) {
            return std::nullopt;
        }
        if (node.is_leaf()) {
            const bool beyond = forward ? first > time : last < time;
            return beyond && summary != nullptr ? std::optional(summary->first_row) : std::nullopt;
        }
        const std::size_t count = node.children.size();
        for (std::size_t i = 0; i < count; ++i) {
            if (const auto found = in(*node.children[forward ? i : count - 1 - i])) {
                return found;
            }
        }
        return std::nullopt;
    }
};

}  // namespace

std::optional<std::uint64_t> nearest_row(const Overview& overview, LaneId lane, double time, bool forward) {
    return Search{overview.start_time, lane, time, forward}.in(*overview.root);
}

void Columns::fill(const Overview& overview, const TimeView& view, std::vector<LaneId> lanes, MarkCache& cache) {
    start_time_ = overview.start_time;
    view_ = view;
    lanes_ = std::move(lanes);
    cache_ = &cache;
    slots_.assign(overview.lanes.lane_count(), 0);
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
        if (lanes_[i] < slots_.size()) {
            slots_[lanes_[i]] = i + 1;
        }
    }
    columns_.assign(lanes_.size() * view_.columns, {});
    unread_.clear();
    before_.clear();
    for (const LaneId lane : lanes_) {
        before_.push_back(last_before(*overview.root, lane));
    }
    if (view_.columns == 0) {
        return;
    }
    visit(overview.root);
    add_wide_leaves();
    wide_leaves_.clear();
    sort_unread();
}

std::span<const Column> Columns::of(std::size_t i) const {
    return std::span(columns_).subspan(i * view_.columns, view_.columns);
}

double Columns::place_of(std::int64_t time) const noexcept {
    return (static_cast<double>(explain::elapsed(start_time_, time)) - view_.begin) / view_.nanoseconds_per_column;
}

void Columns::visit(const std::shared_ptr<const Node>& node) {
    const double first = place_of(node->first_time);
    const double last = place_of(node->last_time);
    if (last < 0 || first >= static_cast<double>(view_.columns)) {
        return;
    }
    if (!node->cells.empty() && first >= 0 && std::floor(first) == std::floor(last)) {
        const auto column = static_cast<std::size_t>(first);
        add_cells(*node, column, column, false);
    } else if (node->is_leaf()) {
        wide_leaves_.push_back({node, first, last});
    } else {
        for (const auto& child : node->children) {
            visit(child);
        }
    }
}

// Those that are wide enough, as long as they are not too many records to be read and drawn one by one: then the
// narrowest go first.
void Columns::add_wide_leaves() {
    double least_width = narrow;
    for (;; least_width *= 2) {
        std::uint64_t rows = 0;
        for (const WideLeaf& leaf : wide_leaves_) {
            rows += leaf.last - leaf.first >= least_width ? leaf.node->rows : 0;
        }
        if (rows <= most_rows) {
            break;
        }
    }
    const double most = static_cast<double>(view_.columns - 1);
    for (const WideLeaf& leaf : wide_leaves_) {
        const bool wide = leaf.last - leaf.first >= least_width;
        if (const Marks* marks = wide ? cache_->find(*leaf.node) : nullptr) {
            for (const Mark& mark : *marks) {
                add_mark(mark);
            }
            continue;
        }
        add_cells(*leaf.node, static_cast<std::size_t>(std::clamp(leaf.first, 0.0, most)),
                  static_cast<std::size_t>(std::clamp(leaf.last, 0.0, most)), wide);
        if (wide) {
            unread_.push_back(leaf.node);
        }
    }
}

void Columns::add_cells(const Node& node, std::size_t first, std::size_t last, bool blurred) {
    for (const Node::Cell& cell : node.cells) {
        const std::size_t slot = cell.lane < slots_.size() ? slots_[cell.lane] : 0;
        if (slot == 0) {
            continue;
        }
        const std::uint64_t columns = last - first + 1;
        const std::uint64_t count = cell.summary.count;
        for (std::size_t i = first; i <= last; ++i) {
            // Spread evenly; what is blurred is all over it, however few there are.
            const std::uint64_t share = count * (i - first + 1) / columns - count * (i - first) / columns;
            Summary summary = cell.summary;
            summary.count = static_cast<std::uint32_t>(blurred ? std::max<std::uint64_t>(share, 1) : share);
            summary.sum *= static_cast<double>(summary.count) / static_cast<double>(count);
            Column& column = columns_[(slot - 1) * view_.columns + i];
            column.summary.add(summary);
            column.blurred = column.blurred || blurred;
            column.label = {};
        }
    }
}

void Columns::add_mark(const Mark& mark) {
    const std::size_t slot = mark.lane < slots_.size() ? slots_[mark.lane] : 0;
    const double place = place_of(mark.time);
    if (slot == 0 || place < 0 || place >= static_cast<double>(view_.columns)) {
        return;
    }
    Column& column = columns_[(slot - 1) * view_.columns + static_cast<std::size_t>(place)];
    column.label = column.summary.count == 0 ? mark.label : std::string_view();
    column.answers = mark.answers;
    column.summary.add(mark);
}

// From the right: the last mark of the lane before the view. A leaf that the view begins in is known by its marks only.
std::optional<std::uint64_t> Columns::last_before(const Node& node, LaneId lane) {
    if (place_of(node.first_time) >= 0) {
        return std::nullopt;
    }
    const Summary* summary = node.find(lane);
    if (summary == nullptr && !node.cells.empty()) {
        return std::nullopt;
    }
    if (place_of(node.last_time) < 0 && summary != nullptr) {
        return summary->last;
    }
    for (auto child = node.children.rbegin(); child != node.children.rend(); ++child) {
        if (const auto found = last_before(**child, lane)) {
            return found;
        }
    }
    const Marks* marks = node.is_leaf() ? cache_->find(node) : nullptr;
    std::optional<std::uint64_t> found;
    for (std::size_t i = 0; marks != nullptr && i < marks->size() && place_of((*marks)[i].time) < 0; ++i) {
        if ((*marks)[i].lane == lane) {
            found = (*marks)[i].value;
        }
    }
    return found;
}

void Columns::sort_unread() {
    const double middle = static_cast<double>(view_.columns) / 2;
    std::stable_sort(unread_.begin(), unread_.end(), [&](const auto& a, const auto& b) {
        const auto distance = [&](const Node& node) {
            return std::abs((place_of(node.first_time) + place_of(node.last_time)) / 2 - middle);
        };
        return distance(*a) < distance(*b);
    });
}

}  // namespace vutrace::overview
