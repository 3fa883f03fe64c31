// Which rows of a trace a person means: places in a table that shows all of them, or those that a filter picked.
#pragma once

#include <vutrace/index/row_set.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

namespace vutrace::gui {

struct PickedRows {
    std::optional<index::RowSet> filtered;                        // what the table shows; empty: all
    std::vector<std::pair<std::uint64_t, std::uint64_t>> places;  // first and last, from 0

    // Sorts the places and merges those that overlap or touch.
    void normalise();
    // How many rows they are. The places must be in order.
    [[nodiscard]] std::uint64_t count() const noexcept;
    // Calls `visit` for the numbers of the rows, ascending: stretches of numbers that follow each other, first and
    // last. Until it says false. The places must be in order.
    void for_each(const std::function<bool(std::uint64_t, std::uint64_t)>& visit) const;
};

}  // namespace vutrace::gui
