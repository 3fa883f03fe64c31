// What rules need to know of the trace before they say that something did not happen, or happened too late.
#pragma once

#include "rule.h"

#include <vutrace/protocol/payloads.h>

#include <cstdint>
#include <map>
#include <optional>

namespace vutrace::check {

// Rings are looked at beside the messages, in `tap` with the lowest priority: what is recorded this long (nanoseconds)
// after a message may have happened before it.
inline constexpr std::int64_t look_delay = 1'000'000'000;
// Two sockets of one session are read one after the other: messages on them this close have no order.
inline constexpr std::int64_t channel_delay = 10'000'000;

// Whether the trace has every message of a session so far. Give it all other records.
class MessagesSeen {
  public:
    void other(const Sight& sight) noexcept {
        const auto* gap = std::get_if<trace::GapRecord>(&sight.record.body);
        lost_ = lost_ || (gap != nullptr && gap->queue == trace::no_queue && gap->records != 0);
    }
    // False where the trace begins in the middle of the session, or messages may be among what was lost.
    [[nodiscard]] bool all(const session::SessionState& state) const noexcept {
        return !lost_ && !state.opened.empty();
    }

  private:
    bool lost_{false};
};

// The payload of a request or answer about one queue by number; empty for any other message, or where it is cut.
[[nodiscard]] inline std::optional<protocol::VringState> vring_state(const MessageSight& sight) {
    const auto state = protocol::parse_vring_state(sight.payload);
    return state ? std::optional(*state) : std::nullopt;
}

// The queue that this message started: it was stopped before.
[[nodiscard]] inline std::optional<std::uint32_t> started_queue(const MessageSight& sight) {
    using protocol::FrontEndRequest;
    const auto queue = sight.what.queue;
    if (!queue || (!sight.asks(FrontEndRequest::SET_VRING_KICK) && !sight.asks(FrontEndRequest::VRING_KICK))) {
        return std::nullopt;
    }
    const session::QueueState* before = sight.before.queue(*queue);
    const session::QueueState* after = sight.after.device.queue(*queue);
    const bool started = after != nullptr && after->started && (before == nullptr || !before->started);
    return started ? queue : std::nullopt;
}

// An answer that stops a queue.
[[nodiscard]] inline bool answers_vring_base(const MessageSight& sight) {
    using protocol::FrontEndRequest;
    return sight.answers(FrontEndRequest::GET_VRING_BASE) || sight.answers(FrontEndRequest::GET_VRING_BASE_SKIP_DRAIN);
}

// The device is reset: its queues stop and begin anew.
[[nodiscard]] inline bool resets_device(const MessageSight& sight) {
    using protocol::FrontEndRequest;
    return sight.asks(FrontEndRequest::RESET_OWNER) || sight.asks(FrontEndRequest::RESET_DEVICE) ||
           (sight.asks(FrontEndRequest::SET_STATUS) && sight.payload.size() >= 8 &&
            load<std::uint64_t>(sight.payload) == 0);
}

// Queues beyond it are not followed: real devices have at most some hundred. 65536 of them would fit in a trace.
inline constexpr std::size_t most_queues = 1024;

// What a rule remembers of a queue; null where there are too many.
template <class Value>
[[nodiscard]] Value* slot_of(std::map<std::uint32_t, Value>& values, std::uint32_t queue) {
    if (values.size() >= most_queues && values.find(queue) == values.end()) {
        return nullptr;
    }
    return &values[queue];
}

}  // namespace vutrace::check
