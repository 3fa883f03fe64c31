// What a data path has sent in place of a message (mode `shadow`).
#pragma once

#include <vutrace/base/bytes.h>
#include <vutrace/base/side.h>
#include <vutrace/protocol/header.h>
#include <vutrace/system/file_descriptor.h>

#include <optional>
#include <utility>
#include <vector>

namespace vutrace::capture {

// A whole message that waits to be forwarded. Views are valid during the call.
struct HeldMessage {
    Side sender{Side::front_end};
    protocol::Header header;
    ByteView payload;                                // all that was announced
    const std::vector<FileDescriptor>& descriptors;  // as received
    const std::vector<int>& numbers;                 // what the other side is to get for them
    Channel channel{Channel::front_end};
};

// One message on its way to the other side: header and payload, and the descriptors that go with its first byte, which
// stay open until the held message was forwarded.
struct OutgoingMessage {
    Bytes bytes;
    std::vector<int> descriptors;
};

struct Replacement {
    Replacement() = default;
    Replacement(std::vector<OutgoingMessage> all) : messages(std::move(all)) {}  // NOLINT: what handlers return

    // Empty: as it came. No messages: the other side does not get it, and it is not recorded as one of the session's.
    std::optional<std::vector<OutgoingMessage>> messages;
    // With messages, even none: the held message goes on waiting, and everything behind it. What is to be forwarded in
    // its place is asked for again after the other side has sent something.
    bool ask_again{false};
};

}  // namespace vutrace::capture
