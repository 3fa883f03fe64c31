// A stretch of time in columns of pixels: what is in each, lane by lane.
#pragma once

#include <vutrace/overview/mark_cache.h>
#include <vutrace/overview/overview.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace vutrace::overview {

// Nanoseconds count from the trace's first record.
struct TimeView {
    double begin{0};
    double nanoseconds_per_column{1};
    std::size_t columns{0};

    bool operator==(const TimeView&) const = default;
};

struct Column {
    Summary summary;         // `first_row` is where to go to
    bool blurred{false};     // somewhere around here: its records are not read yet
    bool answers{false};     // of a single message
    std::string_view label;  // of a single message
};

// A record with a mark in the lane, in the next stretch of it behind (before) a time; empty where there is none.
[[nodiscard]] std::optional<std::uint64_t> nearest_row(const Overview& overview, LaneId lane, double time,
                                                       bool forward);

// Reused from picture to picture. What filling costs depends on the columns and lanes that are seen, not on the
// trace's length. One thread.
class Columns {
  public:
    // A leaf narrower than that looks as it would if its records were read.
    static constexpr double narrow = 6;
    // Records that are read for one view at the most.
    static constexpr std::uint64_t most_rows = 150'000;

    void fill(const Overview& overview, const TimeView& view, std::vector<LaneId> lanes, MarkCache& cache);

    // Whether that was filled last; the overview and the cache may have changed since.
    [[nodiscard]] bool are_of(const TimeView& view, const std::vector<LaneId>& lanes) const {
        return view_ == view && lanes_ == lanes;
    }

    // Of lane number `i` of those that were asked for.
    [[nodiscard]] std::span<const Column> of(std::size_t i) const;
    // The value with which the lane comes in: the last one before the view; empty where there is none.
    [[nodiscard]] std::optional<std::uint64_t> value_before(std::size_t i) const { return before_[i]; }
    // Leaves whose records should be read, those in the middle first.
    [[nodiscard]] const std::vector<std::shared_ptr<const Node>>& unread() const noexcept { return unread_; }

  private:
    struct WideLeaf {
        std::shared_ptr<const Node> node;
        double first{0}, last{0};  // columns
    };
    void visit(const std::shared_ptr<const Node>& node);
    void add_wide_leaves();
    void add_cells(const Node& node, std::size_t first, std::size_t last, bool blurred);
    void add_mark(const Mark& mark);
    [[nodiscard]] double place_of(std::int64_t time) const noexcept;
    [[nodiscard]] std::optional<std::uint64_t> last_before(const Node& node, LaneId lane);
    void sort_unread();

    std::int64_t start_time_{0};
    TimeView view_;
    std::vector<LaneId> lanes_;
    std::vector<std::size_t> slots_;  // by lane: its number and 1, or 0
    std::vector<Column> columns_;
    std::vector<std::optional<std::uint64_t>> before_;
    std::vector<WideLeaf> wide_leaves_;  // while filling: those of more than a column
    std::vector<std::shared_ptr<const Node>> unread_;
    MarkCache* cache_{nullptr};  // while filling
};

}  // namespace vutrace::overview
