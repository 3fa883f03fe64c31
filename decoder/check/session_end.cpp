#include "session_end.h"

#include <algorithm>
#include <array>

namespace vutrace::check {
namespace {

std::string_view attribute(const session::SessionState& state, std::string_view key) noexcept {
    const auto found =
        std::find_if(state.closed.rbegin(), state.closed.rend(), [&](const auto& one) { return one.first == key; });
    return found == state.closed.rend() ? std::string_view{} : std::string_view{found->second};
}

EndedBy side(std::string_view name) noexcept {
    return name == "front-end" ? EndedBy::front_end : name == "back-end" ? EndedBy::back_end : EndedBy::unknown;
}

}  // namespace

// `first` is who sent no more at first, `reason` which close ended the session: after a half-close they differ.
EndedBy ended_by(const session::SessionState& state) noexcept {
    if (!state.ended) {
        return EndedBy::unknown;
    }
    const std::string_view reason = attribute(state, "reason");
    if (reason == "stopped" || reason == "error") {
        return EndedBy::recorder;
    }
    if (const EndedBy first = side(attribute(state, "first")); first != EndedBy::unknown) {
        return first;
    }
    constexpr std::string_view closed = " closed";
    return side(reason.ends_with(closed) ? reason.substr(0, reason.size() - closed.size()) : attribute(state, "side"));
}

std::string_view describe(EndedBy end) noexcept {
    constexpr std::array<std::string_view, 4> texts{"the session ended", "the capture was stopped",
                                                    "the front-end closed the connection",
                                                    "the back-end closed the connection"};
    const auto index = static_cast<std::size_t>(end);
    return index < texts.size() ? texts[index] : texts.front();
}

}  // namespace vutrace::check
