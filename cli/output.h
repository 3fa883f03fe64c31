// Standard output for commands that print much: buffered, and quiet when the reader goes away (`| head`).
#pragma once

#include <vutrace/base/bytes.h>
#include <vutrace/base/error.h>

#include <string>

namespace vutrace::cli {

class Output {
  public:
    // Writes to `descriptor`, which stays the caller's. Ignores SIGPIPE in the whole process from now on: a write to
    // a closed pipe is an error value instead.
    explicit Output(int descriptor = 1);

    // Append to this, then call `flush_if_full`.
    [[nodiscard]] std::string& buffer() noexcept { return buffer_; }
    // Error: peer_closed, where the reader is gone: stop, that is no failure. system: the disk is full, …
    [[nodiscard]] Status flush_if_full();
    [[nodiscard]] Status flush();

  private:
    int descriptor_;
    std::string buffer_;
};

enum class ColourChoice { automatic, always, never };

// Whether to colour what goes to `descriptor`: automatic says yes on a terminal, unless NO_COLOR is set and not empty
// (no-color.org) or TERM is "dumb".
[[nodiscard]] bool use_colour(ColourChoice choice, int descriptor = 1);

}  // namespace vutrace::cli
