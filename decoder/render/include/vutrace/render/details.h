// All that is known of one entry of a record, as a tree for who shows it: the lines below a record of `text.h`.
#pragma once

#include <vutrace/explain/annotation.h>
#include <vutrace/render/style.h>
#include <vutrace/session/history.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace vutrace::render {

// Which of the entry's `raw_bytes` a line is about.
struct ByteRange {
    std::uint64_t offset{0};
    std::uint64_t size{0};  // 0: none
    bool operator==(const ByteRange&) const = default;
};

struct Detail {
    std::string name;      // empty for a remark
    std::string value;     // may be empty, for a group
    std::size_t depth{0};  // of the line before, at most one less
    Tone tone{Tone::plain};
    std::string meaning;  // one phrase, from the protocol's table; may be empty
    ByteRange bytes{};
    std::uint64_t record{0};  // the record that it speaks of, where it speaks of one
    std::string section{};    // of the vhost-user specification, where that tells of it; may be empty
};

// In the order in which they are shown. `entry` as for `append_json`. With a history descriptors have their lives below
// them: what for, until when.
[[nodiscard]] std::vector<Detail> details_of(const explain::Annotation& annotation, std::size_t entry,
                                             const session::History* history = nullptr);
// What the device's decoder made of a chain; empty where that is nothing, and for other records.
[[nodiscard]] std::vector<Detail> request_details(const explain::Annotation& annotation, std::size_t entry);

// What was captured of an entry: a message with its header, a chain's buffers, memory.
struct RawBytes {
    std::uint64_t address{0};  // of the first byte: its place in the message or the content, or in guest memory
    std::uint64_t size{0};     // of all, also beyond what is given here
    Bytes bytes;               // with zeros where it is not known
    std::vector<bool> known;   // byte by byte; empty where all are
};
// At most the first `limit` bytes.
[[nodiscard]] RawBytes raw_bytes_of(const explain::Annotation& annotation, std::size_t entry, std::size_t limit);
// Of a chain, used or not, what the device reads; nothing for other records.
[[nodiscard]] RawBytes readable_bytes_of(const explain::Annotation& annotation, std::size_t entry, std::size_t limit);

}  // namespace vutrace::render
