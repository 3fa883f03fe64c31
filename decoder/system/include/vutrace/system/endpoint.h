// Where a peer is met: `listen:PATH`, `connect:PATH`, `fd:N`.
#pragma once

#include <vutrace/system/file_descriptor.h>

#include <string>
#include <string_view>

namespace vutrace {

struct Endpoint {
    enum class Kind : std::uint8_t {
        listen,     // we create the socket, the peer connects
        connect,    // the peer listens
        inherited,  // a connected socket from whoever started us
    };
    Kind kind{Kind::listen};
    std::string path;  // listen, connect
    int number{-1};    // inherited
    bool operator==(const Endpoint&) const = default;
};

// Reads an ENDPOINT as the command line gives it; a bare path means `bare`. A colon before the first slash ends a
// scheme, so that one that is misspelt is no path. Error: usage, with what is wrong.
[[nodiscard]] Result<Endpoint> parse_endpoint(std::string_view text, Endpoint::Kind bare);

// Would one meet the other there, or itself? By path, whatever way it is written, and by descriptor; links to a socket
// that is not there yet are not seen through.
[[nodiscard]] bool is_same_socket(const Endpoint& a, const Endpoint& b);

// The text that `parse_endpoint` takes.
[[nodiscard]] std::string to_string(const Endpoint& endpoint);

// A listening socket at a path, created with mode 0600. A socket file that nobody listens on is
// removed first, anything else at the path is an error. The owner removes the file again.
class Listener {
  public:
    // Errors: usage (path too long for a socket address), system (EADDRINUSE where somebody listens, …).
    [[nodiscard]] static Result<Listener> create(const std::string& path);
    Listener(Listener&&) noexcept = default;
    Listener& operator=(Listener&& from) noexcept;
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    ~Listener();

    [[nodiscard]] const FileDescriptor& socket() const noexcept { return socket_; }
    // The next connection. Blocks unless the caller knows that one waits. Error: system.
    [[nodiscard]] Result<FileDescriptor> accept() const;

  private:
    Listener(FileDescriptor socket, std::string path) : socket_(std::move(socket)), path_(std::move(path)) {}
    FileDescriptor socket_;
    std::string path_;
};

// Connects to a listening socket, without waiting. Errors: usage (path too long), system (ENOENT, ECONNREFUSED,
// EACCES; EAGAIN where the listener's backlog is full).
[[nodiscard]] Result<FileDescriptor> connect_to(const std::string& path);

// Takes over an inherited descriptor after checking that it is a stream socket; it becomes close-on-exec.
// Error: usage.
[[nodiscard]] Result<FileDescriptor> adopt_socket(int number);

}  // namespace vutrace
