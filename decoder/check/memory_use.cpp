// C. Memory regions that are taken away while something uses them. VU042, VU043.
#include "memory_regions.h"
#include "negotiation.h"

#include <vutrace/base/count_text.h>
#include <vutrace/virtio/split_ring.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace vutrace::check {
namespace {

namespace pf = protocol::protocol_feature;

struct RingPart {
    const char* name;
    std::uint64_t address;  // as SET_VRING_ADDR gave it
    std::uint64_t bytes;    // at least 1
};

// Empty where the addresses were not given.
std::vector<RingPart> ring_parts(const session::QueueState& queue, bool packed) {
    if (!queue.addresses) {
        return {};
    }
    constexpr std::uint64_t event_suppression = 4;
    const virtio::SplitRingLayout layout{queue.size.value_or(1), 0, 0, 0};
    const protocol::VringAddress& at = *queue.addresses;
    return {{"descriptor ring", at.descriptor, std::max<std::uint64_t>(layout.descriptor_bytes(), 1)},
            {packed ? "driver event area" : "available ring", at.available,
             packed ? event_suppression : layout.available_bytes()},
            {packed ? "device event area" : "used ring", at.used, packed ? event_suppression : layout.used_bytes()}};
}

bool meet(std::uint64_t a, std::uint64_t a_bytes, std::uint64_t b, std::uint64_t b_bytes) noexcept {
    return a < b ? b - a < a_bytes : a - b < b_bytes;
}

// Ring addresses are guest addresses or user addresses of the front-end; with ACCESS_PLATFORM and on Xen neither.
bool rings_in_regions(const session::DeviceState& state) noexcept {
    return !state.has_feature(protocol::feature::ACCESS_PLATFORM) && !state.has_protocol_feature(pf::XEN_MMAP);
}

// VU042.
class RegionInUse final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        if (!rings_in_regions(sight.before)) {
            return;
        }
        if (const auto region = removed_region(sight); region && find_region(sight.before, *region) != nullptr) {
            find_rings(sight, *region);
            find_chains(sight, [&](const trace::ChainDescriptor& descriptor) {
                return meet(descriptor.address, descriptor.length, region->guest_address, region->size);
            });
        } else if (hands_over_table(sight) && sight.after.device.epoch() != sight.before.epoch()) {
            const auto before = sight.before.region_table();
            const auto after = sight.after.device.region_table();
            find_chains(sight, [&](const trace::ChainDescriptor& descriptor) {
                return before.find_guest(descriptor.address, 1) != nullptr &&
                       after.find_guest(descriptor.address, 1) == nullptr;
            });
        }
    }

  private:
    // A hostile trace may have millions of them open, and as many removals.
    static constexpr std::size_t most_descriptors_looked_at = 4096;

    void find_rings(const MessageSight& sight, const protocol::MemoryRegion& region) const {
        const bool packed = sight.before.has_feature(protocol::feature::RING_PACKED);
        const std::uint64_t base =
            sight.before.has_protocol_feature(pf::GPA_ADDRESSES) ? region.guest_address : region.user_address;
        for (const auto& [number, queue] : sight.before.queues()) {
            const auto parts = queue.started ? ring_parts(queue, packed) : std::vector<RingPart>();
            const auto found = std::find_if(parts.begin(), parts.end(), [&](const RingPart& part) {
                return meet(part.address, part.bytes, base, region.size);
            });
            if (found != parts.end()) {
                Finding made = finding(sight, fmt::format("REM_MEM_REG takes away guest address 0x{:x} (0x{:x} bytes), "
                                                          "which holds the {} of queue {}, which is started",
                                                          region.guest_address, region.size, found->name, number));
                made.queue = number;
                report(std::move(made));
            }
        }
    }
    // Only what has been open for so long that its completion cannot just be on its way into the trace.
    template <class Uses>
    void find_chains(const MessageSight& sight, Uses uses) const {
        std::size_t looked_at = 0;
        for (const auto& [number, progress] : sight.after.queues) {
            if (progress.chains_lost != 0) {
                continue;
            }
            for (const auto& [head, chain] : progress.open) {
                const auto& descriptors = chain.entry.descriptors;
                looked_at += descriptors.size();
                if (looked_at > most_descriptors_looked_at) {
                    return;
                }
                const auto found = std::find_if(descriptors.begin(), descriptors.end(), uses);
                if (found != descriptors.end() && explain::elapsed(chain.time, sight.record.time) > look_delay) {
                    report_chain(sight, number, head, chain, *found);
                    break;
                }
            }
        }
    }
    void report_chain(const MessageSight& sight, std::uint16_t queue, std::uint16_t head,
                      const session::OpenChain& chain, const trace::ChainDescriptor& descriptor) const {
        Finding made = finding(sight, fmt::format("{} takes away guest address 0x{:x}, which is in flight: head {} of "
                                                  "queue {}, available since record {}",
                                                  sight.what.request, descriptor.address, head, queue, chain.sequence));
        made.queue = queue;
        made.severity = Severity::warning;
        report(std::move(made));
    }
};

// VU043. A stopped ring will be given addresses anew, as a rule.
class RingsInTable final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        const session::DeviceState& after = sight.after.device;
        if (!hands_over_table(sight) || after.epoch() == sight.before.epoch() || !rings_in_regions(sight.before)) {
            return;
        }
        const auto table = after.region_table();
        const bool packed = after.has_feature(protocol::feature::RING_PACKED);
        const bool guest_addresses = after.has_protocol_feature(pf::GPA_ADDRESSES);
        for (const auto& [number, queue] : after.queues()) {
            const auto parts = ring_parts(queue, packed);
            const auto outside = std::find_if(parts.begin(), parts.end(), [&](const RingPart& part) {
                return (guest_addresses ? table.find_guest(part.address, part.bytes)
                                        : table.find_user(part.address, part.bytes)) == nullptr;
            });
            if (outside != parts.end()) {
                report_outside(sight, number, queue.started, *outside);
            }
        }
    }

  private:
    void report_outside(const MessageSight& sight, std::uint32_t number, bool started, const RingPart& part) const {
        Finding made =
            finding(sight, fmt::format("SET_MEM_TABLE leaves the {} of queue {} outside every region: 0x{:x} "
                                       "({}); the queue is {}",
                                       part.name, number, part.address, count_text(part.bytes, "byte"),
                                       started ? "started" : "stopped"));
        made.queue = number;
        made.severity = started ? made.severity : Severity::info;
        report(std::move(made));
    }
};

constexpr std::array rows{
    RuleRow{{"VU042", Severity::error, Violator::front_end,
             "A region is not removed while a started ring or a request in flight uses it.",
             "vhost-user, Front-end message types: VHOST_USER_REM_MEM_REG",
             "The back-end unmaps it and dies at the next access. A ring in a region that REM_MEM_REG names is an "
             "error; a buffer that has been in flight for a second and more is a warning, also where SET_MEM_TABLE "
             "leaves its region out. Where addresses are IOVAs (ACCESS_PLATFORM) or Xen's, or chains of the queue were "
             "lost, "
             "nothing is said. A ring that SET_MEM_TABLE leaves outside is VU043.",
             ""},
            make_rule<RegionInUse>,
            wants_messages},
    RuleRow{{"VU043", Severity::error, Violator::front_end,
             "After SET_MEM_TABLE all ring addresses are still inside the regions.",
             "vhost-user, Front-end message types: VHOST_USER_SET_MEM_TABLE",
             "The table replaces the one before, also while rings run, and the back-end translates ring addresses "
             "anew: libvhost-user gives up on the first that it cannot. A ring that is stopped is a note, because "
             "it is given addresses anew before it starts.",
             ""},
            make_rule<RingsInTable>,
            wants_messages},
};

}  // namespace

RuleRows memory_use_rules() noexcept {
    return rows;
}

}  // namespace vutrace::check
