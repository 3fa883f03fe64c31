// F. Device on rings: what it puts into the used ring.
#include "ring_evidence.h"

#include <vutrace/base/count_text.h>
#include <vutrace/protocol/features.h>

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace vutrace::check {
namespace {

// The element of one lap ago, which a device that publishes the index first leaves in the slot.
class Laps {
  public:
    struct Element {
        std::uint16_t head{0};
        std::uint32_t length{0};
        bool seen{false};
    };
    // What was in the slot before; then the entry is.
    Element exchange(const ChainSight& sight) {
        const std::uint32_t size = sight.ring.size;
        if (sight.ring.packed || !virtio::is_split_queue_size(size) || !make_room(size)) {
            return {};
        }
        return std::exchange(elements_[sight.entry.index & (size - 1)],
                             Element{sight.entry.head, sight.entry.used_length, true});
    }

  private:
    static constexpr std::uint32_t most = 4096;  // larger queues are real, but seldom, and many would cost too much
    bool make_room(std::uint32_t size) {
        if (size > most) {
            return false;
        }
        if (elements_.size() != size) {
            elements_.assign(size, Element{});
        }
        return true;
    }
    std::vector<Element> elements_;
};

bool is_stale(const ChainSight& sight, const Laps::Element& before) noexcept {
    return before.seen && before.head == sight.entry.head && before.length == sight.entry.used_length;
}

// A used entry of a chain that nobody offered, where nothing was lost that could have been its offer.
bool is_unoffered(const ChainSight& sight) noexcept {
    return sight.used() && sight.ring.complete && !sight.ring.open.contains(sight.entry.head);
}

// VU084 and VU087: which of the two it is, the slot tells.
template <bool stale>
class UnofferedUse final : public Rule {
  public:
    void chain(const ChainSight& sight) override {
        if (!sight.used()) {
            return;
        }
        Laps* laps = laps_.of(sight.chain.queue);
        const Laps::Element before = laps == nullptr ? Laps::Element{} : laps->exchange(sight);
        // An index behind the ring's start belongs to chains of an earlier life.
        const bool earlier = sight.ring.next_used && sight.ring.ahead(*sight.ring.next_used, sight.entry.index) < 0;
        if (!is_unoffered(sight) || earlier || is_stale(sight, before) != stale) {
            return;
        }
        report(sight, stale ? fmt::format("{} is what stood in the slot one lap ago (length {}): the index was "
                                          "published before the element",
                                          head_of(sight), before.length)
                            : fmt::format("{} is used and was not available", head_of(sight)));
    }
    void other(const Sight& sight) override {
        const auto* gap = std::get_if<trace::GapRecord>(&sight.record.body);
        if (stale || gap == nullptr || !is_bad_used_id(*gap)) {
            return;
        }
        const Ring* ring = sight.rings->find(gap->queue);
        report(sight, fmt::format("{} used elements name no descriptor of the queue, which has {}", gap->records,
                                  ring == nullptr ? 0 : ring->size));
    }

  private:
    ByQueue<Laps> laps_;
};

// VU085. What the driver allowed is known where the chain was walked to its end, and in time.
class UsedLength final : public Rule {
  public:
    void chain(const ChainSight& sight) override {
        if (!sight.used() || !sight.known.descriptors_known || sight.entry.used_length <= sight.known.writable_total) {
            return;
        }
        const auto offer = sight.ring.open.find(sight.entry.head);
        if (offer == sight.ring.open.end() || offer->second.problem != 0 || !offer->second.certain) {
            return;
        }
        Finding made =
            finding(sight, fmt::format("{}: {} said to be written, {} writable", head_of(sight),
                                       count_text(sight.entry.used_length, "byte"), sight.known.writable_total));
        if (sight.before.features() && !sight.before.has_feature(protocol::feature::VERSION_1)) {
            made.severity = Severity::info;
        }
        report(std::move(made));
    }
};

// VU086.
class UsedIndex final : public Rule {
  public:
    void chain(const ChainSight& sight) override {
        if (!sight.used() || !sight.ring.next_used || !sight.ring.complete || started_anew(sight)) {
            return;
        }
        if (sight.ring.packed) {
            return;  // VU093
        }
        const int step = sight.ring.ahead(*sight.ring.next_used, sight.entry.index);
        if (step > 0) {
            report(sight, fmt::format("the used index jumps from {} to {}: {} elements were never written",
                                      *sight.ring.next_used, sight.entry.index, step));
        } else if (step < 0) {
            report(sight,
                   fmt::format("the used index goes back from {} to {}", *sight.ring.next_used, sight.entry.index));
        }
    }
    // The used index of one look against the available index of the next.
    void chain_record(const Sight& sight, const trace::ChainRecord& chain) override {
        const Ring* ring = sight.rings->find(chain.queue);
        if (ring == nullptr || ring->packed || !ring->fields || !ring->complete ||
            !RingWatch::fields_belong(*ring, chain.fields) ||
            ring->ahead(ring->fields->available_index, chain.fields.available_index) < 0) {
            return;
        }
        const int beyond = ring->ahead(chain.fields.available_index, ring->fields->used_index);
        if (beyond > 0) {
            report(sight, fmt::format("the used index was {} when the available index had not passed {} yet",
                                      ring->fields->used_index, chain.fields.available_index));
        }
    }

  private:
    // The first completion after a start may be of a chain from before.
    bool started_anew(const ChainSight& sight) {
        std::uint64_t* starts = seen_.of(sight.chain.queue);
        return starts == nullptr || std::exchange(*starts, sight.ring.start_sequence) != sight.ring.start_sequence;
    }
    ByQueue<std::uint64_t> seen_;
};

// VU089.
class UsedFlags final : public Rule {
  public:
    void chain_record(const Sight& sight, const trace::ChainRecord& chain) override {
        const Ring* ring = sight.rings->find(chain.queue);
        Told* told = ring != nullptr && RingWatch::fields_belong(*ring, chain.fields) ? told_.of(chain.queue) : nullptr;
        if (told == nullptr || !sight.before.features()) {
            return;
        }
        const std::uint16_t flags = chain.fields.used_flags;
        if (ring->packed) {
            const auto text =
                wrong_event_area("device", flags, sight.before.has_feature(protocol::feature::RING_EVENT_IDX));
            if (text && !std::exchange(told->flags, true)) {
                report(sight, *text);
            }
            return;
        }
        if ((flags & ~virtio::used_no_notify) != 0 && !std::exchange(told->flags, true)) {
            report(sight, fmt::format("the used ring's flags are 0x{:x}, only bit 0 has a meaning", flags));
        }
        const bool written = !sight.before.has_feature(protocol::feature::RING_EVENT_IDX) && ring->fields &&
                             ring->fields->available_event != chain.fields.available_event;
        if (written && !std::exchange(told->event, true)) {
            report(sight, fmt::format("available_event is written without EVENT_IDX: {} and then {}",
                                      ring->fields->available_event, chain.fields.available_event));
        }
    }

  private:
    struct Told {
        bool flags{false}, event{false};
    };
    ByQueue<Told> told_;
};

constexpr std::array rows{
    RuleRow{{"VU084", Severity::error, Violator::back_end, "What is used was made available and is in flight.",
             used_ring_section,
             "Linux drivers stop the queue when a completion belongs to no request; others free somebody else's "
             "buffers. Silent where offers were lost, and for chains from before the ring was started. Elements that "
             "name no descriptor at all are in no record: capture counts them in a gap, which is reported.",
             ""},
            make_rule<UnofferedUse<false>>,
            wants_chains | wants_others},
    RuleRow{{"VU085", Severity::error, Violator::back_end,
             "The length of a used element is at most what the driver made writable.", used_ring_section,
             "The driver takes that many bytes as written by the device: more than it gave means that memory behind "
             "the buffers is taken for data, or was overwritten. Devices before VERSION_1 report wrong lengths: a "
             "note.",
             ""},
            make_rule<UsedLength>,
            wants_chains},
    RuleRow{{"VU086", Severity::error, Violator::back_end,
             "The used index grows by one for each new element, and never passes the available index.",
             used_ring_section, "Jumps that capture explains by its own losses are gaps, and not reported.", ""},
            make_rule<UsedIndex>,
            wants_chains | wants_chain_records},
    RuleRow{{"VU087", Severity::error, Violator::back_end, "An element is written before the used index passes it.",
             used_ring_section,
             "Seen where the slot still held the element of one lap ago, whose head is not in flight. Capture looks "
             "only now and then, so most such races leave no trace. Queues above 4096 entries are not checked.",
             ""},
            make_rule<UnofferedUse<true>>,
            wants_chains},
    RuleRow{{"VU088", Severity::error, Violator::back_end, "The device writes to writable buffers only.",
             "virtio, Split Virtqueues: The Virtqueue Descriptor Table",
             "A device that writes elsewhere destroys what the driver is about to use.",
             "A readable buffer is copied once, when it is made available: a trace has no second look to compare."}},
    RuleRow{{"VU089", Severity::error, Violator::back_end,
             "The used ring's flags are 0 or 1; available_event is written with EVENT_IDX only.", used_ring_section,
             "Without the feature those two bytes may belong to somebody else. available_event without the feature is "
             "seen where a recorder keeps that field: capture's tap and relay do not read it then. Told once for each "
             "queue.",
             ""},
            make_rule<UsedFlags>,
            wants_chain_records},
};

}  // namespace

RuleRows device_used_rules() noexcept {
    return rows;
}

}  // namespace vutrace::check
