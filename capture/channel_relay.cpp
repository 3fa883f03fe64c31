#include "channel_relay.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace vutrace::capture {
namespace {

constexpr int most_reads_of_a_drain = 1024;  // a peer that goes on sending must not keep the session from ending

std::string closed_by(Side side) {
    return fmt::format("{} closed", name_of(side));
}

bool is_readable(const FileDescriptor& socket) noexcept {
    pollfd entry{socket.number(), POLLIN, 0};
    return ::poll(&entry, 1, 0) == 1;
}

}  // namespace

ChannelRelay::ChannelRelay(FileDescriptor front_end, FileDescriptor back_end, EventLoop& loop,
                           ChannelObserver& observer)
    : loop_(loop),
      observer_(observer),
      front_end_{Side::front_end, std::move(front_end), &up_, &down_},
      back_end_{Side::back_end, std::move(back_end), &down_, &up_},
      up_(Side::front_end, front_end_.descriptor, back_end_.descriptor, observer),
      down_(Side::back_end, back_end_.descriptor, front_end_.descriptor, observer) {}

Status ChannelRelay::start() {
    for (Socket* socket : sockets()) {
        auto added =
            loop_.add(socket->descriptor, EPOLLIN, [this, socket](std::uint32_t events) { serve(*socket, events); });
        if (!added) {
            return added;
        }
        socket->watched = true;
        socket->watched_events = EPOLLIN;
    }
    return {};
}

void ChannelRelay::drain() {
    for (Socket* socket : sockets()) {
        Direction& from = *socket->from;
        for (int i = 0; i < most_reads_of_a_drain && from.wants_to_read() && is_readable(socket->descriptor); ++i) {
            from.serve_source();
        }
    }
}

void ChannelRelay::close() noexcept {
    // Closing with unread data is what makes the kernel report a reset to the other side.
    for (Socket* socket : sockets()) {
        if (std::exchange(socket->watched, false)) {
            loop_.remove(socket->descriptor);
        }
        socket->descriptor.reset();
    }
}

void ChannelRelay::finish() {
    up_.finish();
    down_.finish();
}

void ChannelRelay::serve(Socket& socket, std::uint32_t events) {
    Socket& peer = &socket == &front_end_ ? back_end_ : front_end_;
    socket.hung_up = socket.hung_up || (events & (EPOLLHUP | EPOLLERR)) != 0;
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) {
        socket.to->serve_sink();
    }
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
        socket.from->serve_source();
    }
    socket.to->ask_again();
    pass_on_end(socket, peer);
    pass_on_end(peer, socket);
    if (!over_) {
        update_interest(socket);
        update_interest(peer);
    }
}

// A socket is taken out of the loop while nothing is wanted of it: a peer that hung up would be reported for ever.
void ChannelRelay::update_interest(Socket& socket) {
    const std::uint32_t events = (socket.from->wants_to_read() ? std::uint32_t{EPOLLIN} : 0U) |
                                 (socket.to->wants_to_write() ? std::uint32_t{EPOLLOUT} : 0U);
    // After a half-close only the full close is of interest, which epoll reports unasked.
    const bool watch = events != 0 || (socket.from->end() != Direction::End::none && !socket.hung_up);
    if (over_ || (watch == socket.watched && (events == socket.watched_events || !watch))) {
        return;
    }
    Status changed;
    if (!watch) {
        loop_.remove(socket.descriptor);
    } else if (socket.watched) {
        changed = loop_.modify(socket.descriptor, events);
    } else {
        changed = loop_.add(socket.descriptor, events, [this, &socket](std::uint32_t seen) { serve(socket, seen); });
    }
    socket.watched = watch && (changed.has_value() || socket.watched);
    socket.watched_events = events;
    if (!changed) {
        end({"error", std::nullopt,
             fmt::format("the {} socket cannot be watched: {}", name_of(socket.side), describe(changed.error())),
             changed.error().errno_value});
    }
}

// When `source` sends no more, `sink` is to see what it would see without us.
void ChannelRelay::pass_on_end(Socket& source, Socket& sink) {
    const Direction::End how = source.from->end();
    if (over_ || how == Direction::End::none) {
        return;
    }
    const Side first = how == Direction::End::sink_closed ? sink.side : source.side;
    first_to_close_ = first_to_close_.value_or(first);
    const bool both_ended = source.to->end() != Direction::End::none;
    if (how == Direction::End::failed) {
        const Error failure = source.from->failure().value_or(Error{});
        end({"error", std::nullopt,
             fmt::format("{} to {}: {}", name_of(source.side), name_of(sink.side), describe(failure)),
             failure.errno_value});
    } else if (how == Direction::End::reset) {
        end({"reset", source.side, "closed without reading all it was sent", ECONNRESET});
    } else if ((how == Direction::End::end_of_stream && source.hung_up) || (both_ended && !source.end_handled)) {
        end({closed_by(source.side), source.side, {}, 0});
    } else if (!source.end_handled) {
        source.end_handled = true;
        pass_on_half_close(source, sink);
    }
}

void ChannelRelay::pass_on_half_close(const Socket& source, const Socket& sink) {
    const bool by_source = source.from->end() == Direction::End::end_of_stream;
    if (by_source) {
        (void)::shutdown(sink.descriptor.number(), SHUT_WR);
    } else {  // the sink takes no more: the source's writes shall fail as they would against the sink itself
        (void)::shutdown(source.descriptor.number(), SHUT_RD);
    }
    observer_.half_closed({by_source ? source.side : sink.side, by_source});
}

void ChannelRelay::end(const ConnectionEnd& end) {
    if (!over_) {
        over_ = true;
        observer_.ended(end);
    }
}

}  // namespace vutrace::capture
