// Who owes whom on the rings, at the end of a session or of the trace.
#include "evidence.h"
#include "held_queues.h"
#include "notification_debts.h"

#include <vutrace/protocol/features.h>

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace vutrace::check {
namespace {

bool runs(const session::DeviceState& device, std::uint16_t queue) noexcept {
    const session::QueueState* state = device.queue(queue);
    return state != nullptr && state->started && state->enabled;
}

class UntakenChains final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        (void)debts_.message(sight);
        device_ = sight.annotation.device;
    }
    void chain(const ChainSight& sight) override {
        (void)debts_.chain(sight);
        device_ = sight.annotation.device;
    }
    void chain_record(const Sight& sight, const trace::ChainRecord& chain) override {
        debts_.chain_record(sight, chain);
    }
    void other(const Sight& sight) override {
        (void)debts_.other(sight);
        const auto* event = std::get_if<trace::EventRecord>(&sight.record.body);
        if (event != nullptr && event->kind == trace::EventRecord::Kind::kick) {
            note_kick(sight, event->queue);
        }
    }
    void end(const EndSight& sight) override {
        for (const auto& [queue, ring] : sight.rings->rings()) {
            if (runs(sight.state.device, queue) && ring.complete) {
                judge(sight, queue, ring);
            }
        }
    }

  private:
    // A queue that took long before is given twenty times its slowest.
    static std::int64_t patience(const Ring& ring) noexcept {
        constexpr std::int64_t most = INT64_MAX / 20;
        return std::max(second, std::min(ring.slowest, most) * 20);
    }
    void note_kick(const Sight& sight, std::uint16_t queue) {
        const session::QueueState* state = sight.after.device.queue(queue);
        if (state != nullptr && state->started && !state->enabled) {
            if (std::uint64_t* kick = slot_of(early_kicks_, queue)) {
                *kick = sight.record.sequence;
            }
        } else {
            early_kicks_.erase(queue);
        }
    }
    void judge(const EndSight& sight, std::uint16_t queue, const Ring& ring) const {
        const Offer* oldest = nullptr;
        std::uint16_t head = 0;
        std::size_t count = 0;
        for (const auto& [number, offer] : ring.open) {
            if (is_held_by_design(offer, device_, queue, sight.state.device)) {
                continue;
            }
            ++count;
            if (oldest == nullptr || offer.sequence < oldest->sequence) {
                oldest = &offer;
                head = number;
            }
        }
        if (oldest == nullptr) {
            return;
        }
        const std::int64_t age = explain::elapsed(oldest->time, sight.time);
        Finding made =
            finding(oldest->sequence, oldest->time,
                    fmt::format("{} available and not used, the oldest is head {} (available {} {}) "
                                "for {}; {}",
                                count == 1 ? "1 chain is" : fmt::format("{} chains are", count), head,
                                ring.packed ? "at" : "index",
                                ring.packed ? position_of(oldest->index) : std::to_string(oldest->index), duration(age),
                                ring.slowest == 0 ? "none of the queue was used before"
                                                  : "the slowest before took " + duration(ring.slowest)));
        made.queue = queue;
        blame(made, queue, *oldest);
        if (age < patience(ring)) {
            made.severity = Severity::info;
        }
        report(std::move(made));
    }
    void blame(Finding& made, std::uint16_t queue, const Offer& oldest) const {
        if (oldest.problem != 0) {
            made.violator = Violator::driver;
            made.text += fmt::format("; its chain is broken: {}",
                                     virtio::name_of(static_cast<virtio::ChainProblem>(oldest.problem)));
        } else if (const NotificationDebt* debt = debts_.find(queue); debt != nullptr && debt->sure) {
            made.violator = Violator::driver;
            made.text += fmt::format("; {}, but no kick was seen",
                                     NotificationDebts::reason(*debt, NotificationDebts::Kind::kick));
        } else if (const auto kick = early_kicks_.find(queue); kick != early_kicks_.end()) {
            made.text += fmt::format(
                "; the last kick (record {}) came before the ring was enabled: the back-end has "
                "to look at the ring when it is, as nobody kicks again",
                kick->second);
        }
    }
    NotificationDebts debts_{NotificationDebts::Kind::kick};
    std::uint32_t device_{0};                             // virtio device type, as last known
    std::map<std::uint32_t, std::uint64_t> early_kicks_;  // of a queue whose last one it was; bounded: most_queues
};

class UnsentCall final : public Rule {
  public:
    void message(const MessageSight& sight) override { (void)debts_.message(sight); }
    void chain(const ChainSight& sight) override { (void)debts_.chain(sight); }
    void chain_record(const Sight& sight, const trace::ChainRecord& chain) override {
        debts_.chain_record(sight, chain);
    }
    void other(const Sight& sight) override { (void)debts_.other(sight); }
    void end(const EndSight& sight) override {
        for (const auto& [queue, ring] : sight.rings->rings()) {
            const NotificationDebt* debt = runs(sight.state.device, queue) ? debts_.find(queue) : nullptr;
            if (debt == nullptr || explain::elapsed(debt->time, sight.time) < NotificationDebts::patience) {
                continue;
            }
            Finding made = finding(debt->sequence, debt->time,
                                   fmt::format("{}, but no call was seen for {}, and the driver has done nothing",
                                               NotificationDebts::reason(*debt, NotificationDebts::Kind::call),
                                               duration(explain::elapsed(debt->time, sight.time))));
            made.queue = queue;
            if (!debt->sure) {
                made.severity = Severity::info;
                made.text += "; in `tap` a call may be missed";
            }
            report(std::move(made));
        }
    }

  private:
    NotificationDebts debts_{NotificationDebts::Kind::call};
};

constexpr std::array rows{
    RuleRow{
        {"STALL003", Severity::warning, Violator::back_end, "What is available is taken and used.", ring_states_section,
         "At the end of a session or of the trace: chains in flight on queues that run, and since when. A note "
         "while they are younger than 1 s and than twenty times the queue's slowest completion. Chains without a "
         "readable byte are left out: devices fill them when they have something (received packets, events); so are "
         "those that gpio's event queue, sound's receive queue and balloon's statistics queue hold by design. The "
         "driver owes where the chain is broken, or where a kick was due and none was seen. A kick that came before "
         "SET_VRING_ENABLE counts: a back-end that threw it away has to look at the ring when it is enabled. Silent "
         "where capture lost something.",
         ""},
        make_rule<UntakenChains>,
        wants_messages | wants_chains | wants_chain_records | wants_others},
    RuleRow{{"STALL004", Severity::warning, Violator::back_end,
             "The call that the driver asked for comes when something was used.",
             "virtio, Split Virtqueues: Used Buffer Notification Suppression",
             "At the end of a session or of the trace: completions of which the driver wanted to be told, for which "
             "no call was seen in 1 s or more, while nothing shows that the driver noticed. A note in `tap`, which may "
             "miss calls. Where a driver does notice later, it is VU090.",
             ""},
            make_rule<UnsentCall>,
            wants_messages | wants_chains | wants_chain_records | wants_others},
};

}  // namespace

RuleRows stall_ring_rules() noexcept {
    return rows;
}

}  // namespace vutrace::check
