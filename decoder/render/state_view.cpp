#include "vutrace/render/state_view.h"

#include <vutrace/base/hex.h>
#include <vutrace/protocol/features.h>
#include <vutrace/protocol/requests.h>
#include <vutrace/render/phrases.h>
#include <vutrace/virtio/devices/decoder.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace vutrace::render {
namespace {

struct StandingRow {
    std::string_view phrase;
    Tone tone;
};
constexpr std::array<StandingRow, 5> standing_rows{{{"accepted", Tone::good},
                                                    {"offered, not accepted", Tone::faint},
                                                    {"offered", Tone::plain},
                                                    {"accepted, but never offered", Tone::bad},
                                                    {"accepted; the offer was not seen", Tone::doubtful}}};

FeatureStanding standing_of(bool offered, bool offer_seen, bool accepted, bool acceptance_seen) noexcept {
    if (accepted) {
        return offered      ? FeatureStanding::accepted
               : offer_seen ? FeatureStanding::never_offered
                            : FeatureStanding::offer_unknown;
    }
    return acceptance_seen ? FeatureStanding::missing : FeatureStanding::offered;
}

void add_ring_marks(const RingView& ring, std::vector<MemoryMark>& marks) {
    if (ring.layout) {
        const virtio::SplitRingLayout& layout = *ring.layout;
        marks.push_back({MarkKind::descriptors, layout.descriptor, layout.descriptor_bytes(), ring.queue, 0});
        marks.push_back({MarkKind::driver_part, layout.available, layout.available_bytes(), ring.queue, 0});
        marks.push_back({MarkKind::device_part, layout.used, layout.used_bytes(), ring.queue, 0});
    } else if (ring.packed_layout) {
        const virtio::PackedRingLayout& layout = *ring.packed_layout;
        marks.push_back({MarkKind::descriptors, layout.descriptor, layout.descriptor_bytes(), ring.queue, 0});
        marks.push_back({MarkKind::driver_part, layout.driver_event, virtio::packed_event_bytes, ring.queue, 0});
        marks.push_back({MarkKind::device_part, layout.device_event, virtio::packed_event_bytes, ring.queue, 0});
    }
}

void add_buffer(const RingView& ring, const OpenChainView& chain, const trace::ChainDescriptor& descriptor,
                std::vector<MemoryMark>& marks) {
    const bool indirect = (descriptor.flags & virtio::descriptor_indirect) != 0;
    const bool writable = (descriptor.flags & virtio::descriptor_write) != 0;
    const MarkKind kind = indirect ? MarkKind::indirect : writable ? MarkKind::writable : MarkKind::readable;
    marks.push_back({kind, descriptor.address, descriptor.length, ring.queue, chain.sequence});
}

// Gives whether all of them were added.
bool add_buffers(const RingView& ring, std::vector<MemoryMark>& marks) {
    for (const OpenChainView& chain : ring.open) {
        if (marks.size() + chain.table.size() + chain.indirect.size() > most_marks) {
            return false;
        }
        for (const TableEntry& entry : chain.table) {
            add_buffer(ring, chain, entry.descriptor, marks);
        }
        for (const trace::ChainDescriptor& descriptor : chain.indirect) {
            add_buffer(ring, chain, descriptor, marks);
        }
    }
    return true;
}

void view_memory(const session::SessionState& state, StateView& view) {
    view.epoch = state.device.epoch();
    for (const session::KnownRegion& known : state.device.regions()) {
        view.regions.push_back({known, {}});
    }
    std::stable_sort(view.regions.begin(), view.regions.end(), [](const RegionView& a, const RegionView& b) {
        return a.known.region.guest_address < b.known.region.guest_address;
    });
    std::vector<MemoryMark> marks;
    for (const QueueView& queue : view.queues) {
        add_ring_marks(queue.ring, marks);
    }
    for (const QueueView& queue : view.queues) {
        // Buffers with addresses of an IOMMU lie nowhere that is known.
        view.more_marks = (!view.translated && !add_buffers(queue.ring, marks)) || view.more_marks;
    }
    for (const MemoryMark& mark : marks) {
        const auto region = std::find_if(view.regions.begin(), view.regions.end(), [&](const RegionView& candidate) {
            const virtio::Region& where = candidate.known.region;
            return mark.address >= where.guest_address && mark.address - where.guest_address < where.size;
        });
        (region == view.regions.end() ? view.outside : region->marks).push_back(mark);
    }
}

QueueView view_queue(const session::SessionState& state, RingView&& ring, const virtio::DeviceContext& device) {
    QueueView view;
    view.number = ring.queue;
    if (const session::QueueState* setup = state.device.queue(ring.queue)) {
        view.setup = *setup;
    }
    if (ring.queue < trace::no_queue) {
        const auto number = static_cast<std::uint16_t>(ring.queue);
        view.role = virtio::role_of(device, number).name;
        if (const auto progress = state.queues.find(number); progress != state.queues.end()) {
            view.kicks = progress->second.kicks;
            view.calls = progress->second.calls;
            view.errs = progress->second.errs;
        }
    }
    view.ring = std::move(ring);
    return view;
}

void view_open(StateView& view) {
    for (const QueueView& queue : view.queues) {
        for (const OpenChainView& chain : queue.ring.open) {
            InFlightChain& open = view.open.emplace_back(InFlightChain{queue.number, chain, 0, 0});
            const auto count = [&](const trace::ChainDescriptor& descriptor) {
                if ((descriptor.flags & virtio::descriptor_indirect) == 0) {
                    const bool writable = (descriptor.flags & virtio::descriptor_write) != 0;
                    (writable ? open.writable : open.readable) += descriptor.length;
                }
            };
            for (const TableEntry& entry : chain.table) {
                count(entry.descriptor);
            }
            std::for_each(chain.indirect.begin(), chain.indirect.end(), count);
        }
    }
    std::sort(view.open.begin(), view.open.end(),
              [](const InFlightChain& a, const InFlightChain& b) { return a.chain.sequence < b.chain.sequence; });
}

}  // namespace

std::string_view name_of(FeatureStanding standing) noexcept {
    return standing_rows[static_cast<std::size_t>(standing) % standing_rows.size()].phrase;
}

Tone tone_of(FeatureStanding standing) noexcept {
    return standing_rows[static_cast<std::size_t>(standing) % standing_rows.size()].tone;
}

std::vector<FeatureBit> compare_features(FeatureKind kind, std::optional<std::uint64_t> offered,
                                         std::optional<std::uint64_t> accepted, std::uint32_t device) {
    const std::uint64_t mask = offered.value_or(0) | accepted.value_or(0);
    const std::vector<std::string> names =
        kind == FeatureKind::virtio ? protocol::feature_names(mask, device) : protocol::protocol_feature_names(mask);
    std::vector<FeatureBit> bits;
    for (unsigned bit = 0; bit < 64 && bits.size() < names.size(); ++bit) {
        if (protocol::has(mask, bit)) {
            bits.push_back({bit, names[bits.size()],
                            standing_of(protocol::has(offered.value_or(0), bit), offered.has_value(),
                                        protocol::has(accepted.value_or(0), bit), accepted.has_value())});
        }
    }
    return bits;
}

std::string_view name_of(MarkKind kind, bool packed) noexcept {
    constexpr std::array<std::string_view, 6> split{"descriptor table", "available ring",  "used ring",
                                                    "readable buffer",  "writable buffer", "indirect table"};
    constexpr std::array<std::string_view, 6> of_packed{"descriptor ring", "driver event area", "device event area",
                                                        "readable buffer", "writable buffer",   "indirect table"};
    return (packed ? of_packed : split)[static_cast<std::size_t>(kind) % split.size()];
}

std::string mark_name(const MemoryMark& mark, bool packed) {
    const std::string text = fmt::format("{} of queue {}", name_of(mark.kind, packed), mark.queue);
    return mark.record == 0 ? text : text + fmt::format(", in flight since record {}", mark.record);
}

StateView view_state(const session::SessionState& state, std::uint32_t device, std::uint64_t sequence,
                     std::int64_t time) {
    const session::DeviceState& known = state.device;
    StateView view;
    view.sequence = sequence;
    view.time = time;
    view.session = state.number;
    view.ended = state.ended;
    view.device = device;
    view.offered = known.offered_features();
    view.accepted = known.features();
    view.offered_protocol = known.offered_protocol_features();
    if (known.protocol_features_given()) {
        view.accepted_protocol = known.protocol_features();
    }
    view.features = compare_features(FeatureKind::virtio, view.offered, view.accepted, device);
    view.protocol_features =
        compare_features(FeatureKind::vhost_user, view.offered_protocol, view.accepted_protocol, device);
    view.packed = known.has_feature(protocol::feature::RING_PACKED);
    view.translated = known.has_feature(protocol::feature::ACCESS_PLATFORM);
    const virtio::DeviceContext context{device, known.features().value_or(0), known.configuration(),
                                        known.queue_count()};
    for (RingView& ring : view_rings(state, std::nullopt)) {
        view.queues.push_back(view_queue(state, std::move(ring), context));
    }
    view_memory(state, view);
    view_open(view);
    return view;
}

std::string use_text(const session::DescriptorLife& life) {
    using session::DescriptorUse;
    constexpr std::array<std::string_view, 5> names{"", "memory region", "kick", "call", "err"};
    const std::string_view name = names[static_cast<std::size_t>(life.use) % names.size()];
    if (name.empty()) {
        return std::string(protocol::request_name(life.channel, life.request));
    }
    return life.queue ? fmt::format("{} of queue {}", name, *life.queue) : std::string(name);
}

std::string end_text(const session::DescriptorLife& life) {
    constexpr std::array<std::string_view, 6> phrases{"in use to the end of the trace",
                                                      "replaced by record {}",
                                                      "removed by record {}",
                                                      "refused by record {}",
                                                      "given up with its queue, record {}",
                                                      "until the session closed, record {}"};
    return fmt::format(fmt::runtime(phrases[static_cast<std::size_t>(life.end) % phrases.size()]), life.ended);
}

std::string descriptor_text(const trace::Descriptor& descriptor) {
    const DescriptorDescription& what = descriptor.description;
    std::string text = fmt::format("{}  id {}  inode {}  device {}:{}", name_of(what.kind), descriptor.id, what.inode,
                                   what.device >> 8U, what.device & 0xffU);
    if (what.size != 0) {
        text += fmt::format("  size {} ({})", what.size, size_text(what.size));
    }
    if (what.seals != 0) {
        text += fmt::format("  seals {}", fmt::join(seal_names(what.seals), ", "));
    }
    return text;
}

}  // namespace vutrace::render
