#include "shadow_return.h"

#include "outgoing_messages.h"

#include <vutrace/protocol/features.h>
#include <vutrace/protocol/requests.h>

#include <algorithm>
#include <utility>

namespace vutrace::capture {
namespace {

using protocol::FrontEndRequest;

constexpr std::uint64_t no_descriptor = 0x100;  // of SET_VRING_KICK, SET_VRING_CALL

}  // namespace

bool ShadowReturn::answered(const protocol::VringState& answer) {
    const auto next = std::find_if(queues_.begin(), queues_.end(), [](const Queue& queue) { return !queue.stopped; });
    if (next == queues_.end() || answers_before_ours_ != 0) {
        answers_due_ -= answers_due_ != 0 ? 1 : 0;
        answers_before_ours_ -= answers_before_ours_ != 0 ? 1 : 0;
        return false;
    }
    next->base = answer.num;
    next->stopped = true;
    return true;
}

bool ShadowReturn::can_return(const std::vector<std::uint16_t>& queues) const {
    return std::all_of(queues.begin(), queues.end(), [this](std::uint16_t number) {
        const session::QueueState* const queue = state_.queue(number);
        return queue != nullptr && queue->size && queue->addresses && (queue->polling || given_(Kind::kick, number)) &&
               (!queue->has_call || given_(Kind::call, number));
    });
}

std::vector<OutgoingMessage> ShadowReturn::stop(const std::vector<std::uint16_t>& queues) {
    std::vector<OutgoingMessage> messages;
    answers_before_ours_ = answers_due_;
    for (const std::uint16_t number : queues) {
        queues_.push_back({number, 0, false});
        messages.push_back(
            own_request(FrontEndRequest::GET_VRING_BASE, protocol::serialise(protocol::VringState{number, 0})));
    }
    return messages;
}

bool ShadowReturn::all_stopped() const noexcept {
    return std::all_of(queues_.begin(), queues_.end(), [](const Queue& queue) { return queue.stopped; });
}

std::vector<OutgoingMessage> ShadowReturn::restart() {
    std::erase_if(queues_, [this](const Queue& queue) {
        const session::QueueState* const state = state_.queue(queue.number);
        return state == nullptr || !state->started;
    });
    std::vector<OutgoingMessage> messages;
    for (const Queue& queue : queues_) {
        restart(queue, messages);
    }
    return messages;
}

// In the order that QEMU starts a queue in.
void ShadowReturn::restart(const Queue& queue, std::vector<OutgoingMessage>& messages) const {
    using protocol::serialise;
    const session::QueueState& state = *state_.queue(queue.number);
    const auto notification = [&](FrontEndRequest code, std::optional<int> number) {
        const std::uint64_t value = number ? queue.number : queue.number | no_descriptor;
        messages.push_back(
            own_request(code, protocol::serialise_u64(value), number ? std::vector{*number} : std::vector<int>{}));
    };
    messages.push_back(
        own_request(FrontEndRequest::SET_VRING_NUM, serialise(protocol::VringState{queue.number, *state.size})));
    messages.push_back(
        own_request(FrontEndRequest::SET_VRING_BASE, serialise(protocol::VringState{queue.number, queue.base})));
    messages.push_back(own_request(FrontEndRequest::SET_VRING_ADDR, serialise(*state.addresses)));
    notification(FrontEndRequest::SET_VRING_CALL, state.has_call ? given_(Kind::call, queue.number) : std::nullopt);
    notification(FrontEndRequest::SET_VRING_KICK, state.polling ? std::nullopt : given_(Kind::kick, queue.number));
    if (state.enabled && state_.has_feature(protocol::feature::PROTOCOL_FEATURES)) {
        messages.push_back(
            own_request(FrontEndRequest::SET_VRING_ENABLE, serialise(protocol::VringState{queue.number, 1})));
    }
}

}  // namespace vutrace::capture
