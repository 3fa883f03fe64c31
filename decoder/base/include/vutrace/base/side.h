// Who speaks, and on which of a session's sockets. Shared by the protocol's catalogue and the
// trace, which otherwise know nothing of each other; the numbers are the trace's.
#pragma once

#include <cstdint>

namespace vutrace {

enum class Side : std::uint8_t { front_end = 0, back_end = 1 };

enum class Channel : std::uint8_t {
    front_end = 0,  // the main socket: the front-end asks
    back_end = 1,   // the socket handed over by SET_BACKEND_REQ_FD: the back-end asks
    gpu = 2,        // the socket handed over by GPU_SET_SOCKET
};

[[nodiscard]] constexpr Side other(Side side) noexcept {
    return side == Side::front_end ? Side::back_end : Side::front_end;
}

// As the JSON and the texts spell them: "front-end", "back-end", "gpu".
[[nodiscard]] constexpr const char* name_of(Side side) noexcept {
    return side == Side::front_end ? "front-end" : "back-end";
}
[[nodiscard]] constexpr const char* name_of(Channel channel) noexcept {
    switch (channel) {
        case Channel::front_end:
            return "front-end";
        case Channel::back_end:
            return "back-end";
        case Channel::gpu:
            return "gpu";
    }
    return "unknown";
}

}  // namespace vutrace
