// D. Rings: how they stop, and where they go on.
#include "evidence.h"
#include "ring_evidence.h"
#include "rule.h"

#include <vutrace/base/count_text.h>
#include <vutrace/protocol/features.h>

#include <fmt/format.h>

#include <map>
#include <utility>
#include <vector>

namespace vutrace::check {
namespace {

using protocol::FrontEndRequest;

// VU054
class UnknownRingStopped final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        const bool asks =
            sight.asks(FrontEndRequest::GET_VRING_BASE) || sight.asks(FrontEndRequest::GET_VRING_BASE_SKIP_DRAIN);
        if (!asks || !sight.what.queue || !seen_.all(sight.after)) {
            return;
        }
        const session::QueueState* queue = sight.before.queue(*sight.what.queue);
        if (queue == nullptr || (!queue->size && !queue->addresses && !queue->started)) {
            report(sight,
                   fmt::format("{} names queue {}, which was never set up", sight.what.request, *sight.what.queue));
        }
    }
    void other(const Sight& sight) override { seen_.other(sight); }

  private:
    MessagesSeen seen_;
};

// VU055. Used entries and calls, late enough that they cannot be from before the answer.
class BusyAfterStop final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        if (resets_device(sight)) {
            stopped_.clear();
        }
        if (!sight.what.queue) {
            return;
        }
        if (answers_vring_base(sight)) {
            if (Stop* stop = slot_of(stopped_, *sight.what.queue)) {
                *stop = {sight.record.sequence, sight.record.time};
            }
            return;
        }
        const bool in_band = sight.message.channel == Channel::back_end && sight.what.asks && sight.header.request == 4;
        if (in_band) {
            judge(sight, *sight.what.queue, channel_delay, "a call in band");
        } else if (started_queue(sight) || sight.asks(FrontEndRequest::SET_VRING_CALL)) {
            stopped_.erase(*sight.what.queue);  // with a new eventfd some back-ends call once
        }
    }
    void other(const Sight& sight) override {
        const auto* event = std::get_if<trace::EventRecord>(&sight.record.body);
        if (event != nullptr && event->kind == trace::EventRecord::Kind::call) {
            judge(sight, event->queue, look_delay, "a call");
        }
    }
    void chain(const ChainSight& sight) override {
        const auto stop = stopped_.find(sight.chain.queue);
        if (sight.used() && stop != stopped_.end() && explain::elapsed(stop->second.time, sight.time()) > look_delay) {
            report(sight, fmt::format("head {} of queue {} is used, GET_VRING_BASE was answered in record {}",
                                      sight.entry.head, sight.chain.queue, stop->second.sequence));
            stopped_.erase(stop);  // once for each stop
        }
    }

  private:
    struct Stop {
        std::uint64_t sequence{0};
        std::int64_t time{0};
    };

    void judge(const Sight& sight, std::uint32_t queue, std::int64_t delay, const char* what) {
        const auto stop = stopped_.find(queue);
        if (stop == stopped_.end() || explain::elapsed(stop->second.time, sight.record.time) <= delay) {
            return;
        }
        Finding made = finding(sight, fmt::format("{} on queue {}, whose GET_VRING_BASE was answered in record {}",
                                                  what, queue, stop->second.sequence));
        made.violator = Violator::back_end;
        report(std::move(made));
        stopped_.erase(stop);
    }

    std::map<std::uint32_t, Stop> stopped_;  // bounded: most_queues
};

// VU056. The used index as the trace has it may lag behind the ring's, never lead it.
class StoppedBase final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        if (resets_device(sight)) {
            for (const auto& [queue, progress] : progress_) {
                settle(queue, looks_later(sight));
            }
            progress_.clear();
        } else if (const auto queue = started_queue(sight)) {
            settle(*queue, looks_later(sight));
            progress_.erase(*queue);
        } else if (answers_vring_base(sight) && sight.whole) {
            check_answer(sight);
        }
    }
    void chain_record(const Sight& sight, const trace::ChainRecord& chain) override {
        Progress* progress = slot_of(progress_, chain.queue);
        const session::QueueState* queue = sight.before.queue(chain.queue);
        if (progress == nullptr || queue == nullptr) {
            return;
        }
        for (const trace::ChainEntry& entry : chain.entries) {
            // The last entries of the run before may be recorded after this one began.
            const bool of_this_run = progress->used || is_near(entry.index, *queue);
            if (entry.state == trace::ChainEntry::State::used && of_this_run) {
                advance(*progress, static_cast<std::uint16_t>(entry.index + 1));
            }
        }
    }
    void other(const Sight& sight) override {
        const auto* gap = std::get_if<trace::GapRecord>(&sight.record.body);
        if (gap == nullptr || is_unseen_offer(*gap)) {
            return;
        }
        for (auto& [queue, progress] : progress_) {
            progress.lost = progress.lost || gap->queue == trace::no_queue || gap->queue == queue;
        }
        std::erase_if(waiting_, [&](const Finding& one) {
            return gap->queue == trace::no_queue || gap->queue == one.queue.value_or(gap->queue);
        });
    }
    void end(const EndSight& sight) override {
        for (const auto& [queue, progress] : progress_) {
            if (sight.closed || progress.beyond) {
                settle(queue, false);
            }
        }
        for (Finding& one : waiting_) {
            report(std::move(one));
        }
    }

  private:
    struct Progress {
        std::optional<std::uint16_t> used;  // index behind the last used entry
        bool lost{false};
        std::optional<Finding> doubtful;  // until entries recorded late have shown up, or what was lost
        std::uint16_t base{0};
        bool beyond{false};  // the base is none that a ring with this used index can have
    };

    static bool is_near(std::uint16_t index, const session::QueueState& queue) noexcept {
        const auto ahead = static_cast<std::uint16_t>(index - queue.base);
        const std::uint32_t size = queue.size.value_or(virtio::max_queue_size);
        return ahead < size || ahead >= 0x10000 - size;
    }
    static void advance(Progress& progress, std::uint16_t index) noexcept {
        const bool later = !progress.used || static_cast<std::uint16_t>(index - *progress.used) < 0x8000;
        progress.used = later ? index : *progress.used;
    }

    void check_answer(const MessageSight& sight) {
        const auto state = vring_state(sight);
        const auto& request = sight.what.exchange.answered;
        if (!state || !request) {
            return;
        }
        if (request->payload.size() >= 4 && load<std::uint32_t>(request->payload) != state->index) {
            report(sight, fmt::format("{} of queue {} is answered with queue {}", sight.what.request,
                                      load<std::uint32_t>(request->payload), state->index));
            return;
        }
        const session::QueueState* queue = sight.before.queue(state->index);
        if (queue == nullptr || !queue->started || !queue->size) {
            return;
        }
        if (sight.before.has_feature(protocol::feature::RING_PACKED)) {
            check_packed(sight, *state, *queue->size);
        } else {
            check_split(sight, *state, *queue->size, request->sequence);
        }
    }

    void check_packed(const MessageSight& sight, const protocol::VringState& state, std::uint32_t size) const {
        const std::uint32_t available = state.num & 0x7fffU;
        const std::uint32_t used = (state.num >> 16U) & 0x7fffU;
        if (available >= size || used >= size) {
            report(sight, fmt::format("queue {} stops at 0x{:x}: positions {} and {} of a packed ring of {}",
                                      state.index, state.num, available, used, size));
        }
    }

    void check_split(const MessageSight& sight, const protocol::VringState& state, std::uint32_t size,
                     std::uint64_t asked) {
        if ((state.num >> 16U) != 0) {
            report(sight, fmt::format("queue {} stops at base 0x{:x}: bits 16 to 31 must be 0 for a split ring",
                                      state.index, state.num));
        }
        const auto known = progress_.find(state.index);
        if (known == progress_.end() || !known->second.used) {
            return;
        }
        Progress& progress = known->second;
        const auto base = static_cast<std::uint16_t>(state.num);
        const auto in_flight = static_cast<std::uint16_t>(base - *progress.used);
        if (in_flight > size) {
            const auto behind = static_cast<std::uint16_t>(*progress.used - base);
            progress.beyond = true;
            progress.doubtful = finding(
                sight, fmt::format("queue {} stops at base {}, but its used index is {}: {}", state.index, base,
                                   *progress.used,
                                   behind < in_flight
                                       ? fmt::format("the next start would do {} again", count_text(behind, "request"))
                                       : fmt::format("{} would be in flight in a ring of {}",
                                                     count_text(in_flight, "request"), size)));
        } else if (in_flight != 0 && must_drain(sight)) {
            progress.base = base;
            progress.doubtful =
                finding(sight, fmt::format("queue {} stops at base {} with used index {}: {} taken and not "
                                           "answered, which GET_VRING_BASE of record {} asks to finish",
                                           state.index, base, *progress.used, count_text(in_flight, "request"), asked));
            progress.doubtful->severity = Severity::warning;
        }
    }

    static bool must_drain(const MessageSight& sight) {
        using namespace protocol::protocol_feature;
        return sight.answers(FrontEndRequest::GET_VRING_BASE) && !sight.before.has_protocol_feature(INFLIGHT_SHMFD) &&
               !sight.before.has_protocol_feature(GET_VRING_BASE_INFLIGHT);
    }

    // A tap may take its last look, or say that it could not, a good while after the answer.
    static bool looks_later(const Sight& sight) noexcept { return watched_notifications(sight.after) == Watched::some; }

    // No entry for what was taken came late, and nothing was lost: the used index is known as far as it went.
    void settle(std::uint32_t queue, bool wait) {
        const auto found = progress_.find(queue);
        if (found == progress_.end() || !found->second.doubtful) {
            return;
        }
        Progress& progress = found->second;
        if (!progress.lost && progress.used && (progress.beyond || *progress.used != progress.base)) {
            if (!wait) {
                report(*progress.doubtful);
            } else if (waiting_.size() < RingWatch::most_queues) {
                waiting_.push_back(std::move(*progress.doubtful));
            }
        }
        progress.doubtful.reset();
    }

    std::map<std::uint32_t, Progress> progress_;  // bounded: most_queues
    std::vector<Finding> waiting_;                // of queues that were started again
};

// VU057
class RestartedBase final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        const auto state = vring_state(sight);
        if (resets_device(sight)) {
            answered_.clear();
        } else if (state && answers_vring_base(sight)) {
            if (Answer* answer = slot_of(answered_, state->index)) {
                *answer = {sight.record.sequence, state->num};
            }
        } else if (state && sight.asks(FrontEndRequest::SET_VRING_BASE)) {
            check(sight, *state);
        }
    }

  private:
    struct Answer {
        std::uint64_t sequence{0};
        std::uint32_t base{0};
    };

    // A reset of the guest's device is not told: the ring begins anew, a packed one with its wrap counters set.
    static bool is_fresh(std::uint32_t base, bool packed) noexcept {
        return base == 0 || (packed && (base == 0x8000 || base == 0x80008000));
    }

    void check(const MessageSight& sight, const protocol::VringState& state) {
        const auto found = answered_.find(state.index);
        if (found == answered_.end()) {
            return;
        }
        const Answer answer = found->second;
        answered_.erase(found);
        const bool packed = sight.before.has_feature(protocol::feature::RING_PACKED);
        const std::uint32_t relevant = packed && (answer.base >> 16U) == 0 ? 0xffffU : 0xffffffffU;
        if (!is_fresh(state.num, packed) && (state.num & relevant) != (answer.base & relevant)) {
            report(sight, fmt::format("queue {} goes on at base {}, it stopped at {} in record {}", state.index,
                                      state.num, answer.base, answer.sequence));
        }
    }

    std::map<std::uint32_t, Answer> answered_;  // bounded: most_queues
};

constexpr const char* state_section = "vhost-user, Ring states";
constexpr const char* base_section = "vhost-user, Front-end message types: VHOST_USER_GET_VRING_BASE";

constexpr std::array rows{
    RuleRow{
        {"VU054", Severity::warning, Violator::front_end, "GET_VRING_BASE names a ring that was set up.", base_section,
         "There is no position to give. A ring that was set up and never started may be asked: some front-ends do it "
         "at a reset.",
         ""},
        make_rule<UnknownRingStopped>,
        wants_messages | wants_others},
    RuleRow{{"VU055", Severity::error, Violator::back_end,
             "After it answered GET_VRING_BASE the back-end neither touches the ring nor calls.", state_section,
             "The front-end takes the memory away or sends it to another host: what is written then is lost or does "
             "damage. Shown by used entries and calls recorded more than a second after the answer, because rings are "
             "looked at beside the messages. What is written to other guest memory is not seen. A call after a new "
             "SET_VRING_CALL is not counted.",
             ""},
            make_rule<BusyAfterStop>,
            wants_messages | wants_chains | wants_others},
    RuleRow{
        {"VU056", Severity::error, Violator::back_end,
         "GET_VRING_BASE is answered with the position up to which requests were taken.", base_section,
         "The ring goes on there. Of a split ring it is at or behind the used index, by as many as are in flight, "
         "and bits 16 to 31 are 0. 0 from a ring that moved makes the next start do everything again. Where nothing "
         "allows requests in flight (an in-flight area) all must be finished first; that is a warning, because the "
         "trace may have missed the last of them. Silent for a queue of which something was lost since its start. "
         "Needs "
         "the ring in the trace (`--datapath off` has none).",
         ""},
        make_rule<StoppedBase>,
        wants_messages | wants_chain_records | wants_others},
    RuleRow{{"VU057", Severity::warning, Violator::front_end,
             "A ring that is started again gets the base that it stopped at, or 0 after a reset.", base_section,
             "Any other position leaves requests out or does some twice. QEMU takes the used index where the answer "
             "failed. What comes from another host by migration is not known here and not judged.",
             ""},
            make_rule<RestartedBase>,
            wants_messages},
};

}  // namespace

RuleRows vring_stop_rules() noexcept {
    return rows;
}

}  // namespace vutrace::check
