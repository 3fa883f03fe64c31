#include "direction.h"

#include <vutrace/system/unix_socket.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace vutrace::capture {

Direction::Direction(Side sender, const FileDescriptor& source, const FileDescriptor& sink, MessageObserver& observer)
    : sender_(sender), source_(source), sink_(sink), observer_(observer), first_(trace::max_message_piece) {}

void Direction::serve_source() {
    if (!wants_to_read()) {
        return;
    }
    if (in_header()) {
        fill(protocol::header_size);
        if (in_header()) {
            forward();
            return;
        }
        header_ = protocol::parse_header(first_).value_or(protocol::Header{});
        held_ = observer_.holds(sender_, header_) && announced() <= first_.size();
    }
    // What usually is there already leaves together with its header; nothing waits for what is not.
    const std::uint64_t missing = announced() - offset_ - filled_;
    if (missing != 0) {
        fill(filled_ + static_cast<std::size_t>(std::min<std::uint64_t>(missing, buffer().size() - filled_)));
    }
    forward();
}

void Direction::serve_sink() {
    if (wants_to_write()) {
        forward();
    }
}

void Direction::ask_again() {
    if (waits_ && end_ == End::none) {
        waits_ = false;
        ask_for_replacement();
        forward();
    }
}

void Direction::finish() {
    if (offset_ + filled_ != 0) {
        end_piece(!complete());
        begin_message();
    }
    if (end_ == End::none) {
        end_ = source_end_.value_or(End::sink_closed);
    }
}

ByteView Direction::first_payload() const noexcept {
    const std::size_t size = offset_ == 0 ? filled_ : first_filled_;
    return ByteView(first_).first(size).subspan(std::min(size, protocol::header_size));
}

void Direction::fill(std::size_t target) {
    auto received = receive(source_, MutableByteView(buffer()).subspan(filled_, target - filled_), false);
    if (!received) {
        if (received.error().code != ErrorCode::peer_closed) {
            failure_ = received.error();
        }
        source_end_ = failure_ ? End::failed : End::reset;
        return;
    }
    if (received->end_of_stream) {
        source_end_ = End::end_of_stream;
        return;
    }
    truncated_ = truncated_ || received->descriptors_truncated;
    if (!received->descriptors.empty()) {
        attach(std::move(received->descriptors));
    }
    filled_ += received->size;
}

void Direction::attach(std::vector<FileDescriptor> descriptors) {
    attachments_.push_back({filled_, descriptors_.size(), descriptors.size()});
    for (FileDescriptor& descriptor : descriptors) {
        numbers_.push_back(descriptor.number());
        descriptors_.push_back(std::move(descriptor));
    }
}

void Direction::call_hooks() {
    if (in_header()) {
        return;
    }
    if (!numbers_.empty() && !replaced_) {
        replaced_ = true;
        observer_.replace_descriptors(sender_, header_, descriptors_, numbers_);
    }
    if (complete() && !last_piece_told_) {
        last_piece_told_ = true;
        observer_.before_last_piece(sender_, header_, first_payload());
        if (held_) {
            ask_for_replacement();
        }
    }
}

void Direction::ask_for_replacement() {
    replacement_ = observer_.replace({sender_, header_, first_payload(), descriptors_, numbers_});
    next_outgoing_ = outgoing_sent_ = 0;
}

void Direction::forward() {
    if (in_header() && !source_end_) {
        return;  // whether a data path must act on it is not known before the header is
    }
    if (held_ && !complete() && !source_end_) {
        return;
    }
    call_hooks();
    blocked_ = false;
    if (!send_pending()) {
        return;
    }
    end_piece_if_due();
    if (source_end_) {
        end_ = *source_end_;
    }
}

// Bytes that were sent. Empty where the sink takes no more, now or for ever.
std::optional<std::size_t> Direction::send_some(ByteView bytes, std::span<const int> numbers) {
    const auto sent = send(sink_, bytes, numbers, false);
    if (!sent) {
        failure_ = sent.error().code == ErrorCode::peer_closed ? std::nullopt : std::optional(sent.error());
        end_ = failure_ ? End::failed : End::sink_closed;
        return std::nullopt;
    }
    blocked_ = *sent == 0;
    return blocked_ ? std::nullopt : std::optional(*sent);
}

bool Direction::send_replacement() {
    const std::vector<OutgoingMessage>& messages = *replacement_.messages;
    while (next_outgoing_ < messages.size()) {
        const OutgoingMessage& message = messages[next_outgoing_];
        const std::span<const int> numbers = outgoing_sent_ == 0 ? std::span(message.descriptors) : std::span<int>{};
        const auto sent = send_some(ByteView(message.bytes).subspan(outgoing_sent_), numbers);
        if (!sent) {
            return false;
        }
        outgoing_sent_ += *sent;
        if (outgoing_sent_ == message.bytes.size()) {
            ++next_outgoing_;
            outgoing_sent_ = 0;
        }
    }
    waits_ = replacement_.ask_again;
    sent_ = waits_ ? 0 : filled_;
    return !waits_;
}

// True when everything that arrived was passed on.
bool Direction::send_pending() {
    if (replacement_.messages) {
        return send_replacement();
    }
    while (sent_ < filled_) {
        std::span<const int> numbers;
        std::size_t end = filled_;
        bool attached = false;
        if (next_attachment_ < attachments_.size()) {
            const Attachment& next = attachments_[next_attachment_];
            attached = next.position == sent_;
            if (attached) {
                numbers = std::span(numbers_).subspan(next.first, next.count);
            }
            const std::size_t following = next_attachment_ + (attached ? 1 : 0);
            end = following < attachments_.size() ? attachments_[following].position : filled_;
        }
        const auto sent = send_some(ByteView(buffer()).subspan(sent_, end - sent_), numbers);
        if (!sent) {
            return false;
        }
        sent_ += *sent;
        next_attachment_ += attached ? 1U : 0U;
    }
    return true;
}

void Direction::end_piece_if_due() {
    if (filled_ == 0) {
        return;
    }
    if (complete() && replacement_.messages && replacement_.messages->empty()) {
        begin_message();  // kept back: not a message of the session
        return;
    }
    if (complete()) {
        end_piece(false);
        ++messages_;
        const bool single = offset_ == 0;
        observer_.message_forwarded(sender_, header_, first_payload(), single ? descriptors_ : first_descriptors_,
                                    single ? ids_ : first_ids_);
        begin_message();
        return;
    }
    // Many descriptors end a piece early, so that what is held for it stays bounded.
    if (!in_header() && (filled_ == buffer().size() || descriptors_.size() >= max_descriptors_per_message)) {
        end_piece(false);
        if (offset_ == 0) {
            first_filled_ = filled_;
            first_descriptors_ = std::exchange(descriptors_, {});
            first_ids_ = std::exchange(ids_, {});
            later_.resize(trace::max_message_piece);
        }
        offset_ += filled_;
        begin_piece();
    }
}

void Direction::end_piece(bool incomplete) {
    observer_.piece_forwarded(
        {sender_, offset_, ByteView(buffer()).first(filled_), descriptors_, ids_, truncated_, incomplete});
}

void Direction::begin_piece() {
    filled_ = 0;
    sent_ = 0;
    attachments_.clear();
    next_attachment_ = 0;
    descriptors_.clear();
    numbers_.clear();
    ids_.clear();
    truncated_ = false;
}

void Direction::begin_message() {
    begin_piece();
    offset_ = 0;
    first_filled_ = 0;
    first_descriptors_.clear();
    first_ids_.clear();
    held_ = false;
    replacement_ = {};
    waits_ = false;
    replaced_ = false;
    last_piece_told_ = false;
}

}  // namespace vutrace::capture
