#include "vutrace/system/endpoint.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>

namespace vutrace {
namespace {

constexpr int backlog = 16;

Result<sockaddr_un> socket_address(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof(address.sun_path)) {
        return fail(ErrorCode::usage, fmt::format("socket path '{}' has {} bytes: it needs 1 to {}", path, path.size(),
                                                  sizeof(address.sun_path) - 1));
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

Result<FileDescriptor> stream_socket() {
    FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket) {
        return fail_errno("cannot create a socket");
    }
    return socket;
}

// Follows links also where what they point to is still to be created.
std::filesystem::path real_path(std::filesystem::path path) {
    namespace fs = std::filesystem;
    constexpr int most_links = 40;  // as the kernel has it
    std::error_code error;
    for (int i = 0; i < most_links && fs::is_symlink(fs::symlink_status(path, error)); ++i) {
        path = path.parent_path() / fs::read_symlink(path, error);
    }
    const auto found = fs::weakly_canonical(path, error);
    return error ? path.lexically_normal() : found;
}

// Left behind by a process that died: nobody answers there.
Status remove_stale_socket(const std::string& path) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) {
        return {};
    }
    if (!S_ISSOCK(status.st_mode)) {
        return fail(ErrorCode::usage, fmt::format("'{}' exists and is not a socket: give another path", path));
    }
    const auto answered = connect_to(path);
    if (!answered && answered.error().errno_value == ECONNREFUSED) {
        (void)::unlink(path.c_str());
    }
    return {};
}

}  // namespace

Result<Endpoint> parse_endpoint(std::string_view text, Endpoint::Kind bare) {
    const auto with_path = [&](Endpoint::Kind kind, std::string_view path) -> Result<Endpoint> {
        if (path.empty()) {
            return fail(ErrorCode::usage, fmt::format("endpoint '{}' lacks a path", text));
        }
        return Endpoint{kind, std::string(path), -1};
    };
    if (text.starts_with("listen:")) {
        return with_path(Endpoint::Kind::listen, text.substr(7));
    }
    if (text.starts_with("connect:")) {
        return with_path(Endpoint::Kind::connect, text.substr(8));
    }
    if (text.starts_with("fd:")) {
        const std::string_view digits = text.substr(3);
        int number = -1;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
        if (error != std::errc{} || end != digits.data() + digits.size() || number < 0) {
            return fail(ErrorCode::usage, fmt::format("endpoint '{}' needs a descriptor number, as in fd:3", text));
        }
        return Endpoint{Endpoint::Kind::inherited, {}, number};
    }
    if (const std::size_t colon = text.find(':'); colon < text.find('/')) {
        return fail(ErrorCode::usage, fmt::format("endpoint '{}': '{}' is none of listen, connect, fd; a path with a "
                                                  "colon in its first part is written ./{}",
                                                  text, text.substr(0, colon + 1), text));
    }
    return with_path(bare, text);
}

bool is_same_socket(const Endpoint& a, const Endpoint& b) {
    const bool inherited = a.kind == Endpoint::Kind::inherited;
    if (inherited || b.kind == Endpoint::Kind::inherited) {
        return a.kind == b.kind && a.number == b.number;
    }
    return real_path(a.path) == real_path(b.path);
}

std::string to_string(const Endpoint& endpoint) {
    switch (endpoint.kind) {
        case Endpoint::Kind::listen:
            return "listen:" + endpoint.path;
        case Endpoint::Kind::connect:
            return "connect:" + endpoint.path;
        case Endpoint::Kind::inherited:
            return fmt::format("fd:{}", endpoint.number);
    }
    return {};
}

Result<Listener> Listener::create(const std::string& path) {
    const auto address = socket_address(path);
    if (!address) {
        return tl::unexpected(address.error());
    }
    if (const auto free = remove_stale_socket(path); !free) {
        return tl::unexpected(free.error());
    }
    auto socket = stream_socket();
    if (!socket) {
        return tl::unexpected(socket.error());
    }
    // bind creates the file with the socket's own mode, so that there is no moment in which others may connect
    (void)::fchmod(socket->number(), S_IRUSR | S_IWUSR);
    if (::bind(socket->number(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) != 0) {
        return fail_errno(fmt::format("cannot create the socket '{}'", path));
    }
    Listener listener(std::move(*socket), path);
    if (::chmod(path.c_str(), S_IRUSR | S_IWUSR) != 0 || ::listen(listener.socket_.number(), backlog) != 0) {
        return fail_errno(fmt::format("cannot listen on the socket '{}'", path));
    }
    return listener;
}

Listener& Listener::operator=(Listener&& from) noexcept {
    std::swap(socket_, from.socket_);
    std::swap(path_, from.path_);
    return *this;
}

Listener::~Listener() {
    if (socket_) {
        (void)::unlink(path_.c_str());
    }
}

Result<FileDescriptor> Listener::accept() const {
    FileDescriptor connection;
    do {
        connection = FileDescriptor(::accept4(socket_.number(), nullptr, nullptr, SOCK_CLOEXEC));
    } while (!connection && errno == EINTR);
    if (!connection) {
        return fail_errno(fmt::format("cannot accept a connection on '{}'", path_));
    }
    return connection;
}

Result<FileDescriptor> connect_to(const std::string& path) {
    const auto address = socket_address(path);
    if (!address) {
        return tl::unexpected(address.error());
    }
    auto socket = stream_socket();
    if (!socket) {
        return tl::unexpected(socket.error());
    }
    // Non-blocking for the while: a listener that does not accept must not hold us up.
    const int flags = ::fcntl(socket->number(), F_GETFL);
    (void)::fcntl(socket->number(), F_SETFL, flags | O_NONBLOCK);
    if (::connect(socket->number(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) != 0) {
        return fail_errno(fmt::format("cannot connect to '{}'", path));
    }
    (void)::fcntl(socket->number(), F_SETFL, flags);
    return std::move(*socket);
}

Result<FileDescriptor> adopt_socket(int number) {
    int type = 0;
    socklen_t size = sizeof(type);
    if (::getsockopt(number, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM) {
        return fail(ErrorCode::usage, fmt::format("descriptor {} is not a stream socket", number));
    }
    (void)::fcntl(number, F_SETFD, FD_CLOEXEC);
    return FileDescriptor(number);
}

}  // namespace vutrace
