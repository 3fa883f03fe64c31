// What mode `shadow` changes in a session's messages so that the back-end finds its rings in our memory, and nothing
// else: one region more in SET_MEM_TABLE, an ADD_MEM_REG of our own before the front-end's first (its answer is kept
// back), one slot less in the answer to GET_MAX_MEM_SLOTS, and the addresses in SET_VRING_ADDR. Indices stay as they
// are, because both rings count alike. Where a table leaves no room for our region any more, what ShadowReturn says.
// What a message was changed to is said in a note behind it.
//
// A message that is not as the protocol wants it passes as it came. Where the memory cannot be had at the back-end,
// queues keep their own rings, and a note says why. One thread, the session's.
#pragma once

#include "shadow_queues.h"
#include "shadow_return.h"

#include <vutrace/capture/data_path.h>
#include <vutrace/capture/message_replacement.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vutrace::capture {

class ShadowMessages {
  public:
    // All outlive the object.
    ShadowMessages(std::uint32_t session, Recorder& recorder, const session::DeviceState& state, ShadowQueues& queues,
                   ShadowReturn::Given given)
        : session_(session), recorder_(recorder), state_(state), queues_(queues), return_(state, std::move(given)) {}

    // The header of any message, in order: must it be whole before it is forwarded? False for sizes that the request
    // cannot have, and for answers that the front-end waits for. An answer to a request of our own is known by its
    // header, and whatever it looks like it is the answer: nothing waits for another one.
    [[nodiscard]] bool holds(Channel channel, Side sender, const protocol::Header& header);
    // What is forwarded in place of such a message. Before it rings are moved that the message ends or starts.
    [[nodiscard]] Replacement replace(const HeldMessage& message);
    // After any message was forwarded and recorded: what was changed in it, if it was held.
    void forwarded();
    // Queues that the message which was just forwarded gave back to their own rings.
    [[nodiscard]] std::vector<ShadowReturn::Queue> take_returned() noexcept { return std::exchange(returned_, {}); }

  private:
    using Handler = Replacement (ShadowMessages::*)(const HeldMessage& message);
    using AnswerFilter = bool (ShadowMessages::*)(const protocol::Header& header);
    struct Row;
    static const Row* find_row(Channel channel, Side sender, std::uint32_t request) noexcept;

    bool is_own_base_answer(const protocol::Header& header);
    bool is_own_region_answer(const protocol::Header& header);
    Replacement memory_table(const HeldMessage& message);
    Replacement give_back(const HeldMessage& message, std::vector<OutgoingMessage> before = {});
    Replacement add_own_region(const HeldMessage& message);
    Replacement base_asked(const HeldMessage& message);
    Replacement base_answered(const HeldMessage& message);
    Replacement added_region(const HeldMessage& message);
    Replacement added_region_answered(const HeldMessage& message);
    Replacement memory_slots_answered(const HeldMessage& message);
    Replacement ring_addresses(const HeldMessage& message);
    Replacement queue_starts(const HeldMessage& message);
    Replacement device_reset(const HeldMessage& message);
    Replacement device_status(const HeldMessage& message);
    Replacement host_notifier(const HeldMessage& message);

    [[nodiscard]] bool acknowledges() const noexcept;
    [[nodiscard]] bool have_memory();
    [[nodiscard]] bool can_give_back() const;
    [[nodiscard]] bool place_memory(const std::vector<virtio::Region>& regions);
    void lose_memory(std::string why);
    void note(trace::NoteRecord::Severity severity, std::uint16_t queue, std::string text);

    std::uint32_t session_;
    Recorder& recorder_;
    const session::DeviceState& state_;
    ShadowQueues& queues_;
    ShadowReturn return_;
    std::vector<ShadowReturn::Queue> returned_;
    std::optional<ShadowMemory> memory_;
    bool at_back_end_{false};
    OwnAnswers region_answers_;  // to ADD_MEM_REG
    bool own_region_tried_{false};
    bool slot_kept_{false};  // GET_MAX_MEM_SLOTS was answered with one less
    std::string why_not_{"the front-end has sent no memory yet"};
    std::vector<trace::NoteRecord> notes_;  // about the message that is being forwarded
};

}  // namespace vutrace::capture
