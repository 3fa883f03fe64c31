// One line a record, for people.
#pragma once

#include <vutrace/explain/annotation.h>
#include <vutrace/render/style.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace vutrace::render {

enum class TimeFormat : std::uint8_t {
    relative,  // seconds since the first record of the trace
    absolute,  // date and time, UTC
    delta,     // seconds since the line before
};

struct TextOptions {
    TimeFormat time{TimeFormat::relative};
    bool colour{false};
    bool verbose{false};  // every field on a line of its own below the record
    bool raw{false};      // captured bytes as a hexdump
};

// Keeps the times that relative ones refer to. One thread.
class TextRenderer {
  public:
    explicit TextRenderer(TextOptions options) noexcept : options_(options), style_(options.colour) {}

    // Tells the time of the trace's first record, which relative times count from. Without it the first record that is
    // rendered is that.
    void set_start(std::int64_t time) noexcept { start_ = time; }

    // Appends the line (lines, where verbose or raw) of one entry of a record; `entry` as for `append_json`.
    void append(std::string& out, const explain::Annotation& annotation, std::size_t entry);

  private:
    void append_prefix(std::string& out, const explain::Annotation& annotation, std::size_t entry);

    TextOptions options_;
    Style style_;
    std::optional<std::int64_t> start_;
    std::optional<std::int64_t> previous_;
};

}  // namespace vutrace::render
