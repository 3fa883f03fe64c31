// Messages that mode `shadow` puts together. Private to it.
#pragma once

#include <vutrace/capture/message_replacement.h>
#include <vutrace/protocol/requests.h>

#include <utility>
#include <vector>

namespace vutrace::capture {

// Header and payload; of the header all but the size is taken over.
[[nodiscard]] inline Bytes message_bytes(const protocol::Header& like, ByteView payload) {
    return protocol::serialise_message({like.request, like.flags, static_cast<std::uint32_t>(payload.size())}, payload);
}

// A request of our own to the back-end, which wants no acknowledgement.
[[nodiscard]] inline OutgoingMessage own_request(protocol::FrontEndRequest code, ByteView payload,
                                                 std::vector<int> descriptors = {}) {
    const protocol::Header header{static_cast<std::uint32_t>(code), protocol::version_1, 0};
    return {message_bytes(header, payload), std::move(descriptors)};
}

}  // namespace vutrace::capture
