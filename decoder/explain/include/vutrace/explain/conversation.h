// Which answer belongs to which request on one channel, and which answers are still due.
// Source: QEMU docs/interop/vhost-user.rst, "Communication" and "VHOST_USER_PROTOCOL_F_REPLY_ACK".
#pragma once

#include <vutrace/base/bytes.h>
#include <vutrace/base/side.h>
#include <vutrace/protocol/header.h>
#include <vutrace/session/device_state.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace vutrace::explain {

// What a request makes its receiver send.
enum class Answer : std::uint8_t {
    none,
    tolerated,        // none is due, but known peers send one: NEED_REPLY where REPLY_ACK was not negotiated, …
    acknowledgement,  // u64, because of NEED_REPLY with REPLY_ACK negotiated
    reply,            // one of its own
};
[[nodiscard]] constexpr bool is_due(Answer answer) noexcept {
    return answer == Answer::acknowledgement || answer == Answer::reply;
}

// What a request is answered with, where `state` is that of the session before the request. For the side that asks on
// `channel`; what the other side sends is never a request.
[[nodiscard]] Answer expected_answer(Channel channel, const protocol::Header& header, ByteView payload,
                                     const session::DeviceState& state) noexcept;

struct Request {
    protocol::Header header;
    std::uint64_t sequence{0};
    std::int64_t time{0};
    Answer answer{Answer::none};
    Bytes payload;  // as far as it was in the message's first record; empty where nothing is answered
};

// What one message did to the requests before it.
struct Exchange {
    std::optional<Request> answered;   // the request that this message answers, also where it asked for nothing
    std::vector<Request> passed_over;  // older requests whose answer was due and will not come: answers keep the order
    bool unsolicited{false};           // an answer that nobody asked for
};

// One channel of one session. Memory is bounded. One thread.
class Conversation {
  public:
    // A message whose header was seen. `answer` is that of `expected_answer` for requests, otherwise ignored.
    void asked(Request request);
    Exchange answered(const protocol::Header& header);

    // Requests without an answer so far, oldest first; those that expect none are among them for a while.
    [[nodiscard]] const std::deque<Request>& open() const noexcept { return open_; }

  private:
    std::deque<Request> open_;
};

}  // namespace vutrace::explain
