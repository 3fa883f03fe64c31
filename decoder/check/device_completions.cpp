// F. Device on rings: calls, order, and requests that are left.
#include "held_queues.h"
#include "notification_due.h"

#include <vutrace/base/count_text.h>
#include <vutrace/protocol/features.h>
#include <vutrace/protocol/payloads.h>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace vutrace::check {
namespace {

using protocol::FrontEndRequest;

// VU091.
class EarlyCall final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        if (sight.asks(FrontEndRequest::SET_VRING_CALL) && sight.what.queue) {
            if (Queue* queue = queues_.of(static_cast<std::uint16_t>(*sight.what.queue))) {
                ++queue->allowed;
            }
        }
    }
    void other(const Sight& sight) override {
        const auto* event = std::get_if<trace::EventRecord>(&sight.record.body);
        if (event == nullptr || event->kind != trace::EventRecord::Kind::call || sight.after.opened.empty()) {
            return;
        }
        const session::QueueState* state = sight.before.queue(event->queue);
        const Ring* ring = sight.rings->find(event->queue);
        Queue* queue = queues_.of(event->queue);
        if (state == nullptr || state->started || queue == nullptr) {
            return;
        }
        const bool late = ring != nullptr && ring->stopped_time && sight.record.time - *ring->stopped_time < second;
        if (late || allowed(*queue) || std::exchange(queue->told, true)) {
            return;
        }
        report(sight, fmt::format("a call on a queue that is not started{}; later ones are not told",
                                  ring != nullptr && ring->stopped_time
                                      ? fmt::format(", {} after it was stopped",
                                                    duration(sight.record.time - *ring->stopped_time))
                                      : std::string()));
    }

  private:
    struct Queue {
        std::uint64_t allowed{0};  // calls, one for each SET_VRING_CALL
        bool told{false};
    };
    static bool allowed(Queue& queue) noexcept {
        if (queue.allowed == 0) {
            return false;
        }
        --queue.allowed;
        return true;
    }
    ByQueue<Queue> queues_;
};

// VU092. Chains are offered in the order of their records. Once something was lost it is not known which of the offers
// of a head a completion belongs to.
class InOrderUse final : public Rule {
  public:
    void chain(const ChainSight& sight) override {
        const std::uint64_t offered = sight.known.context.available_sequence;
        if (!sight.used() || offered == 0 || !sight.ring.complete ||
            !sight.before.has_feature(protocol::feature::IN_ORDER)) {
            return;
        }
        std::uint64_t* last = last_.of(sight.chain.queue);
        if (last == nullptr) {
            return;
        }
        if (offered < *last) {
            report(sight, fmt::format("{}, available in record {}, is used after that of record {}", head_of(sight),
                                      offered, *last));
        }
        *last = std::max(*last, offered);
    }

  private:
    ByQueue<std::uint64_t> last_;  // offer of the latest chain used
};

// VU093. With IN_ORDER each chain of a batch stands where it would be.
class PackedUse final : public Rule {
  public:
    void chain(const ChainSight& sight) override {
        const Ring& ring = sight.ring;
        if (sight.used() && ring.packed && ring.complete && ring.next_used && *ring.next_used != sight.entry.index) {
            report(sight, fmt::format("{}: the device was at {}", head_of(sight), position_of(*ring.next_used)));
        }
    }
};

// VU094. What the answer to GET_VRING_BASE says was taken, and was never completed. A tap may take its last look, or
// say that it could not, a good while after the answer.
class LeftBehind final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        const bool looks_later = watched_notifications(sight.after) == Watched::some;
        if (sight.answers(FrontEndRequest::GET_VRING_BASE)) {
            judge_answer(sight);
        } else if (!looks_later && sight.on_main() && sight.what.asks && sight.what.queue) {
            tell(static_cast<std::uint16_t>(*sight.what.queue));
        }
    }
    void other(const Sight& sight) override {
        const auto* gap = std::get_if<trace::GapRecord>(&sight.record.body);
        if (gap == nullptr || is_unseen_offer(*gap)) {
            return;
        }
        for (auto& [queue, left] : left_.all()) {
            if (gap->queue == trace::no_queue || gap->queue == queue) {
                left.chains.clear();
            }
        }
    }
    // Completions may be recorded after the answer.
    void chain(const ChainSight& sight) override {
        Left* left = sight.used() ? left_.find(sight.chain.queue) : nullptr;
        if (left != nullptr) {
            std::erase_if(left->chains,
                          [&](const Offer& one) { return one.sequence == sight.known.context.available_sequence; });
        }
    }
    void end(const EndSight& /*sight*/) override {
        for (const auto& [queue, left] : left_.all()) {
            tell(queue);
        }
    }

  private:
    struct Left {
        std::uint64_t sequence{0};
        std::int64_t time{0};
        std::uint16_t base{0};
        std::vector<Offer> chains;
    };

    void judge_answer(const MessageSight& sight) {
        const auto state = protocol::parse_vring_state(sight.payload);
        const bool may_leave = sight.before.has_protocol_feature(protocol::protocol_feature::GET_VRING_BASE_INFLIGHT) ||
                               sight.before.has_protocol_feature(protocol::protocol_feature::GET_VRING_BASE_SKIP_DRAIN);
        if (!state || may_leave || state->index >= trace::no_queue || !sight.what.exchange.answered) {
            return;
        }
        const auto number = static_cast<std::uint16_t>(state->index);
        const Ring* ring = sight.rings->find(number);
        Left* left = ring != nullptr && ring->complete && ring->started ? left_.of(number) : nullptr;
        if (left == nullptr) {
            return;
        }
        tell(number);
        *left = {sight.record.sequence, sight.record.time, static_cast<std::uint16_t>(state->num), {}};
        for (const auto& [head, offer] : ring->open) {
            // Chains from the base on were not taken: they are served after the next start.
            if (!is_held_by_design(offer, sight.annotation.device, number, sight.before) &&
                ring->ahead(offer.index, left->base) > 0) {
                left->chains.push_back(offer);
            }
        }
    }
    void tell(std::uint16_t queue) {
        Left* left = left_.find(queue);
        if (left == nullptr || left->chains.empty()) {
            return;
        }
        const auto oldest = std::min_element(left->chains.begin(), left->chains.end(),
                                             [](const Offer& a, const Offer& b) { return a.sequence < b.sequence; });
        Finding made = finding(left->sequence, left->time,
                               fmt::format("the queue stops at base {} with {} taken and not completed, the "
                                           "oldest of record {}",
                                           left->base, count_text(left->chains.size(), "chain"), oldest->sequence));
        made.queue = queue;
        left->chains.clear();
        report(std::move(made));
    }

    ByQueue<Left> left_;
};

constexpr std::array rows{
    RuleRow{
        {"VU090", Severity::warning, Violator::back_end, "The device calls when the driver asks for it.",
         "virtio, Split Virtqueues: Used Buffer Notification Suppression",
         "A driver that sleeps until it is called sleeps on. Reported where the call was due by flags or event "
         "index, none was seen since the chains were offered, and nothing happened on the queue for 1 s. Not in `tap`, "
         "which sees several calls as one and with KVM's irqfd none. Still missing at the end: STALL004.",
         ""},
        make_notification_due<NotificationDebts::Kind::call>,
        wants_messages | wants_chains | wants_chain_records | wants_others},
    RuleRow{
        {"VU091", Severity::error, Violator::back_end, "No call on a ring that is not started.", ring_states_section,
         "libvhost-user and others call once when they get SET_VRING_CALL, which is not reported. What comes "
         "within 1 s after a stop may only have been recorded late. A call without a descriptor leaves no trace. "
         "Told once for each queue.",
         ""},
        make_rule<EarlyCall>,
        wants_messages | wants_others},
    RuleRow{{"VU092", Severity::error, Violator::back_end, "With IN_ORDER chains are used as they were offered.",
             "virtio, Split Virtqueues: In-order use of descriptors",
             "The driver frees buffers by counting. Batches, of which only the last is in the used ring, are taken "
             "apart by capture. Silent for a queue from its first loss to its next start.",
             ""},
            make_rule<InOrderUse>,
            wants_chains},
    RuleRow{{"VU093", Severity::error, Violator::back_end,
             "In a packed ring, used descriptors carry the device's wrap counter, and their flags are written last.",
             "virtio, Packed Virtqueues: The Virtqueue Descriptor Ring",
             "Each stands behind the descriptors of the chain that was used before, or the driver never finds it. A "
             "trace has no second look at a descriptor: in what order it was written is not seen. Length counts only "
             "with the WRITE flag there.",
             ""},
            make_rule<PackedUse>,
            wants_chains},
    RuleRow{{"VU094", Severity::warning, Violator::back_end, "What was taken is completed before the queue stops.",
             ring_states_section,
             "The base that the back-end answers says what it took. Chains before it that were never used are lost: "
             "the guest waits for them. Not for chains that devices keep until they have something to say (as in "
             "STALL003), nor where features allow requests to be left in flight.",
             ""},
            make_rule<LeftBehind>,
            wants_messages | wants_chains | wants_others},
    RuleRow{{"VU095", Severity::error, Violator::back_end,
             "A request that is served again after a reconnect is completed once.", "vhost-user, Inflight I/O tracking",
             "The in-flight area says which requests were not completed.",
             "Rules see one connection, and a request's two completions are in two. A second completion in one "
             "connection is VU084."}},
};

}  // namespace

RuleRows device_completion_rules() noexcept {
    return rows;
}

}  // namespace vutrace::check
