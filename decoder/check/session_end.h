// How a session came to its end, as capture recorded it.
#pragma once

#include <vutrace/session/timeline.h>

#include <cstdint>
#include <string_view>

namespace vutrace::check {

enum class EndedBy : std::uint8_t {
    unknown,    // not at its end, or the trace does not say
    recorder,   // capture was stopped or failed: neither side left
    front_end,  // it was the first to close
    back_end,
};
[[nodiscard]] EndedBy ended_by(const session::SessionState& state) noexcept;

// For people: "the capture was stopped", "the front-end closed the connection", …
[[nodiscard]] std::string_view describe(EndedBy end) noexcept;

}  // namespace vutrace::check
