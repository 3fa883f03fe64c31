// The thread of one session: meets those peers that are to be connected to, then relays until the session is over.
#pragma once

#include "session_relay.h"

#include <vutrace/capture/capture.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <thread>

namespace vutrace::capture {

class SessionThread {
  public:
    // A connection that is there, or none: then the side's endpoint is connected to.
    struct Connections {
        FileDescriptor front_end;
        FileDescriptor back_end;
    };
    // What the sessions of one capture share; outlives them.
    struct Shared {
        const CaptureOptions& options;
        Recorder& recorder;
        std::atomic<std::uint32_t>& session_count;
        std::function<void()> session_ended;  // called by the thread as the last thing it does
    };

    // Error: system.
    [[nodiscard]] static Result<std::unique_ptr<SessionThread>> start(Connections connections, const Shared& shared);
    SessionThread(const SessionThread&) = delete;
    SessionThread& operator=(const SessionThread&) = delete;
    ~SessionThread();  // stops the session and waits for its end

    void stop() noexcept { loop_.stop(); }  // any thread
    [[nodiscard]] bool ended() const noexcept { return ended_.load(std::memory_order_acquire); }
    // After `ended`: what kept the session from beginning.
    [[nodiscard]] const std::optional<Error>& failure() const noexcept { return failure_; }

  private:
    SessionThread(Connections connections, const Shared& shared, EventLoop loop)
        : shared_(shared), loop_(std::move(loop)), connections_(std::move(connections)) {}

    void run();
    void meet_peers();
    [[nodiscard]] Status meet(Side side);
    void give_up(Error error);
    void begin_session();
    void record_opening(std::uint32_t session);
    void log(const std::string& line) const;

    const Shared& shared_;
    EventLoop loop_;
    Connections connections_;
    std::chrono::steady_clock::time_point deadline_;
    std::optional<Error> failure_;
    std::unique_ptr<SessionRelay> relay_;
    std::uint32_t session_{0};
    std::atomic<bool> ended_{false};
    std::thread thread_;
};

}  // namespace vutrace::capture
