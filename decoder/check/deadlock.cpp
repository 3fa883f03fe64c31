#include "deadlock.h"

#include "evidence.h"
#include "ring_evidence.h"

#include <vutrace/protocol/features.h>

#include <algorithm>

namespace vutrace::check {

using explain::Request;
using protocol::FrontEndRequest;

void Patience::message(const MessageSight& sight) {
    if (sight.what.latency &&
        is_due(sight.what.exchange.answered ? sight.what.exchange.answered->answer : explain::Answer::none)) {
        slowest_ = std::max(slowest_, *sight.what.latency);
    }
}

std::int64_t Patience::limit() const noexcept {
    constexpr std::int64_t most = INT64_MAX / 10;
    return std::max(second, std::min(slowest_, most) * 10);
}

namespace {

// No ring runs that may need a translation.
bool ends_translation(const MessageSight& sight) {
    if (resets_device(sight)) {
        return true;
    }
    if (sight.asks(FrontEndRequest::SET_FEATURES) && sight.payload.size() >= sizeof(std::uint64_t)) {
        return (load<std::uint64_t>(sight.payload) >> protocol::feature::ACCESS_PLATFORM & 1U) == 0;
    }
    const auto& queues = sight.after.device.queues();
    return answers_vring_base(sight) &&
           std::none_of(queues.begin(), queues.end(), [](const auto& one) { return one.second.started; });
}

}  // namespace

const Misses::Miss* Misses::oldest_since_answer() const noexcept {
    const auto found =
        std::find_if(open_.begin(), open_.end(), [this](const Miss& one) { return one.sequence > last_answer_; });
    return found == open_.end() ? nullptr : &*found;
}

void Misses::message(const MessageSight& sight) {
    if (sight.on_main() && !sight.what.asks) {
        last_answer_ = sight.record.sequence;
    }
    if (ends_translation(sight)) {
        open_.clear();
    }
    const auto iotlb = protocol::parse_iotlb(sight.payload);
    if (!iotlb) {
        return;
    }
    const bool from_back_end = sight.message.channel == Channel::back_end && sight.what.asks &&
                               sight.header.request == static_cast<std::uint32_t>(protocol::BackEndRequest::IOTLB_MSG);
    if (from_back_end && iotlb->type == protocol::Iotlb::miss && open_.size() < most) {
        open_.push_back({iotlb->iova, sight.record.sequence, sight.record.time});
    } else if (sight.asks(FrontEndRequest::IOTLB_MSG) && iotlb->type == protocol::Iotlb::update) {
        std::erase_if(open_, [&](const Miss& one) { return one.address - iotlb->iova < iotlb->size; });
    }
}

const Request* oldest_due(const EndSight& sight, Channel channel) noexcept {
    const explain::Conversation* conversation = sight.annotator.conversation(sight.state.number, channel);
    if (conversation == nullptr) {
        return nullptr;
    }
    const auto found = std::find_if(conversation->open().begin(), conversation->open().end(),
                                    [](const Request& request) { return is_due(request.answer); });
    return found == conversation->open().end() ? nullptr : &*found;
}

std::optional<Deadlock> find_deadlock(const EndSight& sight, const Misses& misses, std::int64_t limit) noexcept {
    const auto if_old = [&](const auto* one) {
        return one != nullptr && explain::elapsed(one->time, sight.time) >= limit ? one : nullptr;
    };
    Deadlock both{if_old(oldest_due(sight, Channel::front_end)), if_old(oldest_due(sight, Channel::back_end)),
                  if_old(misses.oldest_since_answer())};
    both.sure = both.miss != nullptr || (both.back_end != nullptr && both.back_end->sequence > misses.last_answer());
    if (both.miss != nullptr && both.back_end != nullptr && both.back_end->sequence < misses.last_answer()) {
        both.back_end = nullptr;  // the miss is the better proof
    }
    both.miss = both.miss != nullptr ? both.miss : if_old(misses.oldest());
    if (both.main == nullptr || (both.back_end == nullptr && both.miss == nullptr)) {
        return std::nullopt;
    }
    return both;
}

}  // namespace vutrace::check
