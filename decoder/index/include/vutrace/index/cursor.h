// Reads rows of an index again, wherever they are.
#pragma once

#include <vutrace/base/error.h>
#include <vutrace/explain/annotation.h>
#include <vutrace/index/trace_index.h>
#include <vutrace/trace/reader.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

namespace vutrace::index {

// One thread for each cursor; any number of them read one index. Keeps its place: rows that follow are not read twice.
class Cursor {
  public:
    // One row of those that were asked for, in order. The annotation is valid until the call returns; `entry` is 0 but
    // for chain records. False ends the visit.
    using Visit = std::function<bool(const explain::Annotation& annotation, std::size_t entry)>;

    explicit Cursor(std::shared_ptr<const TraceIndex> index) : index_(std::move(index)) {}

    // Calls `visit` for the rows `first` to `last`, both included, that could be decoded. Rows that are not indexed are
    // not visited. Errors: system (read error, the file became shorter).
    [[nodiscard]] Status visit(std::uint64_t first, std::uint64_t last, const Visit& visit);

    // Why a row cannot be decoded, with its offset in the file; empty for one that can be, or that is not indexed.
    // Reads from the checkpoint before it. Errors: system.
    [[nodiscard]] Result<std::optional<Error>> problem_of(std::uint64_t row) const;

    // What messages and chains tell of every session after row `row`, without guest memory; of a row that cannot be
    // decoded what was before it. Errors: usage (a row that is not indexed), system.
    [[nodiscard]] Result<session::Tracker> state_after(std::uint64_t row);
    // During a visit: with the whole record of the row taken in.
    [[nodiscard]] const explain::Annotator& annotator() const noexcept { return annotator_; }

    [[nodiscard]] std::uint64_t records_read() const noexcept { return records_read_; }  // for tests of the cost

  private:
    [[nodiscard]] Status go_before(std::uint64_t row);
    [[nodiscard]] Result<bool> next();
    [[nodiscard]] bool holds(std::uint64_t row) const noexcept;

    std::shared_ptr<const TraceIndex> index_;
    std::optional<trace::Reader> reader_;
    explain::Annotator annotator_;
    std::optional<trace::Record> record_;  // the last one read
    const explain::Annotation* annotation_{nullptr};
    std::uint64_t inside_{0};                 // a row whose record is to be kept apart from what was before it
    std::optional<session::Tracker> before_;  // that, once the record was read
    std::uint64_t records_read_{0};
};

}  // namespace vutrace::index
