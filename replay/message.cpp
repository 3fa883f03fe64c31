#include "vutrace/replay/message.h"

#include <vutrace/base/count_text.h>
#include <vutrace/system/unix_socket.h>

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <iterator>

namespace vutrace::replay {

int milliseconds_until(Deadline deadline) noexcept {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    constexpr std::chrono::milliseconds longest = std::chrono::hours(1);
    return static_cast<int>(std::clamp(left, std::chrono::milliseconds(0), longest).count());
}

Status send_until(const FileDescriptor& socket, ByteView bytes, std::span<const int> numbers, Deadline deadline) {
    while (!bytes.empty()) {
        const auto sent = send(socket, bytes, numbers, false);
        if (!sent) {
            return tl::unexpected(sent.error());
        }
        if (*sent != 0) {
            bytes = bytes.subspan(*sent);
            numbers = {};
            continue;
        }
        pollfd entry{socket.number(), POLLOUT, 0};
        if (::poll(&entry, 1, milliseconds_until(deadline)) == 0) {
            return fail(ErrorCode::timeout,
                        fmt::format("the peer does not read: {} left to send", count_text(bytes.size(), "byte")));
        }
    }
    return {};
}

Result<bool> MessageAssembler::fill(const FileDescriptor& socket, std::size_t wanted) {
    bytes_.resize(wanted);
    while (filled_ < wanted) {
        auto received = vutrace::receive(socket, MutableByteView(bytes_).subspan(filled_), false);
        if (!received) {
            return tl::unexpected(received.error());
        }
        if (received->would_block) {
            return false;
        }
        if (received->end_of_stream) {
            return fail(ErrorCode::peer_closed, "the peer closed the socket", filled_);
        }
        std::move(received->descriptors.begin(), received->descriptors.end(), std::back_inserter(descriptors_));
        filled_ += received->size;
    }
    return true;
}

Result<std::optional<Message>> MessageAssembler::receive(const FileDescriptor& socket) {
    if (filled_ < protocol::header_size) {
        const auto whole = fill(socket, protocol::header_size);
        if (!whole) {
            return tl::unexpected(whole.error());
        }
        if (!*whole) {
            return std::nullopt;
        }
    }
    const auto header = protocol::parse_header(bytes_);
    if (!header) {
        return tl::unexpected(header.error());
    }
    if (header->size > max_payload_size) {
        return fail(ErrorCode::bad_input,
                    fmt::format("message {} announces {}: at most {} are followed", header->request,
                                count_text(header->size, "byte"), max_payload_size));
    }
    const auto whole = fill(socket, protocol::header_size + header->size);
    if (!whole) {
        return tl::unexpected(whole.error());
    }
    if (!*whole) {
        return std::nullopt;
    }
    Message message{*header, Bytes(bytes_.begin() + protocol::header_size, bytes_.end()), std::move(descriptors_)};
    bytes_.clear();
    descriptors_.clear();
    filled_ = 0;
    return std::optional<Message>(std::move(message));
}

}  // namespace vutrace::replay
