// One session: two connected sockets, the messages that pass between them, and what is recorded of them. Everything
// runs on the thread of its event loop.
#pragma once

#include "direction.h"

#include <vutrace/capture/data_path.h>
#include <vutrace/capture/event_loop.h>
#include <vutrace/capture/recorder.h>
#include <vutrace/session/device_state.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace vutrace::capture {

// How a session ended, as docs/trace-format.md spells it.
struct SessionEnd {
    std::string reason;        // "front-end closed", "back-end closed", "reset", "stopped", "error"
    std::optional<Side> side;  // who did it
    std::string detail;        // for people
};

class SessionRelay final : private MessageObserver {
  public:
    // Makes the data path for the session's state, which outlives it.
    using DataPathFactory = std::function<std::unique_ptr<DataPath>(const session::DeviceState& state)>;

    // `recorder` and `loop` outlive the relay.
    SessionRelay(FileDescriptor front_end, FileDescriptor back_end, std::uint32_t session, Recorder& recorder,
                 EventLoop& loop, const DataPathFactory& make_data_path);
    SessionRelay(const SessionRelay&) = delete;
    SessionRelay& operator=(const SessionRelay&) = delete;
    ~SessionRelay() override;

    // Watches the sockets; from here on the loop serves the session and is stopped when it is over. Error: system.
    [[nodiscard]] Status start();
    // Ends the data path, closes both sockets and records the end. Once, after the loop ended.
    // `end` is recorded where neither side ended the session.
    void finish(SessionEnd end);

    [[nodiscard]] bool over() const noexcept { return over_; }
    [[nodiscard]] std::uint64_t messages() const noexcept { return up_.messages() + down_.messages(); }
    [[nodiscard]] const SessionEnd& end() const noexcept { return end_; }

  private:
    // A socket of one side, with the direction that reads from it and the one that writes to it.
    struct Socket {
        Side side;
        FileDescriptor descriptor;
        Direction* from;
        Direction* to;
        std::uint32_t watched_events{0};
        bool watched{false};
        bool hung_up{false};  // closed by the peer both ways
        bool end_handled{false};
    };

    void replace_descriptors(Side sender, const protocol::Header& header, const std::vector<FileDescriptor>& received,
                             std::vector<int>& numbers) noexcept override;
    void before_last_piece(Side sender, const protocol::Header& header, ByteView payload) noexcept override;
    void piece_forwarded(const ForwardedPiece& piece) noexcept override;
    void message_forwarded(Side sender, const protocol::Header& header, ByteView payload,
                           std::vector<FileDescriptor>& descriptors,
                           const std::vector<std::uint32_t>& descriptor_ids) noexcept override;

    void serve(Socket& socket, std::uint32_t events);
    void update_interest(Socket& socket);
    void pass_on_end(Socket& source, Socket& sink);
    void pass_on_half_close(const Socket& source, const Socket& sink);
    void end_session(SessionEnd end);
    void note_untouched_channel(const protocol::Header& header) noexcept;
    void note(trace::NoteRecord::Severity severity, std::string text) noexcept;
    template <class Action>
    void guard(const char* what, Action action) noexcept;

    const std::uint32_t session_;
    Recorder& recorder_;
    EventLoop& loop_;
    Socket front_end_;
    Socket back_end_;
    Direction up_;    // front-end to back-end
    Direction down_;  // back-end to front-end
    session::DeviceState state_;
    std::unique_ptr<DataPath> data_path_;
    std::uint32_t next_descriptor_id_{1};
    trace::RecordBody message_record_;  // reused, so that a message allocates nothing
    bool data_path_failed_{false};
    bool over_{false};
    bool finished_{false};
    SessionEnd end_;
};

}  // namespace vutrace::capture
