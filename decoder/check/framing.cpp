// A. Framing, headers and answers, on every channel.
#include "deadlock.h"
#include "ring_evidence.h"
#include "session_end.h"

#include <vutrace/base/count_text.h>
#include <vutrace/protocol/features.h>

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

namespace vutrace::check {
namespace {

using explain::Answer;
using protocol::ProblemKind;

std::string subject(const MessageSight& sight) {
    return fmt::format("{}{}", sight.what.request, sight.what.asks ? "" : " answer");
}

// Bit 8 in the answer to SET_DEVICE_STATE_FD has a rule of its own, VU104.
bool is_told_elsewhere(const MessageSight& sight, ProblemKind kind) {
    return kind == ProblemKind::no_descriptor_bit && sight.answers(protocol::FrontEndRequest::SET_DEVICE_STATE_FD);
}

// What the catalogue finds wrong with a message, where it is of certain kinds.
template <ProblemKind... kinds>
class CatalogueRule final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        for (const protocol::Problem& problem : sight.what.problems) {
            if (((problem.kind == kinds) || ...) && !is_told_elsewhere(sight, problem.kind)) {
                report(sight, fmt::format("{}: {}", subject(sight), problem.text));
            }
        }
    }
};

// Answers; what a request's flags must be is the next rule.
class AnswerFlags final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        const auto& problems = sight.what.problems;
        const bool wrong = std::any_of(problems.begin(), problems.end(), [](const protocol::Problem& problem) {
            return problem.kind == ProblemKind::reply_flags;
        });
        if (sight.what.asks || !wrong) {
            return;
        }
        constexpr std::uint32_t expected = protocol::version_1 | protocol::reply_flag;
        Finding made = finding(sight, fmt::format("the answer to {} has flags 0x{:x}, expected 0x{:x}",
                                                  sight.what.request, sight.header.flags, expected));
        // VPP copies NEED_REPLY from the request.
        if (sight.header.flags == (expected | protocol::need_reply_flag)) {
            made.severity = Severity::warning;
        }
        report(std::move(made));
    }
};

std::optional<std::string> request_with_reply_flag(const MessageSight& sight) {
    if (!sight.what.asks || !sight.header.is_reply()) {
        return std::nullopt;
    }
    return fmt::format("{} has flags 0x{:x}: REPLY is set in a request", sight.what.request, sight.header.flags);
}

// VU006: answers keep the order of the requests.
class AnswerOrder final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        if (!sight.on_main() || sight.what.exchange.passed_over.empty()) {
            return;
        }
        const explain::Request& oldest = sight.what.exchange.passed_over.front();
        report(sight,
               fmt::format("the answer to {} comes before that to {} of record {}", sight.what.request,
                           protocol::request_name(sight.message.channel, oldest.header.request), oldest.sequence));
    }
};

class UnsolicitedAnswer final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        if (!sight.on_main() || !sight.what.exchange.unsolicited) {
            return;
        }
        const auto& request = sight.what.exchange.answered;
        report(sight, request ? fmt::format("{} of record {} is answered, it asked for nothing", sight.what.request,
                                            request->sequence)
                              : fmt::format("{} is answered, nobody asked", sight.what.request));
    }
};

// VU008, VU009: what is due and did not come until the next answer, the next request of the same kind of waiting, or
// the end. Not where the back-end waits for the front-end: STALL005 says so. What is young when the capture is stopped
// or the front-end leaves is nobody's fault: the answer may have been on its way.
template <Answer kind>
class AnswerMissing final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        patience_.message(sight);
        misses_.message(sight);
        if (!sight.on_main()) {
            return;
        }
        for (const explain::Request& request : sight.what.exchange.passed_over) {
            if (request.answer == kind) {
                report(missing(request, "was never answered: another request was answered first"));
            }
        }
    }
    void end(const EndSight& sight) override {
        const explain::Conversation* main = sight.annotator.conversation(sight.state.number, Channel::front_end);
        const auto deadlock = find_deadlock(sight, misses_, patience_.limit());
        if (main == nullptr || !sight.closed || (deadlock && deadlock->sure)) {
            return;  // in the middle of a session an answer may still come: that is for the stall verdict
        }
        for (const explain::Request& request : main->open()) {
            if (request.answer == kind) {
                report(unanswered(sight, request));
            }
        }
    }

  private:
    Finding missing(const explain::Request& request, std::string_view what) const {
        return finding(request.sequence, request.time,
                       fmt::format("{} {}", protocol::request_name(Channel::front_end, request.header.request), what));
    }
    Finding unanswered(const EndSight& sight, const explain::Request& request) const {
        const EndedBy end = ended_by(sight.state);
        const std::int64_t age = explain::elapsed(request.time, sight.time);
        if ((end == EndedBy::recorder || end == EndedBy::front_end) && age < patience_.limit()) {
            Finding made = missing(
                request, fmt::format("was not answered yet when {}, {} after it", describe(end), duration(age)));
            made.severity = Severity::info;
            return made;
        }
        return missing(request, fmt::format("was never answered: {}", describe(end)));
    }

    Patience patience_;
    Misses misses_;
};

// VU010. QEMU sets NEED_REPLY unconditionally in messages of postcopy and the IOTLB.
class EarlyNeedReply final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        if (!sight.what.asks || !sight.on_main() || !sight.header.needs_reply() || sight.what.answer == Answer::reply ||
            sight.before.has_protocol_feature(protocol::protocol_feature::REPLY_ACK)) {
            return;
        }
        Finding made =
            finding(sight, fmt::format("{} has NEED_REPLY, REPLY_ACK is not negotiated", sight.what.request));
        using protocol::FrontEndRequest;
        if (sight.asks(FrontEndRequest::IOTLB_MSG) || sight.asks(FrontEndRequest::SET_MEM_TABLE) ||
            sight.asks(FrontEndRequest::SET_PROTOCOL_FEATURES)) {
            made.severity = Severity::info;
        }
        report(std::move(made));
    }
};

// VU011. A failure is a finding about the request: the answer is as it should be.
class Acknowledgement final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        const auto& request = sight.what.exchange.answered;
        const bool acknowledges = request && (request->answer == Answer::acknowledgement ||
                                              (request->answer == Answer::tolerated && sight.payload.size() == 8));
        if (!acknowledges || !sight.whole) {
            return;
        }
        if (sight.payload.size() != sizeof(std::uint64_t)) {
            report(sight, fmt::format("the acknowledgement of {} has {}, expected 8", sight.what.request,
                                      count_text(sight.payload.size(), "byte")));
        } else if (const auto value = load<std::uint64_t>(sight.payload); value != 0) {
            report(sight, fmt::format("{} of record {} failed: acknowledged with 0x{:x}", sight.what.request,
                                      request->sequence, value));
        }
    }
};

// VU003: a message that the end of its connection cut short. Its header alone may be missing. Whether that is anybody's
// fault shows at the end of the session: capture that is stopped cuts off what is on its way.
class CutOff final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        if (sight.message.incomplete) {
            hold(sight, sight.message,
                 fmt::format("{} announces {}, the stream ends after {}", subject(sight),
                             count_text(sight.header.size, "byte"), sight.payload.size()));
        } else if (sight.on_main()) {
            report_held();  // the session goes on: the peer closed a channel of its own
        }
    }
    void other(const Sight& sight) override {
        const auto* message = std::get_if<trace::MessageRecord>(&sight.record.body);
        if (message != nullptr && message->incomplete) {
            hold(sight, *message,
                 message->offset == 0 ? "the stream ends inside a header" : "the stream ends inside a long message");
        }
    }
    void end(const EndSight& sight) override {
        if (ended_by(sight.state) == EndedBy::recorder) {
            for (Finding& made : held_) {
                made.severity = Severity::info;
                made.text += ": the capture was stopped";
            }
        }
        report_held();
    }

  private:
    void hold(const Sight& sight, const trace::MessageRecord& message, std::string text) {
        constexpr std::size_t most = 16;  // a real session has one for each side of a channel
        if (held_.size() >= most) {
            report_held();
        }
        Finding& made = held_.emplace_back(finding(sight, std::move(text)));
        made.violator = message.sender == Side::front_end ? Violator::front_end : Violator::back_end;
    }
    void report_held() {
        for (Finding& made : std::exchange(held_, {})) {
            report(std::move(made));
        }
    }
    std::vector<Finding> held_;  // bounded: most
};

// VU014: capture attaches descriptors to the piece they came with.
class LateDescriptors final : public Rule {
  public:
    void other(const Sight& sight) override {
        const auto* message = std::get_if<trace::MessageRecord>(&sight.record.body);
        if (message == nullptr || message->offset == 0 || message->descriptors.empty()) {
            return;
        }
        Finding made = finding(sight, fmt::format("with byte {} of a message: {}", message->offset,
                                                  count_text(message->descriptors.size(), "descriptor")));
        made.violator = message->sender == Side::front_end ? Violator::front_end : Violator::back_end;
        report(std::move(made));
    }
};

std::optional<std::string> too_many_descriptors(const MessageSight& sight) {
    constexpr std::size_t most = 8;
    if (sight.message.descriptors.size() <= most && !sight.message.descriptors_truncated) {
        return std::nullopt;
    }
    return fmt::format("{} carries {}{}, the most is {}", subject(sight),
                       count_text(sight.message.descriptors.size(), "descriptor"),
                       sight.message.descriptors_truncated ? " and more" : "", most);
}

constexpr const char* header_section = "vhost-user, Message Specification: Header";
constexpr const char* communication_section = "vhost-user, Communication";
constexpr const char* reply_ack_section = "vhost-user, VHOST_USER_PROTOCOL_F_REPLY_ACK";

constexpr std::array rows{
    RuleRow{{"VU001", Severity::error, Violator::either, "The version in the header's flags is 1.", header_section,
             "Bits 0 and 1 of the flags hold the version. rust-vmm, VPP and crosvm refuse any other, OpenVMM looks at "
             "bit 0 only. On the gpu channel senders write 0, which is accepted there.",
             ""},
            make_rule<CatalogueRule<ProblemKind::version>>,
            wants_messages | wants_cut_messages},
    RuleRow{{"VU002", Severity::error, Violator::either, "Reserved flags of the header are 0.", header_section,
             "Bits 4 to 31 have no meaning. rust-vmm and crosvm refuse messages that set them.", ""},
            make_rule<CatalogueRule<ProblemKind::reserved_flags>>,
            wants_messages | wants_cut_messages},
    RuleRow{
        {"VU003", Severity::error, Violator::either, "A stream consists of whole messages.", header_section,
         "Each header is followed by as many bytes as it announces. A connection that ends inside a message, or a "
         "size that is larger than what comes, leaves the receiver waiting or out of step. A note where the capture "
         "was stopped while a message was on its way. Rules on payloads do not look at what is cut short.",
         ""},
        make_rule<CutOff>,
        wants_messages | wants_cut_messages | wants_others},
    RuleRow{{"VU004", Severity::error, Violator::either, "An answer has exactly the flags version 1 and REPLY.",
             header_section,
             "QEMU and SPDK front-ends drop the connection on anything but 0x5. VPP copies NEED_REPLY from the request "
             "into its answers, which is reported as a warning.",
             ""},
            make_rule<AnswerFlags>,
            wants_messages | wants_cut_messages},
    RuleRow{{"VU005", Severity::error, Violator::either, "A request does not have the REPLY flag.", header_section,
             "rust-vmm and VPP refuse such a message. The front-end's acknowledgement of a memory table in postcopy is "
             "shaped like a request, too.",
             ""},
            make_rule<MessageRule<request_with_reply_flag>>,
            wants_messages | wants_cut_messages},
    RuleRow{{"VU006", Severity::error, Violator::back_end, "Answers come in the order of their requests.",
             communication_section,
             "A front-end reads one answer after each request that has one and compares the number. An answer to a "
             "later request means that an earlier one was forgotten.",
             ""},
            make_rule<AnswerOrder>,
            wants_messages | wants_cut_messages},
    RuleRow{{"VU007", Severity::error, Violator::back_end, "Nothing comes from the back-end that was not asked for.",
             communication_section,
             "What the back-end has to say on its own goes over its own channel. Most front-ends take an unexpected "
             "message for the answer to their next request and fail there. libvhost-user and DPDK answer NEED_REPLY "
             "where REPLY_ACK was not negotiated; that is not reported.",
             ""},
            make_rule<UnsolicitedAnswer>,
            wants_messages | wants_cut_messages},
    RuleRow{
        {"VU008", Severity::error, Violator::back_end, "Every request that has an answer of its own gets it.",
         communication_section,
         "The front-end waits for it, usually without a time limit and with its main loop stopped. SET_LOG_BASE has "
         "one only with LOG_SHMFD. Snabb never answers GET_QUEUE_NUM. A note where the capture was stopped or the "
         "front-end closed the connection less than 1 s (or ten times the slowest answer) after the request.",
         ""},
        make_rule<AnswerMissing<Answer::reply>>,
        wants_messages | wants_cut_messages},
    RuleRow{{"VU009", Severity::error, Violator::back_end,
             "Every request with NEED_REPLY is acknowledged where REPLY_ACK is negotiated.", reply_ack_section,
             "The front-end waits for it. A request that has an answer of its own gets that instead. A note where the "
             "capture was stopped or the front-end closed the connection less than 1 s (or ten times the slowest "
             "answer) after the request.",
             ""},
            make_rule<AnswerMissing<Answer::acknowledgement>>,
            wants_messages | wants_cut_messages},
    RuleRow{{"VU010", Severity::warning, Violator::front_end, "NEED_REPLY is not set before REPLY_ACK is negotiated.",
             reply_ack_section,
             "libvhost-user and DPDK answer nevertheless, others do not, and a front-end that waits would wait for "
             "ever. QEMU sets it in messages of the IOTLB and of postcopy whatever was negotiated: a note only.",
             ""},
            make_rule<EarlyNeedReply>,
            wants_messages | wants_cut_messages},
    RuleRow{{"VU011", Severity::warning, Violator::back_end, "An acknowledgement has 8 bytes, and says 0: success.",
             reply_ack_section,
             "Anything but 0 is a failure that the back-end reports: look at the request. libvhost-user says 0 also "
             "after a failure.",
             ""},
            make_rule<Acknowledgement>,
            wants_messages},
    RuleRow{{"VU012", Severity::error, Violator::either, "The payload has the size of its request.",
             "vhost-user, Message Specification: Payload",
             "Sizes that some known peer accepts are accepted here: GET_SHARED_OBJECT with 0 bytes from QEMU, an "
             "in-flight description of 20 bytes from packed structures, 32 or more for ADD_MEM_REG.",
             ""},
            make_rule<CatalogueRule<ProblemKind::payload_size, ProblemKind::no_reply>>,
            wants_messages},
    RuleRow{{"VU013", Severity::error, Violator::either, "The number of descriptors is that of the request.",
             communication_section,
             "rust-vmm and DPDK check it and drop the connection. SET_MEM_TABLE carries one for each region; requests "
             "about eventfds carry one unless bit 8 of the payload is set. Old front-ends send one with REM_MEM_REG.",
             ""},
            make_rule<CatalogueRule<ProblemKind::descriptors, ProblemKind::no_descriptor_bit>>,
            wants_messages},
    RuleRow{{"VU014", Severity::error, Violator::either,
             "Descriptors come with the first byte of their message, not with its payload.", communication_section,
             "Receivers that read the header first look for descriptors there and close or lose later ones.", ""},
            make_rule<LateDescriptors>,
            wants_others},
    RuleRow{{"VU015", Severity::error, Violator::either, "A message has at most 8 descriptors.", communication_section,
             "QEMU, libvhost-user and DPDK have room for 8; the kernel closes those that do not fit. rust-vmm and "
             "crosvm take 32.",
             ""},
            make_rule<MessageRule<too_many_descriptors>>,
            wants_messages | wants_cut_messages},
    RuleRow{{"VU016", Severity::warning, Violator::either, "Request numbers are known ones.",
             "vhost-user, Front-end message types; Back-end message types",
             "1 to 45 on the main channel, 1 to 10 on the back-end's, 1 to 12 on the gpu channel; 1002 to 1007 on the "
             "back-end's are crosvm's own. VPP and libvhost-user disconnect, OpenVMM acknowledges.",
             ""},
            make_rule<CatalogueRule<ProblemKind::unknown_request>>,
            wants_messages | wants_cut_messages},
};

}  // namespace

RuleRows framing_rules() noexcept {
    return rows;
}

}  // namespace vutrace::check
