#include "vutrace/replay/translation_service.h"

#include <vutrace/protocol/requests.h>

#include <algorithm>
#include <utility>

namespace vutrace::replay {
namespace {

using protocol::Iotlb;
using virtio::Access;

constexpr auto update_request = static_cast<std::uint32_t>(protocol::FrontEndRequest::IOTLB_MSG);
constexpr auto question_request = static_cast<std::uint32_t>(protocol::BackEndRequest::IOTLB_MSG);

// A back-end that does not read its messages does not get an answer.
constexpr std::chrono::seconds send_patience{1};

constexpr std::uint64_t done = 0, refused = 1;

Access access_of(const Iotlb& message) noexcept {
    return static_cast<Access>(message.permission & static_cast<unsigned>(Access::both));
}

}  // namespace

void TranslationService::sent(const std::optional<protocol::Header>& header, std::uint64_t bytes) {
    const std::uint64_t all = header ? protocol::header_size + std::uint64_t{header->size} : unsent_;
    unsent_ = all - std::min(all, bytes);
    if (header && header->request == update_request && header->needs_reply()) {
        unanswered_.push_back(false);
    }
    if (unsent_ == 0) {
        for (const Iotlb& miss : std::exchange(postponed_, {})) {
            (void)answer_miss(miss);
        }
    }
}

std::uint64_t TranslationService::serve(const Message& request) {
    if (request.header.request != question_request) {
        return done;
    }
    const auto question = protocol::parse_iotlb(request.payload);
    if (!question || (question->type != Iotlb::miss && question->type != Iotlb::access_fail)) {
        return refused;
    }
    if (question->type == Iotlb::access_fail) {
        complain(*question);
        return refused;  // as QEMU says, which can do nothing about it
    }
    if (unsent_ != 0) {
        if (postponed_.size() < most_postponed) {
            postponed_.push_back(*question);
        }
        return done;
    }
    return answer_miss(*question) ? done : refused;
}

bool TranslationService::answer_miss(const Iotlb& miss) {
    const RecordedTranslations::Entry* known = recorded_.find(position_, miss.iova, access_of(miss));
    if (known == nullptr) {
        complain(miss);
        return false;
    }
    if (connection_.half_closed() || connection_.closed_by_peer()) {
        return false;
    }
    const Bytes payload = protocol::serialise(known->message);
    protocol::Header header{update_request, protocol::version_1, static_cast<std::uint32_t>(payload.size())};
    if (before_update_) {
        before_update_(known->message);
    }
    // Rings and buffers are found by what the back-end was told, also where the recorded one was told later. Without
    // NEED_REPLY, as the recorded answers are what the state is to wait for.
    (void)state_.apply(Side::front_end, header, payload, {});
    header.flags |= known->wants_answer ? protocol::need_reply_flag : 0U;
    if (!connection_.send(header, payload, {}, Clock::now() + send_patience)) {
        return false;
    }
    if (known->wants_answer) {
        unanswered_.push_back(true);
    }
    ++answered_;
    const std::uint64_t page = page_of(miss.iova);
    std::erase_if(blamed_, [page](const Key& key) { return std::get<0>(key) == page; });
    return true;
}

bool TranslationService::takes(const Message& message) {
    if (message.header.request != update_request || !message.header.is_reply() || unanswered_.empty()) {
        return false;
    }
    const bool ours = unanswered_.front();
    unanswered_.pop_front();
    return ours;
}

void TranslationService::complain(const Iotlb& question) {
    const Complaint complaint{question.type == Iotlb::access_fail, question.iova, access_of(question)};
    if (recorded_.was_asked_in_vain(question) || blamed_.count(key_of(complaint)) != 0 ||
        complaints_.size() >= most_complaints ||
        std::find(complaints_.begin(), complaints_.end(), complaint) != complaints_.end()) {
        return;
    }
    complaints_.push_back(complaint);
}

bool TranslationService::blame(const Complaint& complaint) {
    return blamed_.size() < most_complaints && blamed_.insert(key_of(complaint)).second;
}

std::vector<TranslationService::Complaint> TranslationService::take_complaints() {
    return std::exchange(complaints_, {});
}

}  // namespace vutrace::replay
