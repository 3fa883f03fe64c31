// E. Driver on rings: what it puts into the available ring.
#include "ring_evidence.h"

#include <vutrace/base/count_text.h>

#include <fmt/format.h>

namespace vutrace::check {
namespace {

using virtio::ChainProblem;

// VU069. Entries show where the index is; the fields of a record show how far it is ahead of the used index, which was
// read after it.
class AvailableIndex final : public Rule {
  public:
    void chain(const ChainSight& sight) override {
        if (sight.used() || !sight.ring.next_available || !sight.ring.complete || sight.ring.packed) {
            return;
        }
        const int step = sight.ring.ahead(*sight.ring.next_available, sight.entry.index);
        if (step < 0) {
            report(sight, fmt::format("the available index goes back: entry {} follows entry {}", sight.entry.index,
                                      static_cast<std::uint16_t>(*sight.ring.next_available - 1)));
        } else if (step > 0 && sight.ring.last_offer_sequence < sight.ring.start_sequence) {
            report_base(sight);
        } else if (step > 0) {
            report(sight, fmt::format("the available index jumps from {} to {}, over {} never written",
                                      *sight.ring.next_available, sight.entry.index,
                                      count_text(static_cast<std::uint64_t>(step), "entry")));
        }
    }
    void chain_record(const Sight& sight, const trace::ChainRecord& chain) override {
        const Ring* ring = sight.rings->find(chain.queue);
        if (ring == nullptr || ring->size == 0 || ring->packed || !RingWatch::fields_belong(*ring, chain.fields)) {
            return;
        }
        const int in_flight = ring->ahead(chain.fields.used_index, chain.fields.available_index);
        if (in_flight > static_cast<int>(ring->size)) {
            report(sight, fmt::format("available index {} is {} ahead of used index {}, the queue has {}",
                                      chain.fields.available_index, in_flight, chain.fields.used_index,
                                      count_text(ring->size, "entry")));
        }
        const bool back = ring->fields &&
                          ring->ahead(ring->fields->available_index, chain.fields.available_index) < 0 &&
                          ring->complete;
        if (back) {
            report(sight, fmt::format("the available index goes back from {} to {}", ring->fields->available_index,
                                      chain.fields.available_index));
        }
    }
    // Capture cannot tell a driver that jumps from one that is faster than capture: but a device that never completes
    // any of what was missed has not seen it either.
    void other(const Sight& sight) override {
        const auto* gap = std::get_if<trace::GapRecord>(&sight.record.body);
        if (gap != nullptr && gap->records != 0) {
            jumps_.all().erase(gap->queue);  // completions were missed as well
        }
        const Ring* ring = gap == nullptr ? nullptr : sight.rings->find(gap->queue);
        if (ring == nullptr || ring->size == 0 || gap->chains <= ring->size || !ring->complete ||
            !gap->reason.starts_with("the available index ran ahead")) {
            return;
        }
        if (Jump* jump = jumps_.of(gap->queue)) {
            *jump = {sight.record.sequence, sight.record.time, gap->chains, ring->last_entry_time};
        }
    }
    void end(const EndSight& sight) override {
        for (const auto& [queue, jump] : jumps_.all()) {
            const Ring* ring = sight.rings->find(queue);
            if (ring == nullptr || ring->last_entry_time != jump.last_entry_time || sight.time - jump.time < second) {
                continue;
            }
            Finding made =
                finding(jump.sequence, jump.time,
                        fmt::format("the available index moved by {}, the queue has {}, and nothing was completed in "
                                    "the {} after it",
                                    jump.chains, count_text(ring->size, "entry"), duration(sight.time - jump.time)));
            made.queue = queue;
            made.severity = Severity::warning;
            report(std::move(made));
        }
        jumps_ = {};
    }

  private:
    struct Jump {
        std::uint64_t sequence{0};
        std::int64_t time{0};
        std::uint64_t chains{0};
        std::int64_t last_entry_time{0};
    };
    // Nobody jumped: the ring was somewhere else already when it was started.
    void report_base(const ChainSight& sight) const {
        Finding made = finding(sight, fmt::format("the queue was started at base {}, its driver goes on with entry {}",
                                                  *sight.ring.next_available, sight.entry.index));
        made.violator = Violator::front_end;
        made.severity = Severity::warning;
        report(std::move(made));
    }

    ByQueue<Jump> jumps_;
};

// VU070.
class AvailableHead final : public Rule {
  public:
    void chain(const ChainSight& sight) override {
        if (sight.used() || sight.ring.packed) {
            return;
        }
        const std::uint32_t size = sight.ring.size;
        const bool beyond = sight.entry.problem == static_cast<std::uint16_t>(ChainProblem::head_out_of_range) ||
                            (size != 0 && sight.entry.head >= size);
        if (beyond) {
            report(sight, fmt::format("{} names no descriptor, the queue has {}", head_of(sight), size));
            return;
        }
        const auto offer = sight.ring.open.find(sight.entry.head);
        if (offer == sight.ring.open.end()) {
            return;
        }
        Finding made = finding(sight, fmt::format("{} is in flight since record {} (available index {})",
                                                  head_of(sight), offer->second.sequence, offer->second.index));
        if (!sight.ring.complete) {
            made.severity = Severity::info;
            made.text += ", unless its completion is among what was lost";
        }
        report(std::move(made));
    }
};

constexpr std::array rows{
    RuleRow{
        {"VU069", Severity::error, Violator::driver,
         "The available index never goes back, and never moves by more than the queue has room for.",
         available_ring_section,
         "At most as many chains are in flight as the queue has entries. libvhost-user and others stop the queue "
         "for good when the step is too large, SPDK silently. Where capture fell behind, steps are gaps and not "
         "reported; a step that is too large and after which nothing is completed any more is a warning. So is a first "
         "entry ahead of SET_VRING_BASE, of the front-end: virtio-user of DPDK tells each new back-end 0.",
         ""},
        make_rule<AvailableIndex>,
        wants_chains | wants_chain_records | wants_others},
    RuleRow{{"VU070", Severity::error, Violator::driver,
             "A head is below the queue size and not offered again while it is in flight.", available_ring_section,
             "A head that is offered twice makes the device use the same buffers twice, and one of the completions "
             "belongs to nobody. Back-ends seldom notice. A note only where completions were lost.",
             ""},
            make_rule<AvailableHead>,
            wants_chains},
};

}  // namespace

RuleRows driver_offer_rules() noexcept {
    return rows;
}

}  // namespace vutrace::check
