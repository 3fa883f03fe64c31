// The marks of single records, read again where the sums are too coarse to be drawn.
#pragma once

#include <vutrace/base/error.h>
#include <vutrace/index/cursor.h>
#include <vutrace/overview/overview.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

namespace vutrace::overview {

using Marks = std::vector<Mark>;

// The marks of all records of a leaf, in the order of the trace. `overview` is any that has the leaf. On the thread of
// the cursor. Error: system.
[[nodiscard]] Result<Marks> read_marks(index::Cursor& cursor, const Overview& overview, const Node& leaf);

// Those of leaves that were read, at most `most_marks` together (and always those added last): what was not looked at
// for longest goes. One thread.
class MarkCache {
  public:
    explicit MarkCache(std::size_t most_marks = 600'000) : most_marks_(most_marks) {}

    void add(const Node& leaf, Marks&& marks);
    // Null where it was not read. Valid until the next `add`.
    [[nodiscard]] const Marks* find(const Node& leaf);
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

  private:
    struct Read {
        std::uint64_t last_row{0};
        Marks marks;
        std::uint64_t used{0};
    };
    const std::size_t most_marks_;
    std::map<std::uint64_t, Read> by_first_row_;
    std::size_t size_{0};
    std::uint64_t uses_{0};
};

}  // namespace vutrace::overview
