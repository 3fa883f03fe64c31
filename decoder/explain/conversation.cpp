#include <vutrace/explain/conversation.h>
#include <vutrace/protocol/features.h>
#include <vutrace/protocol/requests.h>

#include <algorithm>
#include <utility>

namespace vutrace::explain {
namespace {

using protocol::FrontEndRequest;

// A request that is never answered must not be kept for ever.
constexpr std::size_t most_open = 256;

bool is(const protocol::Header& header, FrontEndRequest request) noexcept {
    return header.request == static_cast<std::uint32_t>(request);
}

Answer acknowledged(const protocol::Header& header, const session::DeviceState& state) noexcept {
    if (!header.needs_reply()) {
        return Answer::none;
    }
    return state.has_protocol_feature(protocol::protocol_feature::REPLY_ACK) ? Answer::acknowledgement
                                                                             : Answer::tolerated;
}

// Between POSTCOPY_LISTEN and POSTCOPY_END the back-end answers SET_MEM_TABLE with its own addresses, and the front-end
// acknowledges that with a message of the same number and eight bytes, or none as the specification has it.
Answer memory_table_in_postcopy(ByteView payload) noexcept {
    return payload.size() <= sizeof(std::uint64_t) ? Answer::none : Answer::reply;
}

// libvhost-user answers these whatever was negotiated.
bool is_answered_by_habit(const protocol::Header& header) noexcept {
    return is(header, FrontEndRequest::POSTCOPY_LISTEN) || is(header, FrontEndRequest::POSTCOPY_END);
}

}  // namespace

Answer expected_answer(Channel channel, const protocol::Header& header, ByteView payload,
                       const session::DeviceState& state) noexcept {
    const protocol::RequestInfo* info = protocol::find_request(channel, header.request);
    if (info == nullptr) {
        // What a receiver does with a number that it does not know differs: most disconnect.
        return header.needs_reply() ? Answer::tolerated : Answer::none;
    }
    if (info->reply == protocol::ReplyRule::always ||
        (info->reply == protocol::ReplyRule::with_feature && info->reply_gate &&
         state.has_protocol_feature(*info->reply_gate))) {
        return Answer::reply;
    }
    if (channel == Channel::front_end && is(header, FrontEndRequest::SET_MEM_TABLE) && state.postcopy_active()) {
        return memory_table_in_postcopy(payload);
    }
    const Answer answer = acknowledged(header, state);
    if (answer == Answer::none && channel == Channel::front_end && is_answered_by_habit(header)) {
        return Answer::tolerated;
    }
    return answer;
}

void Conversation::asked(Request request) {
    if (open_.size() >= most_open) {
        const auto oldest =
            std::find_if(open_.begin(), open_.end(), [](const Request& one) { return !is_due(one.answer); });
        open_.erase(oldest == open_.end() ? open_.begin() : oldest);
    }
    open_.push_back(std::move(request));
}

Exchange Conversation::answered(const protocol::Header& header) {
    Exchange exchange;
    const auto request = std::find_if(open_.begin(), open_.end(), [&](const Request& one) {
        return one.header.request == header.request && one.answer != Answer::none;
    });
    if (request == open_.end()) {
        exchange.unsolicited = true;
        // Shown with the request it is most likely meant for, which stays what it is: one that asked for nothing.
        const auto same = std::find_if(open_.begin(), open_.end(),
                                       [&](const Request& one) { return one.header.request == header.request; });
        if (same != open_.end()) {
            exchange.answered = std::move(*same);
            open_.erase(same);
        }
        return exchange;
    }
    std::copy_if(open_.begin(), request, std::back_inserter(exchange.passed_over),
                 [](const Request& one) { return is_due(one.answer); });
    exchange.answered = std::move(*request);
    open_.erase(open_.begin(), request + 1);
    return exchange;
}

}  // namespace vutrace::explain
