// D. Rings: their sizes and places.
#include "evidence.h"
#include "rule.h"

#include <vutrace/base/count_text.h>
#include <vutrace/protocol/features.h>

#include <fmt/format.h>

#include <array>
#include <string>
#include <tuple>
#include <utility>

namespace vutrace::check {
namespace {

using protocol::FrontEndRequest;
using session::DeviceState;

struct RingPart {
    const char* name;
    std::uint64_t address;
    std::uint64_t size;  // bytes
    std::uint64_t alignment;
};

// The parts of a ring where SET_VRING_ADDR puts them. Where its size is not known, their first bytes.
std::array<RingPart, 3> parts_of(const protocol::VringAddress& at, std::optional<std::uint32_t> size,
                                 const DeviceState& device) {
    const std::uint64_t entries = size.value_or(0);
    const auto bytes = [&](std::uint64_t header, std::uint64_t entry) { return size ? header + entry * entries : 1; };
    if (device.has_feature(protocol::feature::RING_PACKED)) {
        return {{{"descriptor ring", at.descriptor, bytes(0, 16), 16},
                 {"driver event area", at.available, bytes(4, 0), 4},
                 {"device event area", at.used, bytes(4, 0), 4}}};
    }
    const std::uint64_t event = device.has_feature(protocol::feature::RING_EVENT_IDX) ? 2 : 0;
    return {{{"descriptor table", at.descriptor, bytes(0, 16), 16},
             {"available ring", at.available, bytes(4 + event, 2), 2},
             {"used ring", at.used, bytes(4 + event, 8), 4}}};
}

// The ring is looked at when it starts, and when it is moved while it runs.
std::optional<std::uint32_t> placed_queue(const MessageSight& sight) {
    const session::QueueState* queue = sight.what.queue ? sight.after.device.queue(*sight.what.queue) : nullptr;
    if (queue != nullptr && queue->started && sight.asks(FrontEndRequest::SET_VRING_ADDR)) {
        return sight.what.queue;
    }
    return started_queue(sight);
}

// VU046. Whether the ring is split is not known before SET_FEATURES.
std::optional<std::string> bad_size(const MessageSight& sight) {
    const auto state = sight.asks(FrontEndRequest::SET_VRING_NUM) ? vring_state(sight) : std::nullopt;
    if (!state) {
        return std::nullopt;
    }
    if (state->num == 0 || state->num > virtio::max_queue_size) {
        return fmt::format("queue {} gets a size of {}: 1 to {} are possible", state->index, state->num,
                           virtio::max_queue_size);
    }
    const bool split = sight.before.features() && !sight.before.has_feature(protocol::feature::RING_PACKED);
    if (split && !virtio::is_split_queue_size(state->num)) {
        return fmt::format("queue {} gets a size of {}: a split ring's is a power of two", state->index, state->num);
    }
    return std::nullopt;
}

// VU047
class RingPlaces final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        if (sight.asks(FrontEndRequest::SET_VRING_ADDR)) {
            if (const auto at = protocol::parse_vring_address(sight.payload)) {
                check_alignment(sight, *at);
            }
        }
        if (const auto queue = placed_queue(sight)) {
            check_regions(sight, *queue);
        }
    }

  private:
    void check_alignment(const MessageSight& sight, const protocol::VringAddress& at) const {
        for (const RingPart& part : parts_of(at, std::nullopt, sight.before)) {
            if (part.address % part.alignment != 0) {
                report(sight, fmt::format("the {} of queue {} is at 0x{:x}: it must be aligned to {} bytes", part.name,
                                          at.index, part.address, part.alignment));
            }
        }
    }

    void check_regions(const MessageSight& sight, std::uint32_t index) const {
        const DeviceState& device = sight.after.device;
        const session::QueueState* queue = device.queue(index);
        // I/O virtual addresses are in no region; that there is none at all is another rule.
        if (device.has_feature(protocol::feature::ACCESS_PLATFORM) || device.regions().empty() || !queue->addresses) {
            return;
        }
        const bool guest = device.has_protocol_feature(protocol::protocol_feature::GPA_ADDRESSES);
        const virtio::RegionTable regions = device.region_table();
        for (const RingPart& part : parts_of(*queue->addresses, queue->size, device)) {
            const bool inside = (guest ? regions.find_guest(part.address, part.size)
                                       : regions.find_user(part.address, part.size)) != nullptr;
            if (!inside) {
                report(sight, fmt::format("the {} of queue {}, {} at 0x{:x}, is not inside a memory region", part.name,
                                          index, count_text(part.size, "byte"), part.address));
            }
        }
    }
};

bool overlap(const RingPart& a, const RingPart& b) noexcept {
    return a.address < b.address ? b.address - a.address < a.size : a.address - b.address < b.size;
}

// VU048
class RingOverlaps final : public Rule {
  public:
    void message(const MessageSight& sight) override {
        const auto index = placed_queue(sight);
        const DeviceState& device = sight.after.device;
        const session::QueueState* queue = index ? device.queue(*index) : nullptr;
        if (queue == nullptr || !queue->addresses || !queue->size) {
            return;
        }
        const auto parts = parts_of(*queue->addresses, queue->size, device);
        for (std::size_t i = 0; i < parts.size(); ++i) {
            for (std::size_t j = i + 1; j < parts.size(); ++j) {
                if (overlap(parts[i], parts[j])) {
                    report_overlap(sight, *index, parts[i], *index, parts[j]);
                    return;
                }
            }
        }
        for (const auto& [number, other] : device.queues()) {
            if (number != *index && other.started && other.addresses && other.size) {
                compare(sight, *index, parts, number, parts_of(*other.addresses, other.size, device));
            }
        }
    }

  private:
    using Parts = std::array<RingPart, 3>;

    void compare(const MessageSight& sight, std::uint32_t index, const Parts& parts, std::uint32_t other,
                 const Parts& others) const {
        for (const RingPart& a : parts) {
            for (const RingPart& b : others) {
                if (overlap(a, b)) {
                    report_overlap(sight, index, a, other, b);
                    return;  // one is enough for two rings
                }
            }
        }
    }

    void report_overlap(const MessageSight& sight, std::uint32_t first, const RingPart& a, std::uint32_t second,
                        const RingPart& b) const {
        report(sight, fmt::format("the {} of queue {} (0x{:x}, {}) overlaps the {} of queue {} (0x{:x}, {})", a.name,
                                  first, a.address, count_text(a.size, "byte"), b.name, second, b.address,
                                  count_text(b.size, "byte")));
    }
};

// VU049
std::optional<std::string> address_flags(const MessageSight& sight) {
    if (!sight.asks(FrontEndRequest::SET_VRING_ADDR)) {
        return std::nullopt;
    }
    const auto at = protocol::parse_vring_address(sight.payload);
    if (!at || (at->flags & ~1U) == 0) {
        return std::nullopt;
    }
    return fmt::format("SET_VRING_ADDR of queue {} has flags 0x{:x}: only bit 0 has a meaning", at->index, at->flags);
}

// "used ring from 0x1000 to 0x2000"
std::string moved_parts(const protocol::VringAddress& was, const protocol::VringAddress& now) {
    std::string parts;
    for (const auto& [name, from, to] : {std::tuple("descriptors", was.descriptor, now.descriptor),
                                         {"available ring", was.available, now.available},
                                         {"used ring", was.used, now.used}}) {
        if (from != to) {
            parts += fmt::format("{}{} from 0x{:x} to 0x{:x}", parts.empty() ? "" : ", ", name, from, to);
        }
    }
    return parts;
}

// VU050
std::optional<std::string> changed_while_started(const MessageSight& sight) {
    const session::QueueState* queue = sight.what.queue ? sight.before.queue(*sight.what.queue) : nullptr;
    if (queue == nullptr || !queue->started) {
        return std::nullopt;
    }
    if (sight.asks(FrontEndRequest::SET_VRING_ADDR)) {
        const auto at = protocol::parse_vring_address(sight.payload);
        const auto& was = queue->addresses;
        if (!at || !was ||
            (at->descriptor == was->descriptor && at->available == was->available && at->used == was->used)) {
            return std::nullopt;
        }
        return fmt::format("queue {} is moved while it is started: {}", at->index, moved_parts(*was, *at));
    }
    const auto state = vring_state(sight);
    if (state && sight.asks(FrontEndRequest::SET_VRING_NUM) && queue->size && *queue->size != state->num) {
        return fmt::format("queue {} gets another size while it is started: {} after {}", state->index, state->num,
                           *queue->size);
    }
    if (state && sight.asks(FrontEndRequest::SET_VRING_BASE)) {
        return fmt::format("queue {} gets base {} while it is started", state->index, state->num);
    }
    return std::nullopt;
}

constexpr const char* ring_section = "vhost-user, Ring states";
constexpr const char* address_section = "vhost-user, Front-end message types: VHOST_USER_SET_VRING_ADDR";

constexpr std::array rows{
    RuleRow{
        {"VU046", Severity::error, Violator::front_end, "A ring has 1 to 32768 entries, a split one a power of two.",
         "virtio, Basic Facilities: Virtqueues",
         "The index of a slot is the free-running index modulo the size, which only works with powers of two. DPDK, "
         "VPP and rust-vmm refuse others.",
         ""},
        make_rule<MessageRule<bad_size>>,
        wants_messages},
    RuleRow{
        {"VU047", Severity::error, Violator::front_end,
         "The parts of a ring are inside a memory region and aligned to 16, 2 and 4 bytes.", address_section,
         "They are addresses of the front-end's process, or of the guest with GPA_ADDRESSES. libvhost-user looks at "
         "the first byte only and runs into whatever is behind the region. Looked at when a ring starts. With "
         "ACCESS_PLATFORM they are I/O virtual addresses, which are not checked. Where the size is unknown only the "
         "first byte is.",
         ""},
        make_rule<RingPlaces>,
        wants_messages},
    RuleRow{
        {"VU048", Severity::error, Violator::front_end,
         "The parts of a ring overlap neither each other nor a ring that is started.",
         "virtio, Split Virtqueues; Packed Virtqueues",
         "Two sides would write the same bytes. A driver may use the page of a ring again once that was stopped.", ""},
        make_rule<RingOverlaps>,
        wants_messages},
    RuleRow{{"VU049", Severity::error, Violator::front_end, "SET_VRING_ADDR has no flags but bit 0.", address_section,
             "Bit 0 asks for writes to the used ring to be logged. rust-vmm and crosvm refuse others.", ""},
            make_rule<MessageRule<address_flags>>,
            wants_messages},
    RuleRow{{"VU050", Severity::error, Violator::front_end, "Size, place and base of a ring stay while it is started.",
             ring_section,
             "A back-end reads them without a lock. SET_VRING_ADDR with the same addresses, to turn logging on or off, "
             "is in order.",
             ""},
            make_rule<MessageRule<changed_while_started>>,
            wants_messages},
};

}  // namespace

RuleRows vring_setup_rules() noexcept {
    return rows;
}

}  // namespace vutrace::check
