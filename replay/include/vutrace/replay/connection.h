// The front-end's end of a vhost-user session: the main socket and the channel on which the back-end asks.
#pragma once

#include <vutrace/base/error.h>
#include <vutrace/replay/message.h>
#include <vutrace/replay/observer.h>
#include <vutrace/system/endpoint.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>

namespace vutrace::replay {

// One thread. Everything that arrives is taken in by `wait`, so that a back-end is never kept from writing: replies are
// queued, requests of the back-end are answered on the spot (u64 0 where it wants an answer).
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
    void set_observer(Observer* observer) noexcept { observer_ = observer; }

  private:
    [[nodiscard]] Status take_in_messages();
    void serve_back_end_channel() noexcept;
    void observe(Channel channel, Side sender, const Message& message) const;

    FileDescriptor socket_;
    MessageAssembler assembler_;
    std::deque<Message> inbox_;
    FileDescriptor back_end_channel_;
    MessageAssembler back_end_assembler_;
    Observer* observer_{nullptr};
    std::uint64_t back_end_requests_{0};
    bool closed_by_peer_{false};
};

}  // namespace vutrace::replay
