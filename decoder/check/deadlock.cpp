#include "deadlock.h"

#include "ring_evidence.h"

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

void Misses::message(const MessageSight& sight) {
    constexpr std::uint32_t iotlb_of_back_end = 1;
    constexpr std::size_t iotlb_size = 26;
    constexpr std::size_t type_offset = 25;
    constexpr std::uint8_t miss = 1, update = 2;
    if (sight.payload.size() < iotlb_size) {
        return;
    }
    const auto address = load<std::uint64_t>(sight.payload, 0);
    const auto size = load<std::uint64_t>(sight.payload, 8);
    const auto type = load<std::uint8_t>(sight.payload, type_offset);
    const bool from_back_end =
        sight.message.channel == Channel::back_end && sight.what.asks && sight.header.request == iotlb_of_back_end;
    if (from_back_end && type == miss && open_.size() < most) {
        open_.push_back({address, sight.record.sequence, sight.record.time});
    } else if (sight.asks(FrontEndRequest::IOTLB_MSG) && type == update) {
        std::erase_if(open_, [&](const Miss& one) { return one.address - address < size; });
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
    const Deadlock both{oldest_due(sight, Channel::front_end), oldest_due(sight, Channel::back_end), misses.oldest()};
    if (both.main == nullptr || (both.back_end == nullptr && both.miss == nullptr) ||
        explain::elapsed(both.main->time, sight.time) < limit) {
        return std::nullopt;
    }
    return both;
}

}  // namespace vutrace::check
