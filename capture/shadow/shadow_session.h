// Mode `shadow` of one session, as the data path uses it: what is changed in messages, the queues with shadow rings,
// and the shared areas that these need. One thread, the session's.
#pragma once

#include "shadow_messages.h"
#include "shadow_queues.h"

#include <functional>
#include <memory>

namespace vutrace::capture {

class ShadowSession {
  public:
    using Kind = trace::EventRecord::Kind;
    // Kick: notifies the back-end; call: notifies the driver.
    using Notify = std::function<void(Kind kind, std::uint16_t queue)>;

    // All outlive the object.
    ShadowSession(const DataPathOptions& options, std::uint32_t session, Recorder& recorder,
                  const session::DeviceState& state, RecordedRange recorded, Notify notify, ShadowReturn::Given given);

    [[nodiscard]] bool holds(Channel channel, Side sender, const protocol::Header& header) {
        return messages_.holds(channel, sender, header);
    }
    [[nodiscard]] Replacement replace(const HeldMessage& message) { return messages_.replace(message); }
    // First of all, when a message was forwarded and the state knows it.
    void forwarded(const ForwardedMessage& message, const session::Change& change);
    // Queues that go on with their own rings from here on; once.
    [[nodiscard]] std::vector<ShadowReturn::Queue> take_returned() noexcept { return messages_.take_returned(); }
    [[nodiscard]] ShadowQueues& queues() noexcept { return queues_; }
    [[nodiscard]] const ShadowQueues& queues() const noexcept { return queues_; }

  private:
    void take_log(const ForwardedMessage& message);
    void take_inflight_area(const ForwardedMessage& message);
    [[nodiscard]] Bytes read_inflight_area() const;
    void note(std::string text);

    std::uint32_t session_;
    Recorder& recorder_;
    const session::DeviceState& state_;
    FileDescriptor inflight_area_;
    ShadowQueues queues_;
    ShadowMessages messages_;
};

}  // namespace vutrace::capture
