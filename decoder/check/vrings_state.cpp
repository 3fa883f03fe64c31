// D. Rings: what enabling them means, and a device whose rings are all stopped.
#include "evidence.h"
#include "rule.h"

#include <vutrace/base/count_text.h>
#include <vutrace/protocol/features.h>

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace vutrace::check {
namespace {

using protocol::FrontEndRequest;

// VU058. Judged some time after the entry was seen: what enabled the ring may have been recorded after its effect.
class DisabledRing final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        settle(sight.record.time);
        if (!sight.before.features() || !sight.before.has_feature(protocol::feature::PROTOCOL_FEATURES)) {
            return;  // rings are enabled from their start
        }
        if (sight.asks(FrontEndRequest::SET_VRING_ENABLE)) {
            if (const auto state = vring_state(sight)) {
                enable(sight, *state);
            }
        } else if (sight.on_main() && !sight.what.asks && sight.what.exchange.answered) {
            for (auto& [queue, disabled] : disabled_) {
                // An answer to something later says that the request to disable was taken.
                if (disabled.since == 0 && sight.what.exchange.answered->sequence >= disabled.asked) {
                    disabled.since = sight.record.sequence;
                    disabled.time = sight.record.time;
                }
            }
        }
        if (const auto queue = started_queue(sight); queue && !sight.after.device.queue(*queue)->enabled) {
            if (Disabled* disabled = slot_of(disabled_, *queue)) {
                *disabled = {sight.record.sequence, sight.record.sequence, sight.record.time, 0, {}};
            }
        }
    }
    void chain(const ChainSight& sight) override {
        settle(sight.time());
        const auto found = disabled_.find(sight.chain.queue);
        if (found == disabled_.end() || !sight.used() || sight.entry.used_length == 0) {
            return;
        }
        Disabled& disabled = found->second;
        const session::ChainContext& offered = sight.known.context;
        if (disabled.since == 0 || offered.available_sequence < disabled.since || disabled.effect ||
            explain::elapsed(disabled.time, offered.available_time) < disabled.delay) {
            return;  // taken while it was enabled
        }
        disabled.effect =
            finding(sight, fmt::format("queue {} is started but not enabled (record {}), and the device writes {} "
                                       "for head {}",
                                       sight.chain.queue, disabled.asked, count_text(sight.entry.used_length, "byte"),
                                       sight.entry.head));
    }
    void end(const EndSight& sight) override {
        if (sight.closed) {
            settle(INT64_MAX);
        }
    }

  private:
    struct Disabled {
        std::uint64_t asked{0};  // the record that disabled it, or started it without
        std::uint64_t since{0};  // the record from which on the back-end knows; 0 where it may not yet
        std::int64_t time{0};    // of that record
        std::int64_t delay{0};   // what is offered before that may have been seen late
        std::optional<Finding> effect;
    };

    void enable(const MessageSight& sight, const protocol::VringState& state) {
        if (state.num != 0) {
            disabled_.erase(state.index);
            return;
        }
        const session::QueueState* queue = sight.before.queue(state.index);
        if (queue == nullptr || !queue->started || !queue->enabled) {
            return;
        }
        if (Disabled* disabled = slot_of(disabled_, state.index)) {
            *disabled = {sight.record.sequence, 0, 0, look_delay, {}};
        }
    }

    void settle(std::int64_t now) {
        for (auto found = disabled_.begin(); found != disabled_.end();) {
            const auto& effect = found->second.effect;
            if (effect && (now == INT64_MAX || explain::elapsed(effect->time, now) > channel_delay)) {
                report(*effect);
                found = disabled_.erase(found);  // once for each time
            } else {
                ++found;
            }
        }
    }

    std::map<std::uint32_t, Disabled> disabled_;  // bounded: most_queues
};

// VU059
std::optional<std::string> enable_value(const MessageSight& sight) {
    const auto state = sight.asks(FrontEndRequest::SET_VRING_ENABLE) ? vring_state(sight) : std::nullopt;
    return state && state->num > 1
               ? std::optional(
                     fmt::format("SET_VRING_ENABLE of queue {} has {}: 0 or 1 is expected", state->index, state->num))
               : std::nullopt;
}

// VU061
class SuspendedDevice final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        const auto& queues = sight.after.device.queues();
        const bool runs =
            std::any_of(queues.begin(), queues.end(), [](const auto& queue) { return queue.second.started; });
        if (runs) {
            suspended_.reset();
        } else if (answers_vring_base(sight)) {
            suspended_ = Stop{sight.record.sequence, sight.record.time};
        }
        if (!suspended_ || sight.message.channel != Channel::back_end || !sight.what.asks ||
            explain::elapsed(suspended_->time, sight.record.time) <= channel_delay) {
            return;
        }
        Finding made = finding(sight, fmt::format("{} comes while every ring is stopped, since record {}",
                                                  sight.what.request, suspended_->sequence));
        constexpr std::uint32_t config_change = 2;
        if (sight.header.request == config_change) {
            made.severity = Severity::info;
        }
        report(std::move(made));
    }

  private:
    struct Stop {
        std::uint64_t sequence;
        std::int64_t time;
    };
    std::optional<Stop> suspended_;  // the answer that stopped the last ring
};

// VU062
class ByteOrder final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        const auto state = sight.asks(FrontEndRequest::SET_VRING_ENDIAN) ? vring_state(sight) : std::nullopt;
        if (!state) {
            return;
        }
        if (state->num > 1) {
            report(sight,
                   fmt::format("SET_VRING_ENDIAN of queue {} has {}: 0 is little, 1 is big", state->index, state->num));
        }
        const session::QueueState* queue = sight.before.queue(state->index);
        if (queue != nullptr && queue->started) {
            report(sight, fmt::format("the byte order of queue {} is set while it is started", state->index));
        }
        if (set_.find(state->index) != set_.end()) {
            report(sight, fmt::format("the byte order of queue {} is set a second time", state->index));
        } else if (set_.size() < most_queues) {
            set_.insert(state->index);
        }
    }

  private:
    std::set<std::uint32_t> set_;  // bounded: most_queues
};

constexpr const char* state_section = "vhost-user, Ring states";
constexpr const char* suspended_section = "vhost-user, Suspended device state";

constexpr std::array rows{
    RuleRow{
        {"VU058", Severity::error, Violator::back_end,
         "A ring that is started but not enabled is processed without effect.", state_section,
         "SET_VRING_KICK starts it, only SET_VRING_ENABLE lets the device act: a network device throws away what is "
         "sent and delivers nothing. A back-end that takes the kick for the permission is found by what it writes "
         "into chains that were offered while the ring was disabled.",
         ""},
        make_rule<DisabledRing>,
        wants_messages | wants_chains},
    RuleRow{{"VU059", Severity::warning, Violator::front_end, "SET_VRING_ENABLE has 0 or 1.",
             "vhost-user, Front-end message types: VHOST_USER_SET_VRING_ENABLE",
             "rust-vmm and crosvm refuse other values.", ""},
            make_rule<MessageRule<enable_value>>,
            wants_messages},
    RuleRow{{"VU060", Severity::info, Violator::front_end, "SET_VRING_ENABLE may name rings that were never set up.",
             state_section, "QEMU enables all rings of a device, also those that the driver does not use.",
             "It allows something: there is nothing to break."},
            nullptr,
            0},
    RuleRow{
        {"VU061", Severity::error, Violator::back_end,
         "While every ring is stopped the back-end asks for nothing on its channel.", suspended_section,
         "A device whose rings are all stopped is suspended: its state may be on the way to another host. Before the "
         "first start anything may come. A change of the configuration is a note: QEMU's block export tells a new "
         "size whenever there is one.",
         ""},
        make_rule<SuspendedDevice>,
        wants_messages},
    RuleRow{{"VU062", Severity::error, Violator::front_end,
             "SET_VRING_ENDIAN comes at most once for a ring, before it starts, with 0 or 1.",
             "vhost-user, Front-end message types: VHOST_USER_SET_VRING_ENDIAN",
             "The byte order of a running ring cannot change. Few back-ends know the request.", ""},
            make_rule<ByteOrder>,
            wants_messages},
};

}  // namespace

RuleRows vring_state_rules() noexcept {
    return rows;
}

}  // namespace vutrace::check
