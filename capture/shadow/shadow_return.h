// Queues whose shadow rings the back-end is about to lose are given back to the peers' own rings while they run. The
// front-end's message that takes the memory away waits meanwhile: each queue is stopped by a GET_VRING_BASE of our own,
// whose answer the front-end does not get and says where the back-end stands; then the message goes out, and the queues
// are started again with the rings that the front-end had named. Heads and indices are the same in both rings, so that
// nothing is done twice or left out. Chains that the back-end had not completed when it answered are its own to
// complete in the driver's ring, as after any stop.
//
// One thread, the session's.
#pragma once

#include "own_answers.h"
#include "shadow_queues.h"

#include <vutrace/capture/message_replacement.h>

#include <functional>
#include <optional>
#include <vector>

namespace vutrace::capture {

class ShadowReturn {
  public:
    using Kind = trace::EventRecord::Kind;
    // The number of the eventfd that the back-end was given in place of the front-end's.
    using Given = std::function<std::optional<int>(Kind kind, std::uint16_t queue)>;
    struct Queue {
        std::uint16_t number{0};
        std::uint32_t base{0};  // as in the answer to GET_VRING_BASE
        bool stopped{false};
    };

    // Both outlive the object.
    ShadowReturn(const session::DeviceState& state, Given given) : state_(state), given_(std::move(given)) {}

    // GET_VRING_BASE of the front-end's own is about to be forwarded, or answered.
    void asked() noexcept { answers_.front_end_asked(); }
    // An answer to GET_VRING_BASE begins. True where it is one of ours, of which `stopped` must be told then. There is
    // no limit to how long it may take: a back-end may have to wait for its disk, and what it does before it has
    // stopped is lost without the shadow rings.
    [[nodiscard]] bool is_own_answer() noexcept { return answers_.answered(); }
    // Whose answer it is, where it does not say so itself.
    [[nodiscard]] std::uint16_t next_to_stop() const noexcept;
    // Of a queue that was not asked, or has answered: the order says which it is.
    void stopped(const protocol::VringState& answer) noexcept;

    // Can these be started again? Not where a kick reaches the back-end without us.
    [[nodiscard]] bool can_return(const std::vector<std::uint16_t>& queues) const;
    // What stops them.
    [[nodiscard]] std::vector<OutgoingMessage> stop(const std::vector<std::uint16_t>& queues);
    [[nodiscard]] bool is_stopping() const noexcept { return !queues_.empty(); }
    [[nodiscard]] bool all_stopped() const noexcept;
    // What starts those again that the front-end has not stopped meanwhile.
    [[nodiscard]] std::vector<OutgoingMessage> restart();
    // And where they go on. Ends it.
    [[nodiscard]] std::vector<Queue> take_queues() noexcept { return std::exchange(queues_, {}); }

  private:
    void restart(const Queue& queue, std::vector<OutgoingMessage>& messages) const;

    const session::DeviceState& state_;
    Given given_;
    OwnAnswers answers_;
    std::vector<Queue> queues_;
};

}  // namespace vutrace::capture
