// E. Driver on rings: the chains that it offers.
#include "ring_evidence.h"

#include <vutrace/base/count_text.h>
#include <vutrace/protocol/features.h>
#include <vutrace/virtio/descriptor_flags.h>

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <vector>

namespace vutrace::check {
namespace {

using trace::ChainDescriptor;
using virtio::ChainProblem;

bool has(const ChainDescriptor& descriptor, std::uint16_t flag) noexcept {
    return (descriptor.flags & flag) != 0;
}

std::string last_descriptor(const trace::ChainEntry& entry, bool packed) {
    if (entry.descriptors.empty()) {
        return {};
    }
    const ChainDescriptor& last = entry.descriptors.back();
    virtio::DescriptorPlaces places(packed);
    auto place = virtio::DescriptorPlace::elsewhere;
    for (const ChainDescriptor& descriptor : entry.descriptors) {
        place = places.next(descriptor.flags);
    }
    return fmt::format("; descriptor {} of the walk: address 0x{:x}, length {}, flags {}, {} {}",
                       entry.descriptors.size(), last.address, last.length,
                       virtio::descriptor_flags_text(last.flags, place), packed ? "id" : "next", last.next);
}

// "head 3 (available index 7): next out of range; descriptor 2 of the walk: …"
std::string describe_walk(const ChainSight& sight) {
    return fmt::format("{}: {}{}", head_of(sight), virtio::name_of(static_cast<ChainProblem>(sight.entry.problem)),
                       last_descriptor(sight.entry, sight.ring.packed));
}

// What walking the chain met, where the descriptors were the device's.
template <ChainProblem... problems>
class WalkRule final : public Rule {
  public:
    void chain(const ChainSight& sight) override {
        const auto problem = static_cast<ChainProblem>(sight.entry.problem);
        if (sight.used() || problem == ChainProblem::none || ((problem != problems) && ...) || !is_certain(sight)) {
            return;
        }
        report(sight, describe_walk(sight));
    }
};

// VU071. Tables longer than the queue are what Windows drivers make.
class ChainLength final : public Rule {
  public:
    void chain(const ChainSight& sight) override {
        const auto problem = static_cast<ChainProblem>(sight.entry.problem);
        const bool too_long = problem == ChainProblem::too_long || problem == ChainProblem::indirect_too_long;
        if (!sight.used() && too_long && is_certain(sight)) {
            report(sight, describe_walk(sight));
            return;
        }
        if (sight.used() || !sight.known.indirect || sight.ring.size == 0) {
            return;
        }
        const auto table = std::find_if(sight.entry.descriptors.begin(), sight.entry.descriptors.end(),
                                        [](const auto& one) { return has(one, virtio::descriptor_indirect); });
        const std::uint64_t entries = table->length / virtio::descriptor_size;
        bool* said = entries > sight.ring.size && is_certain(sight) ? said_.of(sight.chain.queue) : nullptr;
        if (said != nullptr && !std::exchange(*said, true)) {
            Finding made = finding(sight, fmt::format("{}: an indirect table of {}, the queue has {}; later "
                                                      "ones of this queue are not told",
                                                      head_of(sight), count_text(entries, "entry"), sight.ring.size));
            made.severity = Severity::info;
            report(std::move(made));
        }
    }

  private:
    ByQueue<bool> said_;
};

// VU075.
class IndirectTable final : public Rule {
  public:
    void chain(const ChainSight& sight) override {
        if (sight.used() || !sight.known.indirect || !is_certain(sight)) {
            return;
        }
        const auto problem = static_cast<ChainProblem>(sight.entry.problem);
        if (problem == ChainProblem::indirect_bad_length || problem == ChainProblem::indirect_unreadable) {
            report(sight, describe_walk(sight));
        }
        const bool allowed =
            !sight.before.features() || sight.before.has_feature(protocol::feature::RING_INDIRECT_DESC);
        bool* said = allowed ? nullptr : said_.of(sight.chain.queue);
        if (said != nullptr && !std::exchange(*said, true)) {
            report(sight, fmt::format("{} goes through an indirect table, RING_INDIRECT_DESC is not negotiated",
                                      head_of(sight)));
        }
    }

  private:
    ByQueue<bool> said_;
};

// VU076. A buffer may go on in a neighbouring region.
class BufferPlace final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        if (sight.before.epoch() != sight.after.device.epoch()) {
            gone_ = sight.before.regions();
            gone_time_ = sight.record.time;
        }
    }
    void chain(const ChainSight& sight) override {
        if (sight.used()) {
            return;
        }
        const auto problem = static_cast<ChainProblem>(sight.entry.problem);
        const bool walk_failed = problem == ChainProblem::address_overflow ||
                                 problem == ChainProblem::length_overflow ||
                                 problem == ChainProblem::descriptor_unreadable;
        if (walk_failed && is_certain(sight)) {
            report(sight, describe_walk(sight));
            return;
        }
        if (sight.before.has_feature(protocol::feature::ACCESS_PLATFORM) || sight.before.regions().empty()) {
            return;
        }
        for (const ChainDescriptor& buffer : sight.known.buffers) {
            if (!is_inside(sight.before.regions(), buffer) && !was_inside(buffer, sight.time()) && is_certain(sight)) {
                report(sight, fmt::format("{}: {} at 0x{:x} ({}), in no memory region", head_of(sight),
                                          count_text(buffer.length, "byte"), buffer.address,
                                          has(buffer, virtio::descriptor_write) ? "writable" : "readable"));
                return;
            }
        }
    }

  private:
    using Regions = std::vector<session::KnownRegion>;

    bool is_inside(const Regions& regions, const ChainDescriptor& buffer) {
        std::uint64_t address = buffer.address;
        std::uint64_t left = buffer.length;
        // Each step leaves a region behind.
        for (std::size_t steps = 0; left != 0 && steps <= regions.size(); ++steps) {
            const virtio::Region* region = holding(regions, address);
            if (region == nullptr) {
                return false;
            }
            const std::uint64_t here = std::min(left, region->size - (address - region->guest_address));
            left -= here;
            if (left != 0 && address > UINT64_MAX - here) {
                return false;
            }
            address += here;
        }
        return left == 0;
    }
    const virtio::Region* holding(const Regions& regions, std::uint64_t address) {
        const auto holds = [address](const session::KnownRegion& known) {
            return address - known.region.guest_address < known.region.size;
        };
        if (last_ < regions.size() && holds(regions[last_])) {
            return &regions[last_].region;
        }
        const auto found = std::find_if(regions.begin(), regions.end(), holds);
        last_ = static_cast<std::size_t>(found - regions.begin());
        return found == regions.end() ? nullptr : &found->region;
    }
    // Records of chains may come after that of the message that took their memory away.
    bool was_inside(const ChainDescriptor& buffer, std::int64_t now) {
        return !gone_.empty() && now - gone_time_ < second && is_inside(gone_, buffer);
    }

    std::size_t last_{0};
    Regions gone_;
    std::int64_t gone_time_{0};
};

// Calls `visit(index)` for each descriptor of the ring's own table that a chain takes.
template <class Visit>
void for_each_slot(const trace::ChainEntry& entry, std::uint32_t size, Visit visit) {
    std::uint32_t index = entry.head;
    for (const ChainDescriptor& descriptor : entry.descriptors) {
        if (index >= size) {
            return;
        }
        visit(index, descriptor);
        if (has(descriptor, virtio::descriptor_indirect) || !has(descriptor, virtio::descriptor_next)) {
            return;
        }
        index = descriptor.next;
    }
}

// VU077, as far as a descriptor that is in flight turns up in another chain. Judged when the record is done: by then it
// is known whether the first chain was completed meanwhile.
class DescriptorOwner final : public Rule {
  public:
    void chain(const ChainSight& sight) override {
        const std::uint32_t size = sight.ring.size;
        if (sight.used() || size == 0 || sight.ring.packed || sight.entry.problem != 0 || !is_certain(sight)) {
            return;
        }
        Queue* queue = queues_.of(sight.chain.queue);
        if (queue == nullptr || !make_room(*queue, size)) {
            return;
        }
        for_each_slot(sight.entry, size, [&](std::uint32_t index, const ChainDescriptor&) {
            Owner& owner = queue->owners[index];
            const auto offer = sight.ring.open.find(owner.head);
            const bool taken = owner.sequence != 0 && owner.head != sight.entry.head &&
                               offer != sight.ring.open.end() && offer->second.sequence == owner.sequence;
            if (taken && !queue->suspect) {
                queue->suspect = Suspect{sight.sequence(), sight.time(), sight.entry.head, index, owner};
            }
            owner = {sight.sequence(), sight.entry.head};
        });
    }
    void chain_record(const Sight& sight, const trace::ChainRecord& chain) override {
        Queue* queue = queues_.find(chain.queue);
        const auto suspect = queue == nullptr ? std::nullopt : std::exchange(queue->suspect, std::nullopt);
        const Ring* ring = sight.rings->find(chain.queue);
        if (!suspect || ring == nullptr || !ring->complete || ring->next_used != chain.fields.used_index) {
            return;
        }
        const auto offer = ring->open.find(suspect->owner.head);
        if (offer == ring->open.end() || offer->second.sequence != suspect->owner.sequence) {
            return;
        }
        Finding made =
            finding(suspect->sequence, suspect->time,
                    fmt::format("the chain of head {} takes descriptor {}, which belongs to head {} in "
                                "flight since record {}",
                                suspect->head, suspect->index, suspect->owner.head, suspect->owner.sequence));
        made.queue = chain.queue;
        report(std::move(made));
    }

  private:
    struct Owner {
        std::uint64_t sequence{0};
        std::uint16_t head{0};
    };
    struct Suspect {
        std::uint64_t sequence;
        std::int64_t time;
        std::uint16_t head;
        std::uint32_t index;
        Owner owner;
    };
    struct Queue {
        std::vector<Owner> owners;  // by descriptor
        std::optional<Suspect> suspect;
    };
    // A session of real queues needs a fraction of this.
    static constexpr std::size_t most_owners = std::size_t{1} << 20U;

    bool make_room(Queue& queue, std::uint32_t size) {
        if (queue.owners.size() == size) {
            return true;
        }
        owners_ -= queue.owners.size();
        queue.owners.clear();
        if (size > virtio::max_queue_size || size > most_owners - owners_) {
            return false;
        }
        queue.owners.resize(size);
        owners_ += size;
        return true;
    }

    ByQueue<Queue> queues_;
    std::size_t owners_{0};
};

// VU078.
class EmptyDescriptor final : public Rule {
  public:
    void chain(const ChainSight& sight) override {
        if (sight.used()) {
            return;
        }
        const auto& buffers = sight.known.buffers;
        const auto empty =
            std::find_if(buffers.begin(), buffers.end(), [](const auto& one) { return one.length == 0; });
        bool* said = empty != buffers.end() && is_certain(sight) ? said_.of(sight.chain.queue) : nullptr;
        if (said != nullptr && !std::exchange(*said, true)) {
            report(sight, fmt::format("{} has a buffer of 0 bytes at 0x{:x}; later ones of this queue are not told",
                                      head_of(sight), empty->address));
        }
    }

  private:
    ByQueue<bool> said_;
};

// VU079.
class InOrderLinks final : public Rule {
  public:
    void chain(const ChainSight& sight) override {
        const std::uint32_t size = sight.ring.size;
        if (sight.used() || size == 0 || sight.ring.packed || !sight.before.has_feature(protocol::feature::IN_ORDER)) {
            return;
        }
        bool told = false;
        for_each_slot(sight.entry, size, [&](std::uint32_t index, const ChainDescriptor& descriptor) {
            const bool links =
                has(descriptor, virtio::descriptor_next) && !has(descriptor, virtio::descriptor_indirect);
            if (told || !links || descriptor.next == (index + 1) % size || !is_certain(sight)) {
                return;
            }
            told = true;
            report(sight, fmt::format("{}: descriptor {} goes on at {}, with IN_ORDER the next is {}", head_of(sight),
                                      index, descriptor.next, (index + 1) % size));
        });
    }
};

constexpr std::array rows{
    RuleRow{{"VU071", Severity::error, Violator::driver, "A chain has at most as many descriptors as the queue.",
             descriptor_section,
             "Longer ones are loops: the device would go round for ever. Indirect tables are bound by the queue size, "
             "too, but Windows drivers make longer ones (up to 515) and back-ends take 1024: a note, once for each "
             "queue.",
             ""},
            make_rule<ChainLength>,
            wants_chains},
    RuleRow{{"VU072", Severity::error, Violator::driver, "NEXT leads to a descriptor of the table.", descriptor_section,
             "libvhost-user, DPDK and others stop the queue.", ""},
            make_rule<WalkRule<ChainProblem::next_out_of_range>>,
            wants_chains},
    RuleRow{{"VU073", Severity::error, Violator::driver, "Readable buffers come before writable ones.",
             descriptor_section, "libvhost-user refuses such a chain, DPDK takes it.", ""},
            make_rule<WalkRule<ChainProblem::readable_after_writable>>,
            wants_chains},
    RuleRow{
        {"VU074", Severity::error, Violator::driver,
         "INDIRECT stands neither beside NEXT nor inside an indirect table, nor behind direct ones of a packed ring.",
         indirect_section,
         "Back-ends differ: some refuse the chain, DPDK ignores the second flag and takes other buffers.", ""},
        make_rule<
            WalkRule<ChainProblem::indirect_with_next, ChainProblem::indirect_in_table, ChainProblem::indirect_mixed>>,
        wants_chains},
    RuleRow{{"VU075", Severity::error, Violator::driver,
             "An indirect table is negotiated, not empty, made of whole descriptors and inside the memory regions.",
             indirect_section, "DPDK rounds a broken length down, others refuse it.", ""},
            make_rule<IndirectTable>,
            wants_chains},
    RuleRow{{"VU076", Severity::error, Violator::driver,
             "Buffers are inside the memory regions, and together shorter than 4 GiB.", descriptor_section,
             "A buffer may cross from one region into its neighbour. Not checked behind an IOMMU, where descriptors "
             "hold addresses of the device. Also a front-end that forgot to hand over a region looks like this.",
             ""},
            make_rule<BufferPlace>,
            wants_messages | wants_chains},
    RuleRow{{"VU077", Severity::error, Violator::driver,
             "Descriptors stay as they are from being made available until they are used.", descriptor_section,
             "A trace holds one look at the descriptors of a chain, so it is seen only where the driver takes a "
             "descriptor that is in flight for another chain.",
             ""},
            make_rule<DescriptorOwner>,
            wants_chains | wants_chain_records},
    RuleRow{{"VU078", Severity::warning, Violator::driver, "Buffers are not empty.", descriptor_section,
             "The text allows it, libvhost-user stops the queue. Told once for each queue.", ""},
            make_rule<EmptyDescriptor>,
            wants_chains},
    RuleRow{{"VU079", Severity::error, Violator::driver, "With IN_ORDER each descriptor goes on at the next one.",
             "virtio, Split Virtqueues: In-order use of descriptors",
             "The device does not look at `next` then, so that another order means other buffers.", ""},
            make_rule<InOrderLinks>,
            wants_chains},
};

}  // namespace

RuleRows driver_chain_rules() noexcept {
    return rows;
}

}  // namespace vutrace::check
