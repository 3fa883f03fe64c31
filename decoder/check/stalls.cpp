// Who owes whom on the channels, at the end of a session or of the trace.
#include "deadlock.h"
#include "ring_evidence.h"
#include "session_end.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace vutrace::check {
namespace {

using explain::Request;
using protocol::FrontEndRequest;

std::int64_t age(std::int64_t since, const EndSight& sight) noexcept {
    return explain::elapsed(since, sight.time);
}

class Unanswered final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        patience_.message(sight);
        misses_.message(sight);
    }
    void end(const EndSight& sight) override {
        const auto both = find_deadlock(sight, misses_, patience_.limit());
        const bool deadlock = both && both->sure;
        for (const Channel channel : {Channel::front_end, Channel::back_end, Channel::gpu}) {
            const explain::Conversation* conversation = sight.annotator.conversation(sight.state.number, channel);
            if (conversation == nullptr || (deadlock && channel != Channel::gpu)) {
                continue;
            }
            for (const Request& request : conversation->open()) {
                if (is_due(request.answer)) {
                    tell(sight, channel, request);
                }
            }
        }
        const Misses::Miss* miss = misses_.oldest();
        if (miss != nullptr && !deadlock && age(miss->time, sight) >= patience_.limit()) {
            Finding made = finding(miss->sequence, miss->time,
                                   fmt::format("the IOTLB miss for 0x{:x} has waited for its update for {}",
                                               miss->address, duration(age(miss->time, sight))));
            made.violator = Violator::front_end;
            report(std::move(made));
        }
    }

  private:
    void tell(const EndSight& sight, Channel channel, const Request& request) const {
        const bool back_end_owes = protocol::requester(channel) == Side::front_end;
        const bool went_away = sight.closed && back_end_owes && ended_by(sight.state) == EndedBy::back_end;
        const std::string name = std::string(protocol::request_name(channel, request.header.request));
        const char* const due = request.answer == explain::Answer::reply ? "answer" : "acknowledgement";
        const std::int64_t waited = age(request.time, sight);
        Finding made =
            finding(request.sequence, request.time,
                    went_away ? fmt::format("{} got no {}: the back-end closed the connection instead, {} later", name,
                                            due, duration(waited))
                              : fmt::format("{} has waited for its {} for {}; the slowest so far took {}", name, due,
                                            duration(waited), duration(patience_.slowest())));
        made.violator = back_end_owes ? Violator::back_end : Violator::front_end;
        if (!went_away && waited < patience_.limit()) {
            made.severity = Severity::info;
        }
        report(std::move(made));
    }
    Patience patience_;
    Misses misses_;
};

// A front-end goes on at once after these: they are the middle of setting up rings. (After others it may rest: until a
// guest's driver starts, or for ever.)
constexpr std::array never_last{
    FrontEndRequest::SET_MEM_TABLE,  FrontEndRequest::ADD_MEM_REG,    FrontEndRequest::SET_VRING_NUM,
    FrontEndRequest::SET_VRING_BASE, FrontEndRequest::SET_VRING_ADDR,
};

class NeverAsked final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        patience_.message(sight);
        if (!sight.on_main()) {
            return;
        }
        last_.reset();
        if (sight.what.asks && !is_due(sight.what.answer)) {
            last_ = Last{sight.record.sequence, sight.record.time, sight.what.request,
                         static_cast<FrontEndRequest>(sight.header.request), sight.header.needs_reply()};
        }
    }
    void end(const EndSight& sight) override {
        if (!last_ || age(last_->time, sight) < patience_.limit() || oldest_due(sight, Channel::front_end) != nullptr) {
            return;
        }
        const auto& queues = sight.state.device.queues();
        const bool runs = std::any_of(queues.begin(), queues.end(), [](const auto& one) { return one.second.started; });
        const bool in_the_middle =
            !runs && std::find(never_last.begin(), never_last.end(), last_->request) != never_last.end();
        if (!last_->need_reply && !in_the_middle) {
            return;
        }
        report(finding(
            last_->sequence, last_->time,
            last_->need_reply
                ? fmt::format("nothing follows {} for {}: it has NEED_REPLY, but REPLY_ACK is not negotiated, so that "
                              "no acknowledgement is due; a front-end that waits for one waits for ever",
                              last_->name, duration(age(last_->time, sight)))
                : fmt::format("nothing follows {} for {}, in the middle of setting up: the back-end owes nothing, as "
                              "NEED_REPLY is not set; the front-end seems to wait for an acknowledgement that it never "
                              "asked for",
                              last_->name, duration(age(last_->time, sight)))));
    }

  private:
    struct Last {
        std::uint64_t sequence;
        std::int64_t time;
        std::string_view name;
        FrontEndRequest request;
        bool need_reply;
    };
    std::optional<Last> last_;
    Patience patience_;
};

class BothWait final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        patience_.message(sight);
        misses_.message(sight);
    }
    void end(const EndSight& sight) override {
        const auto both = find_deadlock(sight, misses_, patience_.limit());
        if (!both) {
            return;
        }
        const std::string other =
            both->back_end != nullptr
                ? fmt::format("{} of record {} (for {})",
                              protocol::request_name(Channel::back_end, both->back_end->header.request),
                              both->back_end->sequence, duration(age(both->back_end->time, sight)))
                : fmt::format("the update after the IOTLB miss for 0x{:x} of record {} (for {})", both->miss->address,
                              both->miss->sequence, duration(age(both->miss->time, sight)));
        Finding made =
            finding(both->main->sequence, both->main->time,
                    fmt::format("both sides wait: the front-end for the answer to {} (for {}), the back-end on its "
                                "own channel for {}; the front-end has to serve that channel while it waits",
                                protocol::request_name(Channel::front_end, both->main->header.request),
                                duration(age(both->main->time, sight)), other));
        if (!both->sure) {
            made.severity = Severity::warning;
            made.text += fmt::format("; but the back-end answered in between (record {}), so it may hang on its own",
                                     misses_.last_answer());
        }
        report(std::move(made));
    }

  private:
    Patience patience_;
    Misses misses_;
};

constexpr const char* section = "vhost-user, Communication";

constexpr std::array channel_rows{
    RuleRow{{"STALL001", Severity::error, Violator::either, "Every request that waits for an answer gets it.", section,
             "At the end of a session or of the trace: who owes an answer, and since when. A note while it is younger "
             "than 1 s and than ten times the session's slowest answer: it may be on its way. The age is that of the "
             "trace's last record.",
             ""},
            make_rule<Unanswered>,
            wants_messages | wants_cut_messages},
    RuleRow{
        {"STALL002", Severity::warning, Violator::front_end,
         "Nobody waits for an acknowledgement that was not asked for.", "vhost-user, VHOST_USER_PROTOCOL_F_REPLY_ACK",
         "A trace shows silence, not what a program waits for. So it is a suspicion, for a front-end that says "
         "nothing more for 1 s (or ten times the slowest answer) after a request with NEED_REPLY where REPLY_ACK "
         "is not negotiated, or in the middle of setting up rings, while nothing is owed to it.",
         ""},
        make_rule<NeverAsked>,
        wants_messages | wants_cut_messages},
};
constexpr std::array deadlock_rows{
    RuleRow{{"STALL005", Severity::error, Violator::front_end,
             "A side that waits on one channel goes on to serve the other.", "vhost-user, Back-end communication",
             "The front-end waits for an answer on the main channel and does not read the back-end channel, on which "
             "the back-end waits before it can answer: an IOTLB miss during GET_VRING_BASE is the usual case. The "
             "front-end is named, because only it can break the circle by reading both. A warning where the back-end "
             "answered something after it began to wait: then the missing answer is reported, too.",
             ""},
            make_rule<BothWait>,
            wants_messages | wants_cut_messages},
};

}  // namespace

RuleRows stall_channel_rules() noexcept {
    return channel_rows;
}
RuleRows stall_deadlock_rules() noexcept {
    return deadlock_rows;
}

}  // namespace vutrace::check
