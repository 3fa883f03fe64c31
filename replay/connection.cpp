#include "vutrace/replay/connection.h"

#include <vutrace/protocol/payloads.h>
#include <vutrace/system/unix_socket.h>

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace vutrace::replay {
namespace {

// A back-end that floods us with messages is read no further until somebody takes them.
constexpr std::size_t max_waiting_messages = 1024;
// The same for its own channel: the rest of the replay, and its deadlines, get their turn in between.
constexpr std::size_t max_requests_at_once = 64;

}  // namespace

Result<Connection> Connection::open(const Endpoint& endpoint, Deadline deadline, Observer* observer) {
    const auto wrap = [observer](Result<FileDescriptor> socket) -> Result<Connection> {
        if (!socket) {
            return tl::unexpected(socket.error());
        }
        return Connection(std::move(*socket), observer);
    };
    if (endpoint.kind == Endpoint::Kind::connect) {
        return wrap(connect_to(endpoint.path));
    }
    if (endpoint.kind == Endpoint::Kind::inherited) {
        return wrap(adopt_socket(endpoint.number));
    }
    const auto listener = Listener::create(endpoint.path);
    if (!listener) {
        return tl::unexpected(listener.error());
    }
    pollfd entry{listener->socket().number(), POLLIN, 0};
    int ready = 0;
    do {
        ready = ::poll(&entry, 1, milliseconds_until(deadline));
    } while (ready < 0 && errno == EINTR);
    if (ready <= 0) {
        return fail(ErrorCode::timeout, fmt::format("no back-end connected to '{}'", endpoint.path));
    }
    return wrap(listener->accept());
}

Status Connection::send(ByteView bytes, std::span<const int> numbers, Deadline deadline, std::uint64_t offset) {
    if (observer_ != nullptr) {
        observer_->message(Channel::front_end, Side::front_end, offset, bytes, numbers);
    }
    const auto sent = send_until(socket_, bytes, numbers, deadline);
    if (!sent && sent.error().code == ErrorCode::peer_closed) {
        closed_by_peer_ = true;
    }
    return sent;
}

void Connection::observe(Channel channel, Side sender, const Message& message) const {
    if (observer_ == nullptr) {
        return;
    }
    std::vector<int> numbers;
    std::transform(message.descriptors.begin(), message.descriptors.end(), std::back_inserter(numbers),
                   [](const FileDescriptor& descriptor) { return descriptor.number(); });
    observer_->message(channel, sender, 0, serialise_message(message.header, message.payload), numbers);
}

Status Connection::take_in_messages() {
    while (!closed_by_peer_ && inbox_.size() < max_waiting_messages) {
        auto message = assembler_.receive(socket_);
        if (!message) {
            closed_by_peer_ = true;  // also after a message that cannot be followed: nothing behind it makes sense
            return message.error().code == ErrorCode::peer_closed ? Status{} : tl::unexpected(message.error());
        }
        if (!*message) {
            break;
        }
        observe(Channel::front_end, Side::back_end, **message);
        if (handler_ == nullptr || !handler_->takes(**message)) {
            inbox_.push_back(std::move(**message));
        }
    }
    return {};
}

// A failure here ends the channel, never the session: a back-end may close it at any time.
void Connection::serve_back_end_channel() {
    for (std::size_t count = 0; back_end_channel_ && count < max_requests_at_once; ++count) {
        const auto message = back_end_assembler_.receive(back_end_channel_);
        if (!message) {
            back_end_channel_.reset();
            return;
        }
        if (!*message) {
            return;
        }
        ++back_end_requests_;
        observe(Channel::back_end, Side::back_end, **message);
        const std::uint64_t value = handler_ == nullptr ? 0 : handler_->serve(**message);
        if (!(*message)->header.needs_reply()) {
            continue;
        }
        const Bytes answer =
            serialise_message({(*message)->header.request, protocol::version_1 | protocol::reply_flag, 8},
                              protocol::serialise_u64(value));
        if (observer_ != nullptr) {
            observer_->message(Channel::back_end, Side::front_end, 0, answer, {});
        }
        if (!send_until(back_end_channel_, answer, {}, Clock::now() + std::chrono::seconds(1))) {
            back_end_channel_.reset();
        }
    }
}

Result<bool> Connection::wait(std::span<const int> wake_on, Deadline deadline) {
    std::vector<pollfd> entries;
    entries.reserve(wake_on.size() + 2);
    // a closed socket is readable for ever: it is left out once that is known (poll passes over negative numbers)
    const bool full = inbox_.size() >= max_waiting_messages;
    entries.push_back({closed_by_peer_ || full ? -1 : socket_.number(), POLLIN, 0});
    entries.push_back({back_end_channel_.number(), POLLIN, 0});
    for (const int number : wake_on) {
        entries.push_back({number, POLLIN, 0});
    }
    const auto left = std::chrono::nanoseconds(std::max(deadline - Clock::now(), Clock::duration(0)));
    const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
    const timespec timeout{seconds.count(), (left - seconds).count()};
    const int ready = ::ppoll(entries.data(), entries.size(), &timeout, nullptr);
    if (ready < 0 && errno != EINTR) {
        return fail_errno("cannot wait for the back-end");
    }
    if (ready <= 0) {
        return false;
    }
    if (entries[0].revents != 0) {
        if (const auto taken = take_in_messages(); !taken) {
            return tl::unexpected(taken.error());
        }
    }
    if (entries[1].revents != 0) {
        serve_back_end_channel();
    }
    return true;
}

std::optional<Message> Connection::take_message() {
    if (inbox_.empty()) {
        return std::nullopt;
    }
    std::optional<Message> message(std::move(inbox_.front()));
    inbox_.pop_front();
    return message;
}

Result<Message> Connection::receive(Deadline deadline) {
    while (true) {
        if (auto message = take_message()) {
            return std::move(*message);
        }
        if (closed_by_peer_) {
            return fail(ErrorCode::peer_closed, "the back-end closed the connection");
        }
        if (Clock::now() >= deadline) {
            return fail(ErrorCode::timeout, "the back-end did not answer in time");
        }
        if (const auto waited = wait({}, deadline); !waited) {
            return tl::unexpected(waited.error());
        }
    }
}

Result<FileDescriptor> Connection::open_back_end_channel() {
    auto pair = create_socket_pair();
    if (!pair) {
        return tl::unexpected(pair.error());
    }
    back_end_channel_ = std::move(pair->first);
    back_end_assembler_ = MessageAssembler();
    return std::move(pair->second);
}

void Connection::half_close() noexcept {
    half_closed_ = true;
    (void)::shutdown(socket_.number(), SHUT_WR);
}

}  // namespace vutrace::replay
