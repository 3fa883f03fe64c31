#include "vutrace/system/unix_socket.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace vutrace {
namespace {

constexpr std::size_t control_size = CMSG_SPACE(sizeof(int) * max_descriptors_per_message);

Result<std::size_t> socket_error(const char* what) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
        return 0;
    }
    auto failure = fail_errno(what);
    const int number = failure.value().errno_value;
    if (number == EPIPE || number == ECONNRESET) {
        failure.value().code = ErrorCode::peer_closed;
    }
    return failure;
}

void adopt_descriptors(msghdr& message, std::vector<FileDescriptor>& descriptors) {
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int number = -1;
            std::memcpy(&number, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
            descriptors.emplace_back(number);
        }
    }
}

Status wait_readable(const FileDescriptor& socket, int timeout_ms) {
    pollfd entry{socket.number(), POLLIN, 0};
    int ready = 0;
    do {
        ready = ::poll(&entry, 1, timeout_ms);
    } while (ready < 0 && errno == EINTR);
    if (ready < 0) {
        return fail_errno("cannot wait for a socket");
    }
    if (ready == 0) {
        return fail(ErrorCode::timeout, fmt::format("nothing arrived within {} ms", timeout_ms));
    }
    return {};
}

}  // namespace

Result<Received> receive(const FileDescriptor& socket, MutableByteView buffer, bool wait) {
    alignas(cmsghdr) std::array<std::byte, control_size> control;  // not zeroed: the kernel says what it filled
    iovec vector{buffer.data(), buffer.size()};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    ssize_t count = -1;
    do {
        count = ::recvmsg(socket.number(), &message, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
    } while (count < 0 && errno == EINTR);
    Received received;
    if (count < 0) {
        const auto blocked = socket_error("cannot read from a socket");
        if (!blocked) {
            return tl::unexpected(blocked.error());
        }
        received.would_block = true;
        return received;
    }
    adopt_descriptors(message, received.descriptors);
    received.size = static_cast<std::size_t>(count);
    received.end_of_stream = count == 0 && !buffer.empty();
    received.descriptors_truncated = (message.msg_flags & MSG_CTRUNC) != 0;
    return received;
}

Result<std::size_t> send(const FileDescriptor& socket, ByteView bytes, std::span<const int> descriptors, bool wait) {
    alignas(cmsghdr) std::array<std::byte, control_size> control;
    iovec vector{const_cast<std::byte*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    if (descriptors.size() > max_descriptors_per_message) {
        return fail(ErrorCode::limit, fmt::format("{} descriptors in one message: the kernel takes at most {}",
                                                  descriptors.size(), max_descriptors_per_message));
    }
    if (!descriptors.empty()) {
        message.msg_control = control.data();
        message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
        std::memset(control.data(), 0, message.msg_controllen);
        cmsghdr* part = CMSG_FIRSTHDR(&message);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(descriptors.size_bytes());
        std::memcpy(CMSG_DATA(part), descriptors.data(), descriptors.size_bytes());
    }
    ssize_t count = -1;
    do {
        count = ::sendmsg(socket.number(), &message, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
        return socket_error("cannot write to a socket");
    }
    return static_cast<std::size_t>(count);
}

Status send_all(const FileDescriptor& socket, ByteView bytes, std::span<const int> descriptors) {
    while (!bytes.empty()) {
        const auto sent = send(socket, bytes, descriptors, true);
        if (!sent) {
            return tl::unexpected(sent.error());
        }
        if (*sent == 0) {  // the socket itself is non-blocking
            pollfd entry{socket.number(), POLLOUT, 0};
            (void)::poll(&entry, 1, -1);
            continue;
        }
        bytes = bytes.subspan(*sent);
        descriptors = {};
    }
    return {};
}

Status receive_exactly(const FileDescriptor& socket, MutableByteView buffer, std::vector<FileDescriptor>& descriptors,
                       int timeout_ms) {
    std::size_t done = 0;
    while (done < buffer.size()) {
        if (const auto ready = wait_readable(socket, timeout_ms); !ready) {
            return ready;
        }
        auto received = receive(socket, buffer.subspan(done), false);
        if (!received) {
            return tl::unexpected(received.error());
        }
        if (received->end_of_stream) {
            return fail(ErrorCode::peer_closed, "the peer closed the socket", done);
        }
        std::move(received->descriptors.begin(), received->descriptors.end(), std::back_inserter(descriptors));
        done += received->size;
    }
    return {};
}

Result<SocketPair> create_socket_pair() {
    std::array<int, 2> numbers{-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, numbers.data()) != 0) {
        return fail_errno("cannot create a socket pair");
    }
    return SocketPair{FileDescriptor(numbers[0]), FileDescriptor(numbers[1])};
}

Result<PeerCredentials> peer_credentials(const FileDescriptor& socket) {
    ucred credentials{};
    socklen_t size = sizeof(credentials);
    if (::getsockopt(socket.number(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
        return fail_errno("cannot ask for the peer of a socket");
    }
    PeerCredentials peer{credentials.pid, credentials.uid, credentials.gid, {}};
    const std::string path = fmt::format("/proc/{}/cmdline", credentials.pid);
    const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    std::array<char, 4096> text{};
    const ssize_t count = file ? ::read(file.number(), text.data(), text.size()) : -1;
    if (count > 0) {
        peer.command_line.assign(text.data(), static_cast<std::size_t>(count));
        while (!peer.command_line.empty() && peer.command_line.back() == '\0') {
            peer.command_line.pop_back();
        }
        std::replace(peer.command_line.begin(), peer.command_line.end(), '\0', ' ');
    }
    return peer;
}

}  // namespace vutrace
