// A filter over all rows of an index, by several threads, while the trace is still being indexed if need be.
#pragma once

#include <vutrace/base/error.h>
#include <vutrace/filter/filter.h>
#include <vutrace/index/trace_index.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

namespace vutrace::index {

// What was found in a stretch of rows.
struct Matches {
    std::uint64_t first{1}, last{0};  // all rows from `first` to `last` were looked at
    std::vector<std::uint64_t> rows;  // ascending
};

// Looks at every row with `threads` threads (at least one) and returns when all of them were, also those that are not
// indexed yet. `found` is called stretch by stretch in the order of the trace, by one thread at a time, any of them.
// `first`: the row to begin with. Errors: system (read error), limit (stopped).
[[nodiscard]] Status match_rows(const std::shared_ptr<const TraceIndex>& index, const filter::Filter& filter,
                                unsigned threads, const std::stop_token& stop,
                                const std::function<void(Matches&&)>& found, std::uint64_t first = 1);

enum class Direction : std::uint8_t { forward, backward };

// The nearest row behind (before) `from` that `wanted` says yes to; empty where there is none among those indexed, or
// up to row `until`, which is looked at, too (0: up to the end that it comes to). On the calling thread. Errors as
// above.
[[nodiscard]] Result<std::optional<std::uint64_t>> find_row(
    const std::shared_ptr<const TraceIndex>& index, std::uint64_t from, Direction direction,
    const std::function<bool(const explain::Annotation&, std::size_t)>& wanted, const std::stop_token& stop,
    std::uint64_t until = 0);

struct FoundAround {
    std::optional<std::uint64_t> row;
    bool went_around{false};  // it lies on the other side of `from`, or is `from` itself
};
// The same, going on at the other end where there is none: empty only where no row is wanted.
[[nodiscard]] Result<FoundAround> find_row_around(
    const std::shared_ptr<const TraceIndex>& index, std::uint64_t from, Direction direction,
    const std::function<bool(const explain::Annotation&, std::size_t)>& wanted, const std::stop_token& stop);

}  // namespace vutrace::index
