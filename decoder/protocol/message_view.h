// What the tables say about one message: the request's row, and the side of it that this message is.
#pragma once

#include "payload_table.h"

namespace vutrace::protocol {

// The sender decides, not the REPLY flag, which a peer may set wrongly.
constexpr bool is_reply(Channel channel, Side sender) noexcept {
    return sender != requester(channel);
}

struct MessageShape {
    PayloadKind payload;
    SizeRange sizes;
    std::uint8_t descriptors_min;
    std::uint8_t descriptors_max;
};

constexpr MessageShape shape_of(const RequestInfo& info, bool reply) noexcept {
    if (reply) {
        return {info.reply_payload,
                {info.reply_size_min, info.reply_size_max},
                info.reply_descriptors_min,
                info.reply_descriptors_max};
    }
    return {info.payload, {info.size_min, info.size_max}, info.descriptors_min, info.descriptors_max};
}

// In postcopy the front-end acknowledges the back-end's addresses with a message that has the number of SET_MEM_TABLE:
// empty in the specification, a u64 in QEMU.
constexpr bool is_postcopy_acknowledgement(Channel channel, const Header& header, bool reply, std::uint64_t size,
                                           const PayloadContext& context) noexcept {
    return context.postcopy && !reply && channel == Channel::front_end &&
           header.request == static_cast<std::uint32_t>(FrontEndRequest::SET_MEM_TABLE) &&
           (size == 0 || size == sizeof(std::uint64_t));
}

inline constexpr MessageShape postcopy_acknowledgement{PayloadKind::acknowledgement, {0, 8}, 0, 0};

}  // namespace vutrace::protocol
