// D. Rings: what must be there when they start, and the eventfds that come with it.
#include "evidence.h"
#include "rule.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>

namespace vutrace::check {
namespace {

using protocol::FrontEndRequest;
using session::DeviceState;

std::string missing_parts(const DeviceState& device, const session::QueueState& queue) {
    std::string missing;
    const auto add = [&](const char* what) { missing += (missing.empty() ? "" : ", ") + std::string(what); };
    if (!queue.size) {
        add("SET_VRING_NUM");
    }
    if (!queue.addresses) {
        add("SET_VRING_ADDR");
    }
    if (device.regions().empty()) {
        add("guest memory");
    }
    return missing;
}

// VU051. A ring that is not enabled yet does no harm: what it lacks may still come, as some front-ends have it.
class BareStart final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        if (!seen_.all(sight.after)) {
            return;
        }
        const DeviceState& device = sight.after.device;
        if (const auto queue = started_queue(sight)) {
            std::string missing = missing_parts(device, *device.queue(*queue));
            if (!missing.empty()) {
                bare_.insert_or_assign(*queue, Start{sight.record.sequence, sight.record.time, std::move(missing)});
            }
        }
        for (auto bare = bare_.begin(); bare != bare_.end();) {
            bare = judge(sight, bare->first, bare->second) ? bare_.erase(bare) : std::next(bare);
        }
    }
    void other(const Sight& sight) override { seen_.other(sight); }

  private:
    struct Start {
        std::uint64_t sequence;
        std::int64_t time;
        std::string missing;
    };

    bool judge(const MessageSight& sight, std::uint32_t index, const Start& start) const {
        const session::QueueState& queue = *sight.after.device.queue(index);
        if (!queue.started) {
            return true;
        }
        if (missing_parts(sight.after.device, queue).empty()) {
            Finding made = finding(start.sequence, start.time,
                                   fmt::format("queue {} was started before it was set up: {} came later, by record {}",
                                               index, start.missing, sight.record.sequence));
            made.severity = Severity::info;
            report_about(index, std::move(made));
            return true;
        }
        if (queue.enabled) {
            report_about(index, finding(start.sequence, start.time,
                                        fmt::format("queue {} was started without {}", index, start.missing)));
            return true;
        }
        return false;
    }
    void report_about(std::uint32_t queue, Finding made) const {
        made.queue = queue;
        report(std::move(made));
    }

    MessagesSeen seen_;
    std::map<std::uint32_t, Start> bare_;  // bounded: queues that DeviceState keeps
};

bool is_about_eventfd(const MessageSight& sight) {
    return sight.asks(FrontEndRequest::SET_VRING_KICK) || sight.asks(FrontEndRequest::SET_VRING_CALL) ||
           sight.asks(FrontEndRequest::SET_VRING_ERR);
}

bool is_about_vring(const MessageSight& sight) {
    return sight.asks(FrontEndRequest::SET_VRING_NUM) || sight.asks(FrontEndRequest::SET_VRING_ADDR) ||
           sight.asks(FrontEndRequest::SET_VRING_BASE) || sight.asks(FrontEndRequest::GET_VRING_BASE) ||
           sight.asks(FrontEndRequest::SET_VRING_ENABLE);
}

// VU052, from both sides: a front-end that writes the payload wrongly, and a back-end that reads bit 8 as an index.
class EventfdPayload final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        if (!sight.on_main()) {
            return;
        }
        if (sight.what.asks) {
            polling_.reset();
        }
        if (is_about_eventfd(sight)) {
            if (const auto value = protocol::parse_vring_descriptor(sight.payload)) {
                check_value(sight, *value);
            }
        } else if (is_about_vring(sight) && sight.what.queue && *sight.what.queue > 0xff) {
            check_index(sight, *sight.what.queue);
        } else if (!sight.what.asks) {
            check_refusal(sight);
        }
    }
    // A connection that the back-end closes at once.
    void end(const EndSight& sight) override {
        const auto& closed = sight.state.closed;
        const bool by_back_end = std::find(closed.begin(), closed.end(),
                                           std::pair<std::string, std::string>{"side", "back-end"}) != closed.end();
        if (sight.closed && by_back_end && polling_ && explain::elapsed(polling_->time, sight.time) < look_delay) {
            Finding made =
                finding(sight.sequence, sight.time,
                        fmt::format("the back-end closed the connection after {} 0x{:x} of record {}: it may "
                                    "read bit 8 (no descriptor) as a part of the queue index",
                                    polling_->request, polling_->value, polling_->sequence));
            made.violator = Violator::back_end;
            report(std::move(made));
        }
    }

  private:
    struct Polling {
        std::uint64_t sequence;
        std::int64_t time;
        std::uint64_t value;
        std::string request;
    };

    void check_value(const MessageSight& sight, const protocol::VringDescriptorPayload& value) {
        const std::size_t descriptors = sight.message.descriptors.size();
        if ((value.value >> 9U) != 0) {
            report(sight, fmt::format("{} has 0x{:x}: bits 9 to 63 must be 0, an index has 8 bits", sight.what.request,
                                      value.value));
        }
        if (value.no_descriptor() && descriptors != 0) {
            report(sight, fmt::format("{} has 0x{:x} and a descriptor: bit 8 says that there is none, and queue 256 "
                                      "cannot be named",
                                      sight.what.request, value.value));
        }
        if (!value.no_descriptor() && descriptors == 0 && !sight.message.descriptors_truncated) {
            report(sight, fmt::format("{} of queue {} comes without a descriptor, and bit 8 does not say so",
                                      sight.what.request, value.queue()));
        }
        if (value.no_descriptor() && descriptors == 0) {
            polling_ = Polling{sight.record.sequence, sight.record.time, value.value, std::string(sight.what.request)};
        }
    }

    void check_index(const MessageSight& sight, std::uint32_t index) const {
        report(sight, fmt::format("{} names queue {}: no request about its eventfds can, they have 8 bits for it{}",
                                  sight.what.request, index,
                                  (index >> 8U) == 1 ? " (bit 8 there means that no descriptor comes along)" : ""));
    }

    void check_refusal(const MessageSight& sight) {
        const auto& request = sight.what.exchange.answered;
        if (!polling_ || !request || request->sequence != polling_->sequence) {
            return;
        }
        const Polling asked = *std::exchange(polling_, std::nullopt);
        if (sight.payload.size() != sizeof(std::uint64_t) || load<std::uint64_t>(sight.payload) == 0) {
            return;
        }
        Finding made = finding(sight, fmt::format("{} 0x{:x} of record {} was refused: the back-end may read bit 8 (no "
                                                  "descriptor) as a part of the queue index",
                                                  sight.what.request, asked.value, asked.sequence));
        made.violator = Violator::back_end;
        report(std::move(made));
    }

    std::optional<Polling> polling_;  // the last request, where it is an eventfd's without a descriptor
};

constexpr const char* ring_section = "vhost-user, Ring states";

constexpr std::array rows{
    RuleRow{{"VU051", Severity::error, Violator::front_end,
             "A ring is started with its size, its place and guest memory known.", ring_section,
             "The back-end may look at the ring at once. Where the ring is not enabled yet and what it lacks comes "
             "before it is, as VPP and OpenVMM may have it, this is a note. The base may be missing: then it is 0.",
             ""},
            make_rule<BareStart>,
            wants_messages | wants_others},
    RuleRow{{"VU052", Severity::warning, Violator::front_end,
             "A request about an eventfd names a ring below 256, and has a descriptor or says that it has none.",
             "vhost-user, Front-end message types: VHOST_USER_SET_VRING_KICK",
             "Bits 0 to 7 are the index, bit 8 says that no descriptor comes along: the ring is polled. A queue above "
             "255 does not fit, and 256 turns into bit 8. Back-ends that take bit 8 for a part of the index refuse or "
             "drop the connection (yc-libvhost-server does not know polling): then they are named.",
             ""},
            make_rule<EventfdPayload>,
            wants_messages},
    RuleRow{
        {"VU053", Severity::info, Violator::either, "A kick or call right after the set-up of a ring is normal.",
         ring_section,
         "QEMU kicks each ring once when it starts, libvhost-user and yc-libvhost-server call once when they get the "
         "eventfd.",
         "It allows something: there is nothing to break."},
        nullptr,
        0},
};

}  // namespace

RuleRows vring_start_rules() noexcept {
    return rows;
}

}  // namespace vutrace::check
