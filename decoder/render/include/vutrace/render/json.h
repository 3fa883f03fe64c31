// The objects of `vutrace decode --json`. Names and formats are fixed: docs/man/vutrace-decode.1.scd lists them.
#pragma once

#include <vutrace/explain/annotation.h>

#include <cstddef>
#include <string>

namespace vutrace::render {

struct JsonOptions {
    bool raw{false};  // payloads and captured bytes as hex too
};

// Appends the object of one entry of a record and a newline. `entry` is 0 but for chain records, whose entries are
// objects of their own; it must be below `trace::sequence_count(*annotation.record)`. Never throws for bytes that
// are no UTF-8.
void append_json(std::string& out, const explain::Annotation& annotation, std::size_t entry,
                 const JsonOptions& options);

}  // namespace vutrace::render
