// The eventfds of a session's queues, in the way of the data path's mode: watched (`tap`) or ours (`relay`, `shadow`).
// One thread, the session's.
#pragma once

#include <vutrace/capture/data_path.h>
#include <vutrace/capture/event_loop.h>
#include <vutrace/system/file_descriptor.h>
#include <vutrace/trace/records.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace vutrace::capture {

class Notifications {
  public:
    using Kind = trace::EventRecord::Kind;
    // Called with each notification, in `relay` before it is passed on: `count` is the counter's value in `relay` and
    // the number of wake-ups seen in `tap`. False keeps it back (`shadow`; `tap` cannot).
    using Handler = std::function<bool(Kind kind, std::uint16_t queue, std::uint64_t count)>;
    // Called with one sentence each about what could not be done as the mode wants it.
    using Note = std::function<void(std::string text)>;

    // Null for mode `off`. `loop` and what the functions use outlive the object.
    [[nodiscard]] static std::unique_ptr<Notifications> create(DataPathMode mode, EventLoop& loop, Handler handler,
                                                               Note note);
    virtual ~Notifications() = default;

    // A message with this descriptor is about to be forwarded: `number` may be replaced by another descriptor, that
    // stays open until the next call of `replace` or `install`.
    virtual void replace(const FileDescriptor& received, int& number) = 0;
    // It was forwarded, and is about this queue.
    virtual void install(Kind kind, std::uint16_t queue, FileDescriptor received) = 0;
    // The queue goes on without an eventfd of this kind.
    virtual void retire(Kind kind, std::uint16_t queue) = 0;
    // `tap`: while they are muted nothing is notified, at no cost to those who write. In `relay` nothing happens.
    virtual void mute(bool /*muted*/) {}
    // `relay` and `shadow`: writes to the eventfd that the other side gave us for this. False where there is none.
    virtual bool notify(Kind /*kind*/, std::uint16_t /*queue*/) { return false; }
    // `relay` and `shadow`: the number of the eventfd that the other side got for this; open until another one is
    // installed or it retires. Empty where there is none of ours.
    [[nodiscard]] virtual std::optional<int> given(Kind /*kind*/, std::uint16_t /*queue*/) const { return {}; }
};

}  // namespace vutrace::capture
