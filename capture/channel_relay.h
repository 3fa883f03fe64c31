// One relayed connection of a session, the main one or one that its messages handed over: two sockets, a direction each
// way, and how the end of one side reaches the other. Everything runs on the thread of its event loop.
#pragma once

#include "direction.h"

#include <vutrace/capture/event_loop.h>

#include <array>
#include <optional>
#include <string>

namespace vutrace::capture {

// How a connection ended, as docs/trace-format.md spells it.
struct ConnectionEnd {
    std::string reason;        // "front-end closed", "back-end closed", "reset", "stopped", "error"
    std::optional<Side> side;  // who did it
    std::string detail;        // for people
    int errno_value{0};        // what the operating system said; 0 where it was not asked
};

// A side that sends, or takes, no more while the other direction goes on.
struct HalfClose {
    Side side{Side::front_end};
    bool sends_no_more{true};  // false: takes no more
};

class ChannelObserver : public MessageObserver {
  public:
    // The other side has been told already.
    virtual void half_closed(const HalfClose& half) noexcept = 0;
    // Once; the sockets are open until `close`, which may be called from here. The relay must outlive the call.
    virtual void ended(const ConnectionEnd& end) noexcept = 0;
};

class ChannelRelay {
  public:
    // `loop` and `observer` outlive the relay.
    ChannelRelay(FileDescriptor front_end, FileDescriptor back_end, EventLoop& loop, ChannelObserver& observer);
    ChannelRelay(const ChannelRelay&) = delete;
    ChannelRelay& operator=(const ChannelRelay&) = delete;
    ~ChannelRelay() { close(); }

    // Watches the sockets: from here on the loop serves the connection. Error: system.
    [[nodiscard]] Status start();
    // Passes on what the sockets hold by now, as far as the other side takes it. Bounded, does not wait.
    void drain();
    // Serves no more, and lets both peers see the end.
    void close() noexcept;
    // After `close`: gives what an unfinished message has to the observer.
    void finish();

    [[nodiscard]] bool over() const noexcept { return over_; }  // `ended` was called
    [[nodiscard]] std::uint64_t messages() const noexcept { return up_.messages() + down_.messages(); }
    // The side that was the first to send no more. Empty while both send.
    [[nodiscard]] std::optional<Side> first_to_close() const noexcept { return first_to_close_; }

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

    [[nodiscard]] std::array<Socket*, 2> sockets() noexcept { return {&front_end_, &back_end_}; }
    void serve(Socket& socket, std::uint32_t events);
    void update_interest(Socket& socket);
    void pass_on_end(Socket& source, Socket& sink);
    void pass_on_half_close(const Socket& source, const Socket& sink);
    void end(const ConnectionEnd& end);

    EventLoop& loop_;
    ChannelObserver& observer_;
    Socket front_end_;
    Socket back_end_;
    Direction up_;    // front-end to back-end
    Direction down_;  // back-end to front-end
    std::optional<Side> first_to_close_;
    bool over_{false};
};

}  // namespace vutrace::capture
