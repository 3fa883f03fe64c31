#include "vutrace/overview/pyramid.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace vutrace::overview {
namespace {

std::uint32_t saturated(std::uint32_t a, std::uint32_t b) noexcept {
    return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

std::uint64_t doubled(std::uint64_t value) noexcept {
    return value > UINT64_MAX / 2 ? UINT64_MAX : value * 2;
}

std::uint64_t span(std::int64_t from, std::int64_t to) noexcept {
    return to <= from ? 0 : static_cast<std::uint64_t>(to) - static_cast<std::uint64_t>(from);
}

// Stretches that follow each other, as one without children.
Node join(const std::vector<std::shared_ptr<const Node>>& nodes, std::size_t first, std::size_t count) {
    Node joined;
    joined.first_row = nodes[first]->first_row;
    joined.last_row = nodes[first + count - 1]->last_row;
    joined.first_time = nodes[first]->first_time;
    joined.last_time = nodes[first]->last_time;
    std::vector<Node::Cell> all;
    for (std::size_t i = first; i < first + count; ++i) {
        joined.rows += nodes[i]->rows;
        joined.first_time = std::min(joined.first_time, nodes[i]->first_time);
        joined.last_time = std::max(joined.last_time, nodes[i]->last_time);
        all.insert(all.end(), nodes[i]->cells.begin(), nodes[i]->cells.end());
    }
    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.lane < b.lane; });
    for (const Node::Cell& cell : all) {
        if (joined.cells.empty() || joined.cells.back().lane != cell.lane) {
            joined.cells.push_back(cell);
        } else {
            joined.cells.back().summary.add(cell.summary);
        }
    }
    joined.cells.shrink_to_fit();
    return joined;
}

void collect_leaves(const std::shared_ptr<const Node>& node, std::vector<std::shared_ptr<const Node>>& out) {
    if (node->is_leaf()) {
        out.push_back(node);
        return;
    }
    for (const auto& child : node->children) {
        collect_leaves(child, out);
    }
}

// Where each stretch of joined leaves begins, and the end.
std::vector<std::size_t> stretches(const std::vector<std::shared_ptr<const Node>>& leaves,
                                   const PyramidLimits& limits) {
    std::vector<std::size_t> begins;
    std::uint64_t rows = 0;
    std::int64_t since = 0;
    for (std::size_t i = 0; i < leaves.size(); ++i) {
        const Node& leaf = *leaves[i];
        if (begins.empty() || rows + leaf.rows > limits.leaf_rows || span(since, leaf.last_time) > limits.leaf_time) {
            begins.push_back(i);
            rows = 0;
            since = leaf.first_time;
        }
        rows += leaf.rows;
    }
    begins.push_back(leaves.size());
    return begins;
}

// Doubles what keeps more neighbours apart.
void raise_limit(const std::vector<std::shared_ptr<const Node>>& leaves, PyramidLimits& limits) {
    std::size_t by_rows = 0;
    std::size_t by_time = 0;
    for (std::size_t i = 1; i < leaves.size(); ++i) {
        if (leaves[i - 1]->rows + leaves[i]->rows > limits.leaf_rows) {
            ++by_rows;
        } else if (span(leaves[i - 1]->first_time, leaves[i]->last_time) > limits.leaf_time) {
            ++by_time;
        }
    }
    std::uint64_t& limit = by_rows >= by_time ? limits.leaf_rows : limits.leaf_time;
    limit = doubled(limit);
}

}  // namespace

void Summary::add(const Mark& mark) noexcept {
    first_row = count == 0 ? mark.row : first_row;
    count = saturated(count, 1);
    bad = saturated(bad, mark.bad ? 1 : 0);
    least = std::min(least, mark.value);
    largest = std::max(largest, mark.value);
    last = mark.value;
    sum += static_cast<double>(mark.value);
}

void Summary::add(const Summary& later) noexcept {
    if (later.count == 0) {
        return;
    }
    first_row = count == 0 ? later.first_row : first_row;
    count = saturated(count, later.count);
    bad = saturated(bad, later.bad);
    least = std::min(least, later.least);
    largest = std::max(largest, later.largest);
    last = later.last;
    sum += later.sum;
}

const Summary* Node::find(LaneId lane) const noexcept {
    const auto found =
        std::lower_bound(cells.begin(), cells.end(), lane, [](const Cell& cell, LaneId id) { return cell.lane < id; });
    return found == cells.end() || found->lane != lane ? nullptr : &found->summary;
}

void Pyramid::add(const Mark& mark) {
    record_.push_back(mark);
}

void Pyramid::end_record(std::uint64_t first_row, std::uint64_t rows, std::int64_t time) {
    std::int64_t last = time;
    for (const Mark& mark : record_) {
        last = std::max(last, mark.time);
    }
    if (open_.rows != 0 &&
        (open_.rows + rows > limits_.leaf_rows || span(open_.first_time, last) > limits_.leaf_time)) {
        seal();
    }
    if (open_.rows == 0) {
        open_.first_row = first_row;
        open_.first_time = time;
        open_.last_time = time;
    }
    open_.last_row = first_row + rows - 1;
    open_.rows += rows;
    open_.last_time = std::max(open_.last_time, last);
    for (const Mark& mark : record_) {
        if (mark.lane >= open_cells_.size()) {
            open_cells_.resize(std::size_t{mark.lane} + 1);
        }
        if (open_cells_[mark.lane].count == 0) {
            open_lanes_.push_back(mark.lane);
        }
        open_cells_[mark.lane].add(mark);
    }
    record_.clear();
}

Node Pyramid::open_leaf() const {
    Node leaf = open_;
    std::vector<LaneId> lanes = open_lanes_;
    std::sort(lanes.begin(), lanes.end());
    leaf.cells.reserve(lanes.size());
    for (const LaneId lane : lanes) {
        leaf.cells.push_back({lane, open_cells_[lane]});
    }
    return leaf;
}

void Pyramid::seal() {
    auto leaf = std::make_shared<Node>(open_leaf());
    for (const LaneId lane : open_lanes_) {
        open_cells_[lane] = {};
    }
    open_lanes_.clear();
    open_ = {};
    push(std::move(leaf));
    if (is_too_big(leaf_count_, cell_count_)) {
        thin_out();
    }
}

void Pyramid::push(std::shared_ptr<const Node> leaf) {
    ++leaf_count_;
    cell_count_ += leaf->cells.size();
    for (std::size_t level = 0; leaf != nullptr; ++level) {
        if (level == levels_.size()) {
            levels_.emplace_back();
        }
        Nodes& waiting = levels_[level];
        waiting.push_back(std::move(leaf));
        if (waiting.size() < fan_out) {
            return;
        }
        auto parent = std::make_shared<Node>(join(waiting, 0, waiting.size()));
        parent->children = std::exchange(waiting, {});
        leaf = std::move(parent);
    }
}

bool Pyramid::is_too_big(std::size_t leaves, std::size_t cells) const noexcept {
    return leaves > limits_.leaves || cells > limits_.cells;
}

// To three quarters at the most, so that it does not come every time.
void Pyramid::thin_out() {
    Nodes leaves;
    for (auto level = levels_.rbegin(); level != levels_.rend(); ++level) {
        for (const auto& node : *level) {
            collect_leaves(node, leaves);
        }
    }
    while (is_too_big(leaves.size() * 4 / 3, cell_count_ * 4 / 3) && leaves.size() > 1) {
        raise_limit(leaves, limits_);
        const std::vector<std::size_t> begins = stretches(leaves, limits_);
        Nodes joined;
        cell_count_ = 0;
        for (std::size_t i = 0; i + 1 < begins.size(); ++i) {
            const std::size_t count = begins[i + 1] - begins[i];
            joined.push_back(count == 1 ? leaves[begins[i]] : std::make_shared<Node>(join(leaves, begins[i], count)));
            cell_count_ += joined.back()->cells.size();
        }
        leaves = std::move(joined);
    }
    levels_.clear();
    leaf_count_ = 0;
    cell_count_ = 0;
    for (auto& leaf : leaves) {
        push(std::move(leaf));
    }
}

std::shared_ptr<const Node> Pyramid::snapshot() const {
    auto root = std::make_shared<Node>();
    for (auto level = levels_.rbegin(); level != levels_.rend(); ++level) {
        root->children.insert(root->children.end(), level->begin(), level->end());
    }
    if (open_.rows != 0) {
        root->children.push_back(std::make_shared<Node>(open_leaf()));
    }
    if (!root->children.empty()) {
        root->first_row = root->children.front()->first_row;
        root->last_row = root->children.back()->last_row;
        root->first_time = root->children.front()->first_time;
        root->last_time = root->children.front()->last_time;
    }
    for (const auto& child : root->children) {
        root->rows += child->rows;
        root->last_time = std::max(root->last_time, child->last_time);
    }
    return root;
}

}  // namespace vutrace::overview
