// A back-end of a test's own making.
#pragma once

#include <vutrace/protocol/requests.h>
#include <vutrace/replay/message.h>
#include <vutrace/system/unix_socket.h>

#include <poll.h>

#include <functional>
#include <optional>
#include <thread>
#include <utility>

namespace vutrace::replay::testing {

// A back-end that follows nothing but what `serve` says, on a thread.
class ScriptedBackEnd {
  public:
    explicit ScriptedBackEnd(std::function<void(FileDescriptor)> serve) {
        auto pair = create_socket_pair();
        front_end = std::move(pair->first);
        thread_ = std::thread(
            [serve = std::move(serve), socket = std::move(pair->second)]() mutable { serve(std::move(socket)); });
    }
    ~ScriptedBackEnd() {
        front_end.reset();
        thread_.join();
    }
    ScriptedBackEnd(const ScriptedBackEnd&) = delete;
    ScriptedBackEnd& operator=(const ScriptedBackEnd&) = delete;
    FileDescriptor front_end;

  private:
    std::thread thread_;
};

// The next message, or nothing where the front-end has closed.
inline std::optional<Message> next_message(const FileDescriptor& socket, MessageAssembler& assembler) {
    for (;;) {
        auto message = assembler.receive(socket);
        if (!message || *message) {
            return message ? std::move(*message) : std::nullopt;
        }
        pollfd entry{socket.number(), POLLIN, 0};
        (void)::poll(&entry, 1, 10'000);
    }
}

inline bool is(const Message& message, protocol::FrontEndRequest request) {
    return message.header.request == static_cast<std::uint32_t>(request);
}

}  // namespace vutrace::replay::testing
