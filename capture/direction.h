// One direction of a relayed connection: takes messages from one socket and passes them on to the other with every
// descriptor on the byte it came with. Bytes are never interpreted beyond the header's size, which may be a lie: what
// comes is passed on piece by piece and nothing waits for a size to be true, except where the observer holds a message
// back to change it.
#pragma once

#include <vutrace/base/side.h>
#include <vutrace/capture/message_replacement.h>
#include <vutrace/protocol/header.h>
#include <vutrace/system/file_descriptor.h>
#include <vutrace/trace/records.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vutrace::capture {

// A run of a message's bytes that was forwarded: all of a usual message, at most trace::max_message_piece of a large
// one. Views are valid during the call.
struct ForwardedPiece {
    Side sender{Side::front_end};
    std::uint64_t offset{0};  // of `bytes` in the message; 0: begins with the header
    ByteView bytes;
    const std::vector<FileDescriptor>& descriptors;  // that came with these bytes
    std::vector<std::uint32_t>& descriptor_ids;      // for the callee to fill, one each
    bool descriptors_truncated{false};               // the kernel handed over fewer than were sent
    bool incomplete{false};                          // the stream ended before the announced size arrived
};

// Who watches the messages go by. Called on the session's thread; nothing is thrown.
class MessageObserver {
  public:
    virtual ~MessageObserver() = default;
    // Before the first descriptors of a message are forwarded: may replace `numbers`, which are those of `received`.
    virtual void replace_descriptors(Side sender, const protocol::Header& header,
                                     const std::vector<FileDescriptor>& received,
                                     std::vector<int>& numbers) noexcept = 0;
    // The header is known, once for each message: is nothing of it to be forwarded before all of it has arrived? What
    // does not fit into one piece goes out all the same.
    [[nodiscard]] virtual bool holds(Side /*sender*/, const protocol::Header& /*header*/) noexcept { return false; }
    // All of such a message is there: what is forwarded in its place. Descriptors were replaced before.
    [[nodiscard]] virtual Replacement replace(const HeldMessage& /*message*/) noexcept { return {}; }
    // All of a message has arrived, its last bytes are not forwarded yet. `payload` may be shorter than announced.
    virtual void before_last_piece(Side sender, const protocol::Header& header, ByteView payload) noexcept = 0;
    virtual void piece_forwarded(const ForwardedPiece& piece) noexcept = 0;
    // After the last piece. The descriptors are those of the first piece; what is not taken over is closed.
    virtual void message_forwarded(Side sender, const protocol::Header& header, ByteView payload,
                                   std::vector<FileDescriptor>& descriptors,
                                   const std::vector<std::uint32_t>& descriptor_ids) noexcept = 0;
};

class Direction {
  public:
    enum class End : std::uint8_t {
        none,           // still open
        end_of_stream,  // the source said that it sends no more, and everything was passed on
        reset,          // the source closed without having read all it was sent
        sink_closed,    // the other side takes no more
        failed,         // the operating system refused: `failure` says what
    };

    // The sockets and the observer outlive the direction.
    Direction(Side sender, const FileDescriptor& source, const FileDescriptor& sink, MessageObserver& observer);

    // The source is readable: takes at most one message or piece and passes it on. Never blocks.
    void serve_source();
    // The sink takes bytes again.
    void serve_sink();
    // The other direction may have brought what a held message waits for.
    void ask_again();
    // No more will be read or sent: an unfinished message is given to the observer as far as it went.
    void finish();

    [[nodiscard]] bool wants_to_read() const noexcept {
        return !source_end_ && end_ == End::none && !blocked_ && !waits_;
    }
    [[nodiscard]] bool wants_to_write() const noexcept { return blocked_ && end_ == End::none; }
    [[nodiscard]] End end() const noexcept { return end_; }
    [[nodiscard]] const std::optional<Error>& failure() const noexcept { return failure_; }
    [[nodiscard]] std::uint64_t messages() const noexcept { return messages_; }

  private:
    // Where in the piece descriptors came, and which: they must leave with that byte.
    struct Attachment {
        std::size_t position{0};
        std::size_t first{0};
        std::size_t count{0};
    };

    [[nodiscard]] bool in_header() const noexcept { return offset_ == 0 && filled_ < protocol::header_size; }
    [[nodiscard]] std::uint64_t announced() const noexcept {
        return protocol::header_size + std::uint64_t{header_.size};
    }
    [[nodiscard]] bool complete() const noexcept { return !in_header() && offset_ + filled_ == announced(); }
    [[nodiscard]] Bytes& buffer() noexcept { return offset_ == 0 ? first_ : later_; }
    [[nodiscard]] ByteView first_payload() const noexcept;

    void fill(std::size_t target);
    void attach(std::vector<FileDescriptor> descriptors);
    void call_hooks();
    void forward();
    [[nodiscard]] bool send_pending();
    void ask_for_replacement();
    [[nodiscard]] bool send_replacement();
    [[nodiscard]] std::optional<std::size_t> send_some(ByteView bytes, std::span<const int> numbers);
    void end_piece_if_due();
    void end_piece(bool incomplete);
    void begin_piece();
    void begin_message();

    const Side sender_;
    const FileDescriptor& source_;
    const FileDescriptor& sink_;
    MessageObserver& observer_;

    protocol::Header header_;
    std::uint64_t offset_{0};  // of the current piece in the message
    Bytes first_;              // the first piece, kept until the message ends
    Bytes later_;              // the others, one after the other; allocated for the first message that needs it
    std::size_t first_filled_{0};
    std::size_t filled_{0};  // bytes of the current piece that arrived, and that were sent
    std::size_t sent_{0};
    std::vector<Attachment> attachments_;
    std::size_t next_attachment_{0};
    std::vector<FileDescriptor> descriptors_;  // of the current piece
    std::vector<int> numbers_;                 // what is sent for them
    std::vector<std::uint32_t> ids_;
    std::vector<FileDescriptor> first_descriptors_;  // of the first piece of a message of several
    std::vector<std::uint32_t> first_ids_;
    // A message that is held until it is whole, and what goes out in its place.
    bool held_{false};
    Replacement replacement_;
    std::size_t next_outgoing_{0};
    std::size_t outgoing_sent_{0};
    bool waits_{false};  // for what its observer has asked the other side
    bool truncated_{false};
    bool replaced_{false};
    bool last_piece_told_{false};
    bool blocked_{false};
    std::optional<End> source_end_;
    End end_{End::none};
    std::optional<Error> failure_;
    std::uint64_t messages_{0};
};

}  // namespace vutrace::capture
