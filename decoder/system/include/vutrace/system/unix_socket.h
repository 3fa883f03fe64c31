// Bytes with descriptors over AF_UNIX stream sockets (SCM_RIGHTS).
#pragma once

#include <vutrace/base/bytes.h>
#include <vutrace/system/file_descriptor.h>

#include <sys/types.h>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace vutrace {

// The most descriptors that the kernel takes in one sendmsg (SCM_MAX_FD).
inline constexpr std::size_t max_descriptors_per_message = 253;

struct Received {
    std::size_t size{0};                      // bytes read; 0 with `end_of_stream` or `would_block`
    std::vector<FileDescriptor> descriptors;  // owners before anything is looked at
    bool descriptors_truncated{false};        // MSG_CTRUNC: the kernel had more than it could hand over
    bool end_of_stream{false};
    bool would_block{false};
};

// One recvmsg of at most `buffer.size()` bytes with room for `max_descriptors_per_message` descriptors.
// Descriptors belong to bytes of this read: with at most one message's bytes asked for, they are
// that message's. `wait` false never blocks. Errors: peer_closed (ECONNRESET), system.
[[nodiscard]] Result<Received> receive(const FileDescriptor& socket, MutableByteView buffer, bool wait);

// One sendmsg; descriptors ride on the first byte. Gives the bytes that were taken, 0 where the socket
// is full and `wait` is false: then nothing was sent, descriptors included. Never raises SIGPIPE.
// Errors: peer_closed (EPIPE, ECONNRESET), system.
[[nodiscard]] Result<std::size_t> send(const FileDescriptor& socket, ByteView bytes, std::span<const int> descriptors,
                                       bool wait);

// Sends everything, waiting as long as it takes; descriptors ride on the first byte. Errors as `send`.
[[nodiscard]] Status send_all(const FileDescriptor& socket, ByteView bytes, std::span<const int> descriptors);

// Reads exactly `buffer.size()` bytes, or fails with `timeout` after `timeout_ms` without progress (-1 waits for
// ever), `peer_closed` at the end of the stream (offset = bytes read). Descriptors are appended.
[[nodiscard]] Status receive_exactly(const FileDescriptor& socket, MutableByteView buffer,
                                     std::vector<FileDescriptor>& descriptors, int timeout_ms);

struct SocketPair {
    FileDescriptor first;
    FileDescriptor second;
};
// Two connected stream sockets. Error: system.
[[nodiscard]] Result<SocketPair> create_socket_pair();

struct PeerCredentials {
    pid_t pid{0};
    uid_t uid{0};
    gid_t gid{0};
    std::string command_line;  // arguments joined by spaces; empty where /proc does not tell
};
// SO_PEERCRED, and /proc/PID/cmdline. Error: system.
[[nodiscard]] Result<PeerCredentials> peer_credentials(const FileDescriptor& socket);

}  // namespace vutrace
