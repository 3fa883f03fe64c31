// Marks along a trace in a tree of sums, of bounded size however long the trace is, from which any stretch of time is
// drawn at the cost of what is seen.
//
// A leaf is a stretch of records: so many at most, and so much time at most, so that neither a burst in hours of
// silence nor a steady trickle is blurred. When there are too many leaves whichever limit made most of them doubles,
// and neighbours are joined. Trees are immutable and share their parts: a snapshot costs some dozen pointers.
#pragma once

#include <vutrace/overview/lanes.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace vutrace::overview {

// The marks of one lane in a stretch of time.
struct Summary {
    std::uint32_t count{0};  // saturates
    std::uint32_t bad{0};
    std::uint64_t first_row{0};
    std::uint64_t least{UINT64_MAX};  // values; of none: UINT64_MAX and 0
    std::uint64_t largest{0};
    std::uint64_t last{0};
    double sum{0};

    void add(const Mark& mark) noexcept;
    void add(const Summary& later) noexcept;  // what comes behind it
};

struct Node {
    struct Cell {
        LaneId lane{0};
        Summary summary;
    };
    std::uint64_t first_row{0};
    std::uint64_t last_row{0};
    std::uint64_t rows{0};       // that could be decoded
    std::int64_t first_time{0};  // of its marks and records, both included
    std::int64_t last_time{0};
    std::vector<Cell> cells;                            // by lane, those with marks; empty in a root
    std::vector<std::shared_ptr<const Node>> children;  // empty in a leaf

    [[nodiscard]] bool is_leaf() const noexcept { return children.empty(); }
    // Null where the lane has no marks in it.
    [[nodiscard]] const Summary* find(LaneId lane) const noexcept;
};

struct PyramidLimits {
    std::uint64_t leaf_rows{64};         // to begin with; a record that has more is a leaf of its own
    std::uint64_t leaf_time{1U << 20U};  // nanoseconds, to begin with
    std::size_t leaves{32768};
    std::size_t cells{400'000};  // of all leaves, 56 bytes each
};

// One thread fills it: for each record in order its marks, then the record's end.
class Pyramid {
  public:
    explicit Pyramid(PyramidLimits limits = {}) : limits_(limits) {}

    void add(const Mark& mark);
    void end_record(std::uint64_t first_row, std::uint64_t rows, std::int64_t time);

    // All that was added, as a tree that nobody changes any more; never null.
    [[nodiscard]] std::shared_ptr<const Node> snapshot() const;

    [[nodiscard]] std::size_t leaf_count() const noexcept { return leaf_count_; }
    [[nodiscard]] std::size_t cell_count() const noexcept { return cell_count_; }
    [[nodiscard]] const PyramidLimits& limits() const noexcept { return limits_; }  // as they are now

  private:
    static constexpr std::size_t fan_out = 8;
    using Nodes = std::vector<std::shared_ptr<const Node>>;

    [[nodiscard]] Node open_leaf() const;
    void seal();
    void push(std::shared_ptr<const Node> leaf);
    void thin_out();
    [[nodiscard]] bool is_too_big(std::size_t leaves, std::size_t cells) const noexcept;

    PyramidLimits limits_;
    std::vector<Nodes> levels_;  // nodes without a parent yet, leaves first; fewer than `fan_out` each
    std::size_t leaf_count_{0};
    std::size_t cell_count_{0};  // of leaves

    Node open_;                        // without its cells
    std::vector<Summary> open_cells_;  // by lane
    std::vector<LaneId> open_lanes_;   // that have marks
    std::vector<Mark> record_;         // of the record that is being added
};

}  // namespace vutrace::overview
