#include "shadow_return.h"

#include "outgoing_messages.h"

#include <vutrace/protocol/features.h>
#include <vutrace/protocol/requests.h>

#include <algorithm>
#include <utility>

namespace vutrace::capture {

using protocol::FrontEndRequest;

namespace {

bool waits(const ShadowReturn::Queue& queue) noexcept {
    return !queue.stopped;
}

}  // namespace

std::uint16_t ShadowReturn::next_to_stop() const noexcept {
    const auto found = std::find_if(queues_.begin(), queues_.end(), waits);
    return found == queues_.end() ? trace::no_queue : found->number;
}

void ShadowReturn::stopped(const protocol::VringState& answer) noexcept {
    auto found = std::find_if(queues_.begin(), queues_.end(),
                              [&](const Queue& queue) { return waits(queue) && queue.number == answer.index; });
    if (found == queues_.end()) {
        found = std::find_if(queues_.begin(), queues_.end(), waits);
    }
    if (found != queues_.end()) {
        found->base = answer.num;
        found->stopped = true;
    }
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
    for (const std::uint16_t number : queues) {
        answers_.we_asked();
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
        const std::uint64_t none = number ? 0 : protocol::VringDescriptorPayload::no_descriptor_bit;
        messages.push_back(own_request(code, protocol::serialise_u64(queue.number | none),
                                       number ? std::vector{*number} : std::vector<int>{}));
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
