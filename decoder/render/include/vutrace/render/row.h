// One entry of a record in the columns of a table: the words of `text.h`'s line, each in its place.
#pragma once

#include <vutrace/explain/annotation.h>
#include <vutrace/render/style.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vutrace::render {

struct Row {
    std::uint64_t sequence{0};
    std::int64_t time{0};      // nanoseconds since the epoch
    std::uint32_t session{0};  // 0: the whole trace
    trace::RecordType type{trace::RecordType::note};
    std::string_view channel;  // of messages: "front-end", "back-end", "gpu"
    std::string_view sender;   // "front-end", "back-end", "driver", "device"; empty where nobody is
    std::optional<std::uint32_t> queue;
    std::string name;                     // "SET_VRING_ADDR", "used", "kick", …
    std::string summary;                  // all that has no column of its own, safe to print
    std::optional<std::int64_t> latency;  // nanoseconds from what it answers or completes
    std::uint64_t partner{0};             // number of the record that it answers or completes; 0 where there is none
    bool answers{false};                  // it comes from the side that was asked: back-end, device
    Tone trouble{Tone::plain};            // `doubtful` or `bad` where something in it is
};

// `entry` as for `append_json`.
[[nodiscard]] Row row_of(const explain::Annotation& annotation, std::size_t entry);

}  // namespace vutrace::render
