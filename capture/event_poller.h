// Learns that eventfds were written to, without reading them: the counter stays for its owner.
//
// A duplicate in an io_uring multishot poll misses next to nothing (design.md gives figures); where io_uring is not
// allowed, edge-triggered epoll sees what is still there when it looks. One thread, the session's: an io_uring's
// requests end with the thread that made them.
#pragma once

#include <vutrace/system/file_descriptor.h>

#include <cstdint>
#include <functional>
#include <memory>

namespace vutrace::capture {

class EventPoller {
  public:
    // Tries io_uring first. Error: system, where neither is to be had.
    [[nodiscard]] static Result<std::unique_ptr<EventPoller>> create();
    [[nodiscard]] static Result<std::unique_ptr<EventPoller>> create_with_epoll();
    virtual ~EventPoller() = default;

    // Readable (level) while wake-ups wait for `drain`.
    [[nodiscard]] virtual const FileDescriptor& descriptor() const noexcept = 0;
    // Takes the descriptor over and polls it under `token`, which must be free. Error: system.
    [[nodiscard]] virtual Status watch(std::uint32_t token, FileDescriptor event) = 0;
    virtual void forget(std::uint32_t token) = 0;
    // While it is muted nothing is seen, and who writes to an eventfd does not pay for us.
    virtual void mute(bool muted) = 0;
    // Calls `visit(token)` once per wake-up seen since the last call. `visit` may not watch or forget.
    virtual void drain(const std::function<void(std::uint32_t token)>& visit) = 0;
    [[nodiscard]] virtual bool uses_io_uring() const noexcept = 0;
};

}  // namespace vutrace::capture
