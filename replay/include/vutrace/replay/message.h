// Whole vhost-user messages over a socket, for the emulations of either side.
#pragma once

#include <vutrace/base/bytes.h>
#include <vutrace/base/error.h>
#include <vutrace/protocol/header.h>
#include <vutrace/system/file_descriptor.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace vutrace::replay {

using Clock = std::chrono::steady_clock;
using Deadline = Clock::time_point;

// Milliseconds until a deadline as poll takes them: rounded up, 0 where it has passed, at most an hour.
[[nodiscard]] int milliseconds_until(Deadline deadline) noexcept;

// No request or reply known comes near this; a peer that announces more is not followed.
inline constexpr std::uint32_t max_payload_size = 1U << 20U;

struct Message {
    protocol::Header header;
    Bytes payload;
    std::vector<FileDescriptor> descriptors;
};

using protocol::serialise_message;

// Sends everything, descriptors on the first byte. Errors: timeout (deadline), peer_closed, system.
[[nodiscard]] Status send_until(const FileDescriptor& socket, ByteView bytes, std::span<const int> numbers,
                                Deadline deadline);

// Puts one message after another together from whatever pieces arrive. Never blocks.
class MessageAssembler {
  public:
    // Reads as far as the socket has something, and gives a message once it is whole. Empty: nothing whole yet.
    // Errors: peer_closed (also at a clean end of the stream), bad_input (announces more than `max_payload_size`),
    // system.
    [[nodiscard]] Result<std::optional<Message>> receive(const FileDescriptor& socket);

  private:
    [[nodiscard]] Result<bool> fill(const FileDescriptor& socket, std::size_t wanted);
    Bytes bytes_;
    std::size_t filled_{0};
    std::vector<FileDescriptor> descriptors_;
};

}  // namespace vutrace::replay
