// The front-end's end of a vhost-user session: the main socket and the channel on which the back-end asks.
#pragma once

#include <vutrace/base/error.h>
#include <vutrace/replay/message.h>
#include <vutrace/replay/observer.h>
#include <vutrace/system/endpoint.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <span>

namespace vutrace::replay {

// Who does what the back-end asks for. Called on the connection's thread by `wait`, and may send messages.
class BackEndRequestHandler {
  public:
    virtual ~BackEndRequestHandler() = default;
    // A request on the back-end's channel. Gives the value of the answer, which is sent where it wants one.
    [[nodiscard]] virtual std::uint64_t serve(const Message& request) = 0;
    // A message of the main channel. True where it answers one that was sent to serve a request: nobody else gets it.
    [[nodiscard]] virtual bool takes(const Message& message) = 0;
};

// One thread. Everything that arrives is taken in by `wait`, so that a back-end is never kept from writing: replies are
// queued, requests of the back-end are answered on the spot (where nobody handles them, u64 0 where it wants an
// answer).
class Connection {
  public:
    // `observer` may be null, and outlives the connection.
    explicit Connection(FileDescriptor socket, Observer* observer = nullptr)
        : socket_(std::move(socket)), observer_(observer) {}

    // Meets the back-end. `listen:` waits for it until the deadline. Errors: usage, system, timeout.
    [[nodiscard]] static Result<Connection> open(const Endpoint& endpoint, Deadline deadline,
                                                 Observer* observer = nullptr);

    // Sends bytes of a message from `offset` on (0: begins with the header). Errors: timeout, peer_closed, system.
    [[nodiscard]] Status send(ByteView bytes, std::span<const int> numbers, Deadline deadline,
                              std::uint64_t offset = 0);
    [[nodiscard]] Status send(const protocol::Header& header, ByteView payload, std::span<const int> numbers,
                              Deadline deadline) {
        return send(serialise_message(header, payload), numbers, deadline);
    }

    // Waits until a message arrived, the peer closed, or one of the descriptors `wake_on` became readable; true where
    // anything of this happened, false at the deadline. Error: system, bad_input (a message that cannot be followed).
    [[nodiscard]] Result<bool> wait(std::span<const int> wake_on, Deadline deadline);

    // The oldest message of the main channel that nobody took yet.
    [[nodiscard]] std::optional<Message> take_message();
    // Waits for the next message of the main channel. Errors: timeout, peer_closed, system, bad_input.
    [[nodiscard]] Result<Message> receive(Deadline deadline);

    // Creates a channel for the back-end's requests, replacing an earlier one; gives the end to hand over. Error:
    // system.
    [[nodiscard]] Result<FileDescriptor> open_back_end_channel();

    [[nodiscard]] bool closed_by_peer() const noexcept { return closed_by_peer_; }
    [[nodiscard]] std::uint64_t back_end_requests() const noexcept { return back_end_requests_; }
    void half_close() noexcept;  // no more requests; the peer sees the end of the stream
    [[nodiscard]] bool half_closed() const noexcept { return half_closed_; }
    void set_observer(Observer* observer) noexcept { observer_ = observer; }
    // May be null; outlives the connection, or the next call of this.
    void set_request_handler(BackEndRequestHandler* handler) noexcept { handler_ = handler; }

  private:
    [[nodiscard]] Status take_in_messages();
    void serve_back_end_channel();
    void observe(Channel channel, Side sender, const Message& message) const;

    FileDescriptor socket_;
    MessageAssembler assembler_;
    std::deque<Message> inbox_;
    FileDescriptor back_end_channel_;
    MessageAssembler back_end_assembler_;
    Observer* observer_{nullptr};
    BackEndRequestHandler* handler_{nullptr};
    std::uint64_t back_end_requests_{0};
    bool closed_by_peer_{false};
    bool half_closed_{false};
};

}  // namespace vutrace::replay
