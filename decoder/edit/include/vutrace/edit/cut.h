// Makes a trace of a part of another one.
#pragma once

#include <vutrace/base/error.h>
#include <vutrace/index/row_set.h>

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

namespace vutrace::edit {

struct CutCounts {
    std::uint64_t picked{0};    // rows that were asked for, and are in the new trace
    std::uint64_t context{0};   // rows beside them that it holds, because they say what those mean
    std::uint64_t left_out{0};  // rows that it lacks; those that could not be decoded are among them
};

// Writes the rows `rows` of the trace `source` to a new trace `target`, together with what they need to mean the same:
// the whole control conversation (session, message, gap and note records; memory records of rings and in-flight areas)
// of all sessions, because a later one is explained by an earlier one, and both steps of a chain, available and used,
// of which one was asked for. What is left out is a loss like any other: gap records where it was say how much, and a
// note at the beginning says that this is a cut. Rows get new numbers; times, sessions and descriptors' numbers stay.
//
// Reads `source` twice, front to back; memory is a quarter of a byte for each row and what `explain::Annotator` keeps.
// `target` is overwritten, must not be `source`, and is not worth keeping after an error. A torn source is no error.
// What a newer vutrace added at the end of a record's body is not in the new trace. `progress`, which may be empty, is
// told what share was done, from 0 to 1. Errors: system, bad_input (no trace), limit (stopped).
[[nodiscard]] Result<CutCounts> cut(const std::string& source, const std::string& target, const index::RowSet& rows,
                                    const std::stop_token& stop = {}, const std::function<void(double)>& progress = {});

}  // namespace vutrace::edit
