// D. Rings and devices: notifications in band, requests of the back-end, what else goes with the set-up.
#include "evidence.h"
#include "rule.h"

#include <vutrace/base/count_text.h>
#include <vutrace/protocol/features.h>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace vutrace::check {
namespace {

using protocol::BackEndRequest;
using protocol::FrontEndRequest;

bool back_end_asks(const MessageSight& sight, BackEndRequest request) {
    return sight.message.channel == Channel::back_end && sight.what.asks &&
           sight.header.request == static_cast<std::uint32_t>(request);
}

// VU063
std::optional<std::string> in_band(const MessageSight& sight) {
    const bool notifies = sight.asks(FrontEndRequest::VRING_KICK) || back_end_asks(sight, BackEndRequest::VRING_CALL) ||
                          back_end_asks(sight, BackEndRequest::VRING_ERR);
    if (!notifies || sight.before.has_protocol_feature(protocol::protocol_feature::INBAND_NOTIFICATIONS)) {
        return std::nullopt;
    }
    return fmt::format("{} is sent, INBAND_NOTIFICATIONS is not negotiated", sight.what.request);
}

// VU064
class BackEndAnswers final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        if (sight.message.channel != Channel::back_end) {
            return;
        }
        for (const explain::Request& request : sight.what.exchange.passed_over) {
            report(missing(request, "a later request was answered first"));
        }
        if (sight.what.asks) {
            return;
        }
        if (sight.what.exchange.unsolicited) {
            report(sight, fmt::format("{} of the back-end is answered, {}", sight.what.request,
                                      sight.what.exchange.answered ? "it asked for nothing" : "nobody asked"));
        } else if (sight.whole && sight.payload.size() != sizeof(std::uint64_t)) {
            report(sight, fmt::format("{} of the back-end is answered with {}, expected 8", sight.what.request,
                                      count_text(sight.payload.size(), "byte")));
        }
    }
    void end(const EndSight& sight) override {
        const explain::Conversation* channel = sight.annotator.conversation(sight.state.number, Channel::back_end);
        if (channel == nullptr || !sight.closed) {
            return;
        }
        for (const explain::Request& request : channel->open()) {
            // What was asked when the session was about to end had no chance.
            if (explain::is_due(request.answer) && explain::elapsed(request.time, sight.time) > look_delay) {
                report(missing(request, "the session ended"));
            }
        }
    }

  private:
    Finding missing(const explain::Request& request, std::string_view why) const {
        const std::uint32_t code = request.header.request;
        Finding made = finding(request.sequence, request.time,
                               fmt::format("{} of the back-end was never answered: {}",
                                           protocol::request_name(Channel::back_end, code), why));
        if (code == static_cast<std::uint32_t>(BackEndRequest::SHARED_OBJECT_LOOKUP)) {
            made.severity = Severity::info;  // QEMU answers it on the main channel
        }
        return made;
    }
};

// VU065
std::optional<std::string> inflight_answer(const MessageSight& sight) {
    if (!sight.answers(FrontEndRequest::GET_INFLIGHT_FD)) {
        return std::nullopt;
    }
    const auto area = protocol::parse_inflight(sight.payload);
    if (!area) {
        return std::nullopt;
    }
    const std::size_t descriptors = sight.message.descriptors.size();
    if (area->mmap_size == 0) {
        return descriptors == 0 ? std::nullopt  // not supported
                                : std::optional(fmt::format("an in-flight area of 0 bytes comes with {}",
                                                            count_text(descriptors, "descriptor")));
    }
    if (descriptors != 1 && !sight.message.descriptors_truncated) {
        return fmt::format("an in-flight area of {} comes with {}, expected 1", count_text(area->mmap_size, "byte"),
                           count_text(descriptors, "descriptor"));
    }
    const auto& request = sight.what.exchange.answered;
    const auto asked = request ? protocol::parse_inflight(request->payload) : Result<protocol::Inflight>{};
    if (request && asked && (asked->num_queues != area->num_queues || asked->queue_size != area->queue_size)) {
        return fmt::format("the in-flight area is for {} of {}, asked were {} of {} (record {})",
                           count_text(area->num_queues, "queue"), area->queue_size, asked->num_queues,
                           asked->queue_size, request->sequence);
    }
    return std::nullopt;
}

// VU066
std::optional<std::string> network_request(const MessageSight& sight) {
    constexpr unsigned mtu_feature = 3;
    constexpr unsigned guest_announce = 21;
    constexpr std::uint64_t least_mtu = 68;
    constexpr std::uint64_t most_mtu = 65535;
    if (sight.asks(FrontEndRequest::SEND_RARP) && sight.before.has_feature(guest_announce)) {
        return "SEND_RARP is sent although the guest announces itself (VIRTIO_NET_F_GUEST_ANNOUNCE)";
    }
    const auto mtu = sight.asks(FrontEndRequest::NET_SET_MTU) ? protocol::parse_u64(sight.payload)
                                                              : Result<std::uint64_t>(std::uint64_t{least_mtu});
    if (!sight.asks(FrontEndRequest::NET_SET_MTU) || !mtu) {
        return std::nullopt;
    }
    if (*mtu < least_mtu || *mtu > most_mtu) {
        return fmt::format("NET_SET_MTU has {}: {} to {} are possible", *mtu, least_mtu, most_mtu);
    }
    if (sight.before.features() && !sight.before.has_feature(mtu_feature)) {
        return "NET_SET_MTU is sent, VIRTIO_NET_F_MTU is not negotiated";
    }
    return std::nullopt;
}

// VU067
std::optional<std::string> host_notifier(const MessageSight& sight) {
    if (!back_end_asks(sight, BackEndRequest::VRING_HOST_NOTIFIER_MSG)) {
        return std::nullopt;
    }
    const auto area = protocol::parse_vring_area(sight.payload);
    if (!area) {
        return std::nullopt;
    }
    const std::size_t descriptors = sight.message.descriptors.size();
    if ((area->value.value >> 9U) != 0) {
        return fmt::format("a notifier page has 0x{:x}: bits 9 to 63 must be 0", area->value.value);
    }
    if (area->value.no_descriptor() != (descriptors == 0) && !sight.message.descriptors_truncated) {
        return fmt::format("a notifier page of queue {} comes with {}, bit 8 says {}", area->value.queue(),
                           count_text(descriptors, "descriptor"), area->value.no_descriptor() ? "none" : "one");
    }
    if (sight.before.queue(area->value.queue()) == nullptr) {
        return fmt::format("a notifier page is given for queue {}, of which nothing was said", area->value.queue());
    }
    constexpr std::uint64_t least_page = 4096;
    if (!area->value.no_descriptor() && (area->size == 0 || area->size % least_page != 0)) {
        return fmt::format("the notifier page of queue {} has {}", area->value.queue(), count_text(area->size, "byte"));
    }
    return std::nullopt;
}

// VU068. Advise, listen, a memory table whose answer is acknowledged, end.
class PostcopyOrder final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        if (!sight.on_main() || !seen_.all(sight.after)) {
            return;
        }
        if (sight.what.asks) {
            take_request(sight);
        } else if (sight.answers(FrontEndRequest::SET_MEM_TABLE) && sight.before.postcopy_active()) {
            take_bases(sight);
        }
    }
    void other(const Sight& sight) override { seen_.other(sight); }

  private:
    void take_request(const MessageSight& sight) {
        if (acknowledgement_due_ != 0) {
            if (!sight.asks(FrontEndRequest::SET_MEM_TABLE) || sight.payload.size() > sizeof(std::uint64_t)) {
                report(sight, fmt::format("{} comes before the back-end's addresses of record {} are acknowledged by "
                                          "SET_MEM_TABLE without regions",
                                          sight.what.request, acknowledgement_due_));
            }
            acknowledgement_due_ = 0;
        } else if (sight.asks(FrontEndRequest::POSTCOPY_ADVISE)) {
            advised_ = true;
        } else if (sight.asks(FrontEndRequest::POSTCOPY_LISTEN) && !advised_) {
            report(sight, "POSTCOPY_LISTEN comes without POSTCOPY_ADVISE");
        } else if (sight.asks(FrontEndRequest::POSTCOPY_LISTEN) && sight.before.postcopy_active()) {
            report(sight, "POSTCOPY_LISTEN comes a second time");
        } else if (sight.asks(FrontEndRequest::POSTCOPY_END)) {
            // QEMU ends what was advised also where nothing had to listen.
            if (!advised_) {
                report(sight, "POSTCOPY_END comes without POSTCOPY_ADVISE");
            }
            advised_ = false;
        }
    }

    void take_bases(const MessageSight& sight) {
        const auto& request = sight.what.exchange.answered;
        if (!request || request->answer != explain::Answer::reply) {
            return;
        }
        if (sight.payload.size() <= sizeof(std::uint64_t)) {
            Finding made = finding(sight, fmt::format("SET_MEM_TABLE of record {} is answered with {}: in postcopy "
                                                      "the back-end gives its addresses",
                                                      request->sequence, count_text(sight.payload.size(), "byte")));
            made.violator = Violator::back_end;
            report(std::move(made));
        } else {
            acknowledgement_due_ = sight.record.sequence;
        }
    }

    MessagesSeen seen_;
    bool advised_{false};
    std::uint64_t acknowledgement_due_{0};  // the record with the back-end's addresses
};

constexpr std::array rows{
    RuleRow{{"VU063", Severity::error, Violator::either,
             "Kicks and calls come as messages only where INBAND_NOTIFICATIONS is negotiated.",
             "vhost-user, VHOST_USER_PROTOCOL_F_INBAND_NOTIFICATIONS",
             "VRING_KICK, and VRING_CALL and VRING_ERR of the back-end, take the place of eventfds.", ""},
            make_rule<MessageRule<in_band>>,
            wants_messages},
    RuleRow{{"VU064", Severity::error, Violator::front_end,
             "A request of the back-end with NEED_REPLY gets exactly one u64 where REPLY_ACK is negotiated.",
             "vhost-user, Back-end message types",
             "The back-end waits for it. SHARED_OBJECT_LOOKUP and crosvm's private requests 1006 and 1007 are always "
             "answered; QEMU answers the former on the main channel, so that its absence is a note. A request in the "
             "last second of a session is not counted.",
             ""},
            make_rule<BackEndAnswers>,
            wants_messages},
    RuleRow{
        {"VU065", Severity::error, Violator::back_end,
         "GET_INFLIGHT_FD is answered with an area for the queues asked for, and its descriptor.",
         "vhost-user, Front-end message types: VHOST_USER_GET_INFLIGHT_FD",
         "A size of 0 without a descriptor means that the back-end has none. The front-end keeps the area and hands "
         "it to the next back-end after a crash.",
         ""},
        make_rule<MessageRule<inflight_answer>>,
        wants_messages},
    RuleRow{
        {"VU066", Severity::warning, Violator::front_end,
         "SEND_RARP is for guests that do not announce themselves; NET_SET_MTU needs VIRTIO_NET_F_MTU and 68 to 65535.",
         "vhost-user, Front-end message types: VHOST_USER_SEND_RARP; VHOST_USER_NET_SET_MTU",
         "DPDK takes an MTU from 68 to 65535. Before SET_FEATURES it is not known whether the feature is there: then "
         "only the value counts.",
         ""},
        make_rule<MessageRule<network_request>>,
        wants_messages},
    RuleRow{{"VU067", Severity::error, Violator::back_end,
             "A notifier page is for a ring that exists, has whole pages, and a descriptor unless bit 8 is set.",
             "vhost-user, Back-end message types: VHOST_USER_BACKEND_VRING_HOST_NOTIFIER_MSG",
             "The front-end maps it into the guest. With bit 8 it takes the page away again.", ""},
            make_rule<MessageRule<host_notifier>>,
            wants_messages},
    RuleRow{{"VU068", Severity::error, Violator::front_end,
             "Postcopy goes: advise, listen, memory table with answer and acknowledgement, end.",
             "vhost-user, Migration: Postcopy",
             "The back-end answers the memory table with the addresses at which it will fault, the front-end registers "
             "them and says so with a SET_MEM_TABLE without regions. An end without listening happens where the device "
             "was not started.",
             ""},
            make_rule<PostcopyOrder>,
            wants_messages | wants_others},
};

}  // namespace

RuleRows vring_channel_rules() noexcept {
    return rows;
}

}  // namespace vutrace::check
