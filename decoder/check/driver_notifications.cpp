// E. Driver on rings: packed offers, flags, event index and kicks.
#include "notification_due.h"

#include <vutrace/protocol/features.h>
#include <vutrace/protocol/payloads.h>
#include <vutrace/virtio/descriptor_flags.h>

#include <fmt/format.h>

#include <utility>

namespace vutrace::check {
namespace {

using protocol::FrontEndRequest;

// VU080. Positions are where the driver's go on: another one has another round's wrap counter, or leaves descriptors
// out.
class PackedOffers final : public Rule {
  public:
    void chain(const ChainSight& sight) override {
        if (sight.used() || !sight.ring.packed) {
            return;
        }
        const auto at = virtio::PackedPosition::parse(sight.entry.index);
        const auto problem = static_cast<virtio::ChainProblem>(sight.entry.problem);
        if (problem == virtio::ChainProblem::element_not_available && is_certain(sight)) {
            report(sight, fmt::format("{}: descriptor {} of its {} is not marked available", head_of(sight),
                                      sight.entry.descriptors.size(), sight.entry.descriptors.size()));
        } else if (!sight.entry.descriptors.empty() &&
                   !virtio::is_available(sight.entry.descriptors.front().flags, at.wrap)) {
            report(sight,
                   fmt::format("{}: flags {} are not those of a descriptor that is available there", head_of(sight),
                               virtio::descriptor_flags_text(sight.entry.descriptors.front().flags,
                                                             virtio::DescriptorPlace::packed_ring)));
        }
        if (sight.ring.complete && sight.ring.next_available && *sight.ring.next_available != sight.entry.index) {
            report(sight,
                   fmt::format("{}: the driver was at {}", head_of(sight), position_of(*sight.ring.next_available)));
        }
        judge_id(sight);
    }

  private:
    void judge_id(const ChainSight& sight) {
        const auto offer = sight.ring.open.find(sight.entry.head);
        if (offer != sight.ring.open.end() && sight.ring.complete) {
            report(sight, fmt::format("{}: its buffer id is in flight since record {} ({})", head_of(sight),
                                      offer->second.sequence, position_of(offer->second.index)));
        }
    }
};

// VU081. An event index that is not negotiated is no field of the ring: what changes there was written by mistake.
class AvailableFlags final : public Rule {
  public:
    void chain_record(const Sight& sight, const trace::ChainRecord& chain) override {
        const Ring* ring = sight.rings->find(chain.queue);
        Told* told = ring != nullptr && RingWatch::fields_belong(*ring, chain.fields) ? told_.of(chain.queue) : nullptr;
        if (told == nullptr || !sight.before.features()) {
            return;
        }
        const bool event_index = sight.before.has_feature(protocol::feature::RING_EVENT_IDX);
        const std::uint16_t flags = chain.fields.available_flags;
        if (ring->packed) {
            if (const auto text = wrong_event_area("driver", flags, event_index);
                text && !std::exchange(told->flags, true)) {
                report(sight, *text);
            }
            return;
        }
        if ((flags & ~virtio::available_no_interrupt) != 0 && !std::exchange(told->flags, true)) {
            report(sight, fmt::format("the available ring's flags are 0x{:x}, only bit 0 has a meaning", flags));
        } else if (event_index && flags == virtio::available_no_interrupt && !std::exchange(told->suppressed, true)) {
            Finding made = finding(sight, "the available ring's flags are 1, with EVENT_IDX they stay 0");
            made.severity = Severity::warning;
            report(std::move(made));
        }
        const bool written = !event_index && ring->fields && ring->fields->used_event != chain.fields.used_event;
        if (written && !std::exchange(told->event, true)) {
            report(sight, fmt::format("used_event is written without EVENT_IDX: {} and then {}",
                                      ring->fields->used_event, chain.fields.used_event));
        }
    }

  private:
    struct Told {
        bool flags{false}, suppressed{false}, event{false};
    };
    ByQueue<Told> told_;
};

// VU083. The kick with which QEMU starts a ring is in order.
class EarlyKick final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        if (sight.asks(FrontEndRequest::SET_STATUS)) {
            status_ = protocol::parse_u64(sight.payload).value_or(driver_ok);
        } else if (sight.asks(FrontEndRequest::SET_VRING_KICK) && sight.what.queue) {
            if (Queue* queue = queues_.of(static_cast<std::uint16_t>(*sight.what.queue))) {
                *queue = {};
            }
        }
    }
    void other(const Sight& sight) override {
        const auto* event = std::get_if<trace::EventRecord>(&sight.record.body);
        if (event == nullptr || event->kind != trace::EventRecord::Kind::kick) {
            return;
        }
        const Ring* ring = sight.rings->find(event->queue);
        Queue* queue = ring == nullptr ? nullptr : queues_.of(event->queue);
        if (queue == nullptr) {
            return;
        }
        const bool stopped = !ring->started && ring->stopped_time && sight.record.time - *ring->stopped_time >= second;
        const bool not_ok = sight.before.has_protocol_feature(protocol::protocol_feature::STATUS) && status_ &&
                            (*status_ & driver_ok) == 0;
        if ((!stopped && !not_ok) || queue->kicks++ == 0 || std::exchange(queue->told, true)) {
            return;
        }
        report(sight,
               stopped ? fmt::format("a kick {} after the queue was stopped",
                                     duration(sight.record.time - *ring->stopped_time))
                       : fmt::format("a second kick while the device status is 0x{:x}, without DRIVER_OK", *status_));
    }

  private:
    static constexpr std::uint64_t driver_ok = 4;
    struct Queue {
        std::uint64_t kicks{0};
        bool told{false};
    };
    std::optional<std::uint64_t> status_;
    ByQueue<Queue> queues_;
};

constexpr std::array rows{
    RuleRow{{"VU080", Severity::error, Violator::driver,
             "In a packed ring, fresh descriptors carry the wrap counter, and buffer ids in flight differ.",
             "virtio, Packed Virtqueues: The Virtqueue Descriptor Ring",
             "DPDK looks at the first element of a chain only. Capture finds chains by the wrap counter, so that a "
             "wrong one in the first descriptor is a chain that is never seen; reported is what a recorder that knows "
             "better saw, and every later descriptor. Silent where something was lost.",
             ""},
            make_rule<PackedOffers>,
            wants_chains},
    RuleRow{{"VU081", Severity::error, Violator::driver,
             "The available ring's flags are 0 with EVENT_IDX, otherwise 0 or 1; used_event belongs to EVENT_IDX.",
             available_ring_section,
             "A driver that sets NO_INTERRUPT with EVENT_IDX gives a warning: devices ignore it. used_event without "
             "the feature is seen where a recorder keeps that field: capture's tap and relay do not read it then. "
             "Told once for each queue.",
             ""},
            make_rule<AvailableFlags>,
            wants_chain_records},
    RuleRow{{"VU082", Severity::warning, Violator::driver, "The driver kicks when the device asks for it.",
             "virtio, Split Virtqueues: Used Buffer Notification Suppression",
             "A device that sleeps until it is kicked sleeps on. Reported where the kick was due by flags or event "
             "index, none was seen, and nothing happened for 1 s. Not reported for polling devices, mapped doorbells, "
             "and in `tap`, which may miss kicks. Still missing at the end: STALL003.",
             ""},
            make_notification_due<NotificationDebts::Kind::kick>,
            wants_messages | wants_chains | wants_chain_records | wants_others},
    RuleRow{{"VU083", Severity::warning, Violator::driver,
             "No kick on a ring that is stopped, or before the driver said DRIVER_OK.", ring_states_section,
             "QEMU kicks once when a ring starts, which is in order. What comes within 1 s after a stop may only have "
             "been recorded late. Told once for each start.",
             ""},
            make_rule<EarlyKick>,
            wants_messages | wants_others},
};

}  // namespace

RuleRows driver_notification_rules() noexcept {
    return rows;
}

}  // namespace vutrace::check
