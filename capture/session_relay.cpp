#include "session_relay.h"

#include <vutrace/protocol/requests.h>

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <exception>
#include <utility>

namespace vutrace::capture {
namespace {

std::string closed_by(Side side) {
    return fmt::format("{} closed", name_of(side));
}

}  // namespace

SessionRelay::SessionRelay(FileDescriptor front_end, FileDescriptor back_end, std::uint32_t session, Recorder& recorder,
                           EventLoop& loop, const DataPathFactory& make_data_path)
    : session_(session),
      recorder_(recorder),
      loop_(loop),
      front_end_{Side::front_end, std::move(front_end), &up_, &down_},
      back_end_{Side::back_end, std::move(back_end), &down_, &up_},
      up_(Side::front_end, front_end_.descriptor, back_end_.descriptor, *this),
      down_(Side::back_end, back_end_.descriptor, front_end_.descriptor, *this),
      data_path_(make_data_path(state_)),
      message_record_(trace::MessageRecord{}) {}

SessionRelay::~SessionRelay() {
    finish({"stopped", std::nullopt, {}});
}

Status SessionRelay::start() {
    for (Socket* socket : {&front_end_, &back_end_}) {
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

void SessionRelay::serve(Socket& socket, std::uint32_t events) {
    Socket& peer = &socket == &front_end_ ? back_end_ : front_end_;
    socket.hung_up = socket.hung_up || (events & (EPOLLHUP | EPOLLERR)) != 0;
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) {
        socket.to->serve_sink();
    }
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
        socket.from->serve_source();
    }
    pass_on_end(socket, peer);
    pass_on_end(peer, socket);
    if (!over_) {
        update_interest(socket);
        update_interest(peer);
    }
}

// A socket is taken out of the loop while nothing is wanted of it: a peer that hung up would be reported for ever.
void SessionRelay::update_interest(Socket& socket) {
    const std::uint32_t events = (socket.from->wants_to_read() ? std::uint32_t{EPOLLIN} : 0U) |
                                 (socket.to->wants_to_write() ? std::uint32_t{EPOLLOUT} : 0U);
    // After a half-close only the full close is of interest, which epoll reports unasked.
    const bool watch = events != 0 || (socket.from->end() != Direction::End::none && !socket.hung_up);
    if (watch == socket.watched && (events == socket.watched_events || !watch)) {
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
    socket.watched = watch && changed.has_value();
    socket.watched_events = events;
    if (!changed) {
        end_session(
            {"error", std::nullopt,
             fmt::format("the {} socket cannot be watched: {}", name_of(socket.side), describe(changed.error()))});
    }
}

// When `source` sends no more, `sink` is to see what it would see without us.
void SessionRelay::pass_on_end(Socket& source, Socket& sink) {
    const Direction::End end = source.from->end();
    if (over_ || end == Direction::End::none) {
        return;
    }
    const bool both_ended = source.to->end() != Direction::End::none;
    if (end == Direction::End::failed) {
        end_session({"error", std::nullopt,
                     fmt::format("{} to {}: {}", name_of(source.side), name_of(sink.side),
                                 describe(source.from->failure().value_or(Error{})))});
    } else if (end == Direction::End::reset) {
        end_session({"reset", source.side, "closed without reading all it was sent"});
    } else if ((end == Direction::End::end_of_stream && source.hung_up) || (both_ended && !source.end_handled)) {
        end_session({closed_by(source.side), source.side, {}});
    } else if (!source.end_handled) {
        source.end_handled = true;
        pass_on_half_close(source, sink);
    }
}

void SessionRelay::pass_on_half_close(const Socket& source, const Socket& sink) {
    const bool by_source = source.from->end() == Direction::End::end_of_stream;
    if (by_source) {
        (void)::shutdown(sink.descriptor.number(), SHUT_WR);
    } else {  // the sink takes no more: the source's writes shall fail as they would against the sink itself
        (void)::shutdown(source.descriptor.number(), SHUT_RD);
    }
    recorder_.record(session_, trace::SessionRecord{trace::SessionRecord::Kind::half_closed,
                                                    {{"side", name_of(by_source ? source.side : sink.side)},
                                                     {"detail", by_source ? "sends no more" : "takes no more"}}});
}

void SessionRelay::end_session(SessionEnd end) {
    if (!over_) {
        over_ = true;
        end_ = std::move(end);
        loop_.stop();
    }
}

void SessionRelay::finish(SessionEnd end) {
    if (std::exchange(finished_, true)) {
        return;
    }
    if (!std::exchange(over_, true)) {
        end_ = std::move(end);
    }
    guard("at the end of the session", [this] { data_path_->session_ended(); });
    // Closing with unread data is what makes the kernel report a reset to the other side.
    for (Socket* socket : {&front_end_, &back_end_}) {
        if (socket->watched) {
            loop_.remove(socket->descriptor);
        }
        socket->descriptor.reset();
    }
    data_path_.reset();  // may take its time over what is still to be recorded: the peers must not wait for that
    up_.finish();
    down_.finish();
    trace::SessionRecord record{trace::SessionRecord::Kind::closed, {{"reason", end_.reason}}};
    if (end_.side) {
        record.attributes.emplace_back("side", name_of(*end_.side));
    }
    if (!end_.detail.empty()) {
        record.attributes.emplace_back("detail", end_.detail);
    }
    record.attributes.emplace_back("messages", fmt::format("{}", messages()));
    recorder_.record(session_, record);
}

void SessionRelay::replace_descriptors(Side sender, const protocol::Header& header,
                                       const std::vector<FileDescriptor>& received,
                                       std::vector<int>& numbers) noexcept {
    guard("before descriptors were forwarded",
          [&] { data_path_->replace_descriptors(sender, header, received, numbers); });
}

void SessionRelay::before_last_piece(Side sender, const protocol::Header& header, ByteView payload) noexcept {
    if (sender == Side::back_end && header.is_reply()) {
        guard("before a reply was forwarded", [&] { data_path_->before_reply(header, payload); });
    }
}

void SessionRelay::piece_forwarded(const ForwardedPiece& piece) noexcept {
    auto& record = std::get<trace::MessageRecord>(message_record_);
    record.channel = Channel::front_end;
    record.sender = piece.sender;
    record.incomplete = piece.incomplete;
    record.descriptors_truncated = piece.descriptors_truncated;
    record.offset = piece.offset;
    record.bytes.assign(piece.bytes.begin(), piece.bytes.end());
    record.descriptors.clear();
    for (const FileDescriptor& descriptor : piece.descriptors) {
        piece.descriptor_ids.push_back(next_descriptor_id_);
        record.descriptors.push_back({next_descriptor_id_++, describe_descriptor(descriptor)});
    }
    recorder_.record(session_, message_record_);
}

void SessionRelay::message_forwarded(Side sender, const protocol::Header& header, ByteView payload,
                                     std::vector<FileDescriptor>& descriptors,
                                     const std::vector<std::uint32_t>& descriptor_ids) noexcept {
    guard("after a message was forwarded", [&] {
        const session::Change change = state_.apply(sender, header, payload, descriptor_ids);
        if (sender == Side::front_end && !descriptors.empty()) {
            note_untouched_channel(header);
        }
        data_path_->forwarded({sender, header, payload, &descriptors, &descriptor_ids}, change);
    });
}

void SessionRelay::note_untouched_channel(const protocol::Header& header) noexcept {
    using protocol::FrontEndRequest;
    if (header.request == static_cast<std::uint32_t>(FrontEndRequest::SET_BACKEND_REQ_FD)) {
        note(trace::NoteRecord::Severity::info,
             "the back-end request channel is passed on untouched: its messages are not recorded");
    } else if (header.request == static_cast<std::uint32_t>(FrontEndRequest::GPU_SET_SOCKET)) {
        note(trace::NoteRecord::Severity::info,
             "the GPU channel is passed on untouched: its messages are not recorded");
    }
}

void SessionRelay::note(trace::NoteRecord::Severity severity, std::string text) noexcept {
    recorder_.record(session_, trace::NoteRecord{severity, trace::no_queue, std::move(text)});
}

// Whatever goes wrong beside the messages must not reach them. Said once: it may go wrong with every message.
template <class Action>
void SessionRelay::guard(const char* what, Action action) noexcept {
    try {
        action();
    } catch (const std::exception& error) {
        if (!std::exchange(data_path_failed_, true)) {
            note(trace::NoteRecord::Severity::error,
                 fmt::format("the data path failed {}, messages pass on: {}", what, error.what()));
        }
    }
}

}  // namespace vutrace::capture
