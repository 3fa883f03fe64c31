// One thread's event loop: level-triggered epoll plus one paced callback. A session owns one; everything of the session
// runs on its thread and needs no locks.
#pragma once

#include <vutrace/base/error.h>
#include <vutrace/system/file_descriptor.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>

namespace vutrace::capture {

class EventLoop {
  public:
    using Handler = std::function<void(std::uint32_t epoll_events)>;

    [[nodiscard]] static Result<EventLoop> create();  // error: system

    // Watches a descriptor that the caller keeps open until `remove`. `events` are EPOLLIN, EPOLLOUT, EPOLLRDHUP, 0. A
    // handler may add and remove any descriptor, its own included. Error: system (ENOSPC, ENOMEM).
    [[nodiscard]] Status add(const FileDescriptor& descriptor, std::uint32_t events, Handler handler);
    [[nodiscard]] Status modify(const FileDescriptor& descriptor, std::uint32_t events);
    void remove(const FileDescriptor& descriptor) noexcept;

    // Calls `callback` once after `delay` at the earliest; each call replaces what was set before. A zero delay means:
    // as soon as the descriptors that are ready now were served. One slot: its owner is the session's data path.
    void call_after(std::chrono::nanoseconds delay, std::function<void()> callback);
    void cancel_call() noexcept;

    // Serves until `stop` was called (by a handler, or by another thread). Error: system.
    [[nodiscard]] Status run();
    void stop() noexcept;  // any thread

  private:
    struct State;
    explicit EventLoop(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
};

}  // namespace vutrace::capture
