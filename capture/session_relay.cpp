#include "session_relay.h"

#include <vutrace/protocol/requests.h>

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <exception>
#include <utility>

namespace vutrace::capture {
namespace {

const char* text_of(Direction::End end) {
    switch (end) {
        case Direction::End::none:
            return "is open";
        case Direction::End::end_of_stream:
            return "closed the connection";
        case Direction::End::reset:
            return "reset the connection: it closed without reading all it was sent";
        case Direction::End::sink_closed:
            return "takes no more";
        case Direction::End::failed:
            return "could not be served";
    }
    return "";
}

}  // namespace

SessionRelay::SessionRelay(FileDescriptor front_end, FileDescriptor back_end, std::uint32_t session, Recorder& recorder,
                           EventLoop& loop, const DataPathFactory& make_data_path)
    : session_(session),
      recorder_(recorder),
      loop_(loop),
      front_end_{Side::front_end, std::move(front_end), &up_, &down_},
      back_end_{Side::back_end, std::move(back_end), &down_, &up_},
      up_(Side::front_end, front_end_.socket, back_end_.socket, *this),
      down_(Side::back_end, back_end_.socket, front_end_.socket, *this),
      data_path_(make_data_path(state_)),
      message_record_(trace::MessageRecord{}) {}

SessionRelay::~SessionRelay() {
    finish("the capture ended");
}

Status SessionRelay::start() {
    for (End* end : {&front_end_, &back_end_}) {
        auto added = loop_.add(end->socket, EPOLLIN, [this, end](std::uint32_t events) { serve(*end, events); });
        if (!added) {
            return added;
        }
        end->watched = true;
        end->watched_events = EPOLLIN;
    }
    return {};
}

void SessionRelay::serve(End& end, std::uint32_t events) {
    End& peer = &end == &front_end_ ? back_end_ : front_end_;
    end.hung_up = end.hung_up || (events & (EPOLLHUP | EPOLLERR)) != 0;
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) {
        end.to->serve_sink();
    }
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
        end.from->serve_source();
    }
    pass_on_end(end, peer);
    pass_on_end(peer, end);
    if (!over_) {
        update_interest(end);
        update_interest(peer);
    }
}

// A socket is taken out of the loop while nothing is wanted of it: a peer that hung up would be reported for ever.
void SessionRelay::update_interest(End& end) {
    const std::uint32_t events = (end.from->wants_to_read() ? std::uint32_t{EPOLLIN} : 0U) |
                                 (end.to->wants_to_write() ? std::uint32_t{EPOLLOUT} : 0U);
    // After a half-close only the full close is of interest, which epoll reports unasked.
    const bool watch = events != 0 || (end.from->end() != Direction::End::none && !end.hung_up);
    if (watch == end.watched && (events == end.watched_events || !watch)) {
        return;
    }
    Status changed;
    if (!watch) {
        loop_.remove(end.socket);
    } else if (end.watched) {
        changed = loop_.modify(end.socket, events);
    } else {
        changed = loop_.add(end.socket, events, [this, &end](std::uint32_t seen) { serve(end, seen); });
    }
    end.watched = watch && changed.has_value();
    end.watched_events = events;
    if (!changed) {
        end_session(fmt::format("the {} socket cannot be watched: {}", name_of(end.side), describe(changed.error())));
    }
}

// When `source` sends no more, `sink` is to see what it would see without us.
void SessionRelay::pass_on_end(End& source, End& sink) {
    const Direction::End end = source.from->end();
    if (over_ || end == Direction::End::none) {
        return;
    }
    const bool both_ended = source.to->end() != Direction::End::none;
    if (end == Direction::End::failed) {
        end_session(fmt::format("the {} {}: {}", name_of(source.side), text_of(end),
                                describe(source.from->failure().value_or(Error{}))));
    } else if (end == Direction::End::reset || (end == Direction::End::end_of_stream && source.hung_up)) {
        end_session(fmt::format("the {} {}", name_of(source.side), text_of(end)));
    } else if (both_ended) {
        const Side last = source.end_handled ? sink.side : source.side;
        end_session(fmt::format("the {} closed the connection", name_of(last)));
    } else if (!source.end_handled) {
        source.end_handled = true;
        if (end == Direction::End::end_of_stream) {
            (void)::shutdown(sink.socket.number(), SHUT_WR);
        } else {  // the sink takes no more: the source's writes shall fail as they would against the sink itself
            (void)::shutdown(source.socket.number(), SHUT_RD);
        }
        const Side closed_by = end == Direction::End::end_of_stream ? source.side : sink.side;
        recorder_.record(
            session_,
            trace::SessionRecord{trace::SessionRecord::Kind::half_closed,
                                 {{"side", name_of(closed_by)},
                                  {"direction", fmt::format("{} to {}", name_of(source.side), name_of(sink.side))}}});
    }
}

void SessionRelay::end_session(std::string reason) {
    if (!over_) {
        over_ = true;
        end_reason_ = std::move(reason);
        loop_.stop();
    }
}

void SessionRelay::finish(const std::string& reason) {
    if (std::exchange(finished_, true)) {
        return;
    }
    if (!over_) {
        over_ = true;
        end_reason_ = reason;
    }
    // The peers first. Closing with unread data is what makes the kernel report a reset to the other side.
    for (End* end : {&front_end_, &back_end_}) {
        if (end->watched) {
            loop_.remove(end->socket);
        }
        end->socket.reset();
    }
    up_.finish();
    down_.finish();
    guard("at the end of the session", [this] { data_path_->session_ended(); });
    data_path_.reset();
    recorder_.record(session_,
                     trace::SessionRecord{trace::SessionRecord::Kind::closed,
                                          {{"reason", end_reason_}, {"messages", fmt::format("{}", messages())}}});
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
