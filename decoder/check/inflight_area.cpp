// G. The in-flight area.
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

using session::DeviceState;

// VU101. Each fault of a queue once: the area is recorded again and again.
class AreaContents final : public Rule {
  public:
    void other(const Sight& sight) override {
        const auto& area = sight.annotation.area.inflight;
        const DeviceState& device = sight.after.device;
        if (!area || !device.inflight_area()) {
            return;
        }
        for (const virtio::InflightQueue& queue : area->queues) {
            check(sight, queue, device);
        }
    }

  private:
    enum class Fault : std::uint8_t { version, size, counters };

    void check(const Sight& sight, const virtio::InflightQueue& queue, const DeviceState& device) {
        if (queue.version > 1 || (queue.version == 0 && !queue.in_flight.empty())) {
            fault(sight, queue, Fault::version,
                  fmt::format("the in-flight area of queue {} has version {} and {} heads in flight", queue.queue,
                              queue.version, queue.in_flight.size()));
            return;  // nothing else in it means anything
        }
        const session::QueueState* state = device.queue(queue.queue);
        const std::uint16_t promised = device.inflight_area()->queue_size;
        const bool used = state != nullptr && state->started && state->size;
        if (queue.version == 1 && used && queue.descriptors != *state->size && queue.descriptors != promised) {
            fault(sight, queue, Fault::size,
                  fmt::format("the in-flight area of queue {} is for {}, the queue has {}", queue.queue,
                              count_text(queue.descriptors, "descriptor"), *state->size));
        }
        if (queue.equal_counters) {
            fault(sight, queue, Fault::counters,
                  fmt::format("two of the {} heads in flight of queue {} have the same counter: their order is lost",
                              queue.in_flight.size(), queue.queue));
        }
    }

    void fault(const Sight& sight, const virtio::InflightQueue& queue, Fault kind, std::string text) {
        if (known_.size() >= most_queues || !known_.emplace(queue.queue, kind).second) {
            return;
        }
        Finding made = finding(sight, std::move(text));
        made.queue = queue.queue;
        report(std::move(made));
    }

    std::set<std::pair<std::uint16_t, Fault>> known_;  // bounded: most_queues
};

// VU102. Of a queue that was stopped in order, at the first look at the area after that.
class AreaMatchesRing final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        if (resets_device(sight)) {
            stopped_.clear();
            seen_.clear();
        } else if (const auto queue = started_queue(sight)) {
            stopped_.erase(*queue);
            seen_.erase(*queue);
        } else if (answers_vring_base(sight)) {
            const auto state = vring_state(sight);
            const session::QueueState* stopped = state ? sight.before.queue(state->index) : nullptr;
            if (stopped != nullptr && stopped->started && seen_.count(state->index) != 0) {
                stopped_[state->index] = {sight.record.sequence, static_cast<std::uint16_t>(state->num)};
            }
        }
    }
    void chain_record(const Sight& /*sight*/, const trace::ChainRecord& chain) override {
        if (seen_.size() < most_queues) {
            seen_.insert(chain.queue);
        }
    }
    void other(const Sight& sight) override {
        if (const auto* gap = std::get_if<trace::GapRecord>(&sight.record.body)) {
            lost_ = lost_ || gap->chains + gap->records != 0;
        }
        const auto& area = sight.annotation.area.inflight;
        if (!area) {
            return;
        }
        for (const virtio::InflightQueue& queue : area->queues) {
            const auto stopped = stopped_.find(queue.queue);
            const auto progress = sight.after.queues.find(queue.queue);
            if (stopped != stopped_.end() && progress != sight.after.queues.end() && !area->packed && !queue.cut &&
                queue.version == 1 && !lost_) {
                compare(sight, queue, progress->second, stopped->second);
            }
        }
        stopped_.clear();
    }

  private:
    struct Stop {
        std::uint64_t sequence{0};
        std::uint16_t base{0};
    };

    void compare(const Sight& sight, const virtio::InflightQueue& queue, const session::QueueProgress& progress,
                 const Stop& stop) const {
        std::set<std::uint16_t> marked;
        for (const virtio::InflightHead& head : queue.in_flight) {
            marked.insert(head.head);
            if (progress.open.find(head.head) == progress.open.end()) {
                mismatch(sight, queue,
                         fmt::format("head {} of queue {} is in flight by the area, and was used by the ring "
                                     "or never offered (stopped in record {})",
                                     head.head, queue.queue, stop.sequence));
                return;
            }
        }
        for (const auto& [head, chain] : progress.open) {
            const auto ahead = static_cast<std::uint16_t>(stop.base - chain.entry.index);
            const bool taken = ahead != 0 && ahead < 0x8000;
            if (taken && marked.find(head) == marked.end()) {
                mismatch(sight, queue,
                         fmt::format("head {} of queue {} was taken (the queue stopped at {} in record {}) "
                                     "and not used, the area does not have it in flight",
                                     head, queue.queue, stop.base, stop.sequence));
                return;
            }
        }
    }

    void mismatch(const Sight& sight, const virtio::InflightQueue& queue, std::string text) const {
        Finding made = finding(sight, std::move(text));
        made.queue = queue.queue;
        report(std::move(made));
    }

    std::map<std::uint32_t, Stop> stopped_;  // those not compared yet; only queues in `seen_`
    std::set<std::uint32_t> seen_;  // queues whose ring is in the trace since they started; bounded: most_queues
    bool lost_{false};
};

constexpr const char* inflight_section = "vhost-user, Inflight I/O tracking";

constexpr std::array rows{
    RuleRow{{"VU101", Severity::error, Violator::back_end,
             "The in-flight area has version 1, the queue's size, and different counters of the heads in flight.",
             inflight_section,
             "The next back-end relies on it. Before a ring's first use the version may be 0. libvhost-user and DPDK "
             "write the size that GET_INFLIGHT_FD asked for, which is accepted.",
             ""},
            make_rule<AreaContents>,
            wants_others},
    RuleRow{
        {"VU102", Severity::error, Violator::back_end,
         "The in-flight area has exactly the heads that were taken and not used.", inflight_section,
         "A head too many is done twice after a crash, one too few never. Compared when a split ring was stopped by "
         "GET_VRING_BASE and all of its chains are in the trace. A running ring changes while the area is read, and "
         "after a crash the last batch may be published and still marked, as intended.",
         ""},
        make_rule<AreaMatchesRing>,
        wants_messages | wants_chain_records | wants_others},
};

}  // namespace

RuleRows inflight_area_rules() noexcept {
    return rows;
}

}  // namespace vutrace::check
