// What the window reads of records besides their rows: details, bytes, and text to copy. For jobs of a ReaderThread.
#pragma once

#include <vutrace/index/cursor.h>
#include <vutrace/render/details.h>
#include <vutrace/session/history.h>

#include <cstdint>
#include <string>
#include <vector>

namespace vutrace::gui {

struct RecordDetails {
    std::vector<render::Detail> details;  // of a record that cannot be read one line that says why
    render::RawBytes bytes;               // a mebibyte of them at most
};

// `history` may be null while it is not known.
[[nodiscard]] RecordDetails read_details(index::Cursor& cursor, std::uint64_t sequence,
                                         const session::History* history);

// What `vutrace decode` prints of records.
enum class RecordText : std::uint8_t { text, json };

// `start` is the trace's, nanoseconds since the epoch. Records that cannot be read are left out.
[[nodiscard]] std::string read_text(index::Cursor& cursor, const std::vector<std::uint64_t>& sequences,
                                    std::int64_t start, RecordText form);

}  // namespace vutrace::gui
