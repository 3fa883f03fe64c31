#include "packed_ring_access.h"
#include "placed_driver_ring.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <deque>
#include <utility>

namespace vutrace::replay {
namespace {

// A position is where the next descriptor goes; what was used is taken by buffer id, whose number of descriptors says
// where the next used one is.
class PackedDriverRing final : public PlacedDriverRing<PackedRingAccess> {
  public:
    PackedDriverRing(const BufferMemory& memory, std::uint16_t queue, const QueueDriver::Start& start)
        : PlacedDriverRing(memory, start),
          queue_(queue),
          event_index_(start.event_index),
          in_order_(start.in_order),
          next_available_(Position::parse(start.available_index)),
          published_(next_available_),
          next_used_(Position::parse(start.used_index)),
          free_(layout_.size) {}

    // Behind the chains in flight as a ring on which everything was used, each place in the round before.
    Status start() override {
        if (Status placed = ring_.place(layout_); !placed) {
            return placed;
        }
        const bool inside = next_available_.offset < layout_.size && next_used_.offset < layout_.size;
        const std::uint32_t behind = inside ? next_used_.distance_to(next_available_, layout_.size) : 0;
        if (!inside || behind > layout_.size) {
            return fail(ErrorCode::bad_input,
                        fmt::format("queue {} begins at {:#x}, with {:#x} used, in a ring of {}", queue_,
                                    next_available_.value(), next_used_.value(), layout_.size));
        }
        const std::uint32_t known = find_in_flight(behind);
        mark_used(next_used_.plus(known, layout_.size), layout_.size - known);
        free_ = layout_.size - behind;
        ring_->set_driver_event({0, virtio::PackedEvent::enable});
        ring_->set_device_event({0, virtio::PackedEvent::enable});
        return {};
    }
    std::vector<std::uint16_t> from_before() const override {
        std::vector<std::uint16_t> ids;
        std::transform(in_flight_.begin(), in_flight_.end(), std::back_inserter(ids),
                       [](const InFlight& one) { return one.id; });
        return ids;
    }
    void forget_from_before(std::uint16_t head) override {
        const auto found = std::find_if(in_flight_.begin(), in_flight_.end(),
                                        [head](const InFlight& one) { return one.from_before && one.id == head; });
        if (found != in_flight_.end()) {
            in_flight_.erase(found);
        }
    }

    bool has_room(const trace::ChainEntry& entry, std::size_t /*in_flight*/) const noexcept override {
        return virtio::slots_of(entry.descriptors) <= free_;
    }
    std::uint16_t next_available() const noexcept override { return next_available_.value(); }

    bool offer(const trace::ChainEntry& entry) override {
        const std::uint32_t slots = virtio::slots_of(entry.descriptors);
        bool all_written = true;
        for (std::uint32_t i = 0; i < entry.descriptors.size(); ++i) {
            all_written =
                (i < slots ? write_slot(entry, i, i + 1 == slots) : write_table(entry, i - slots)) && all_written;
        }
        std::uint64_t writable = 0;
        virtio::for_each_buffer(entry.descriptors, true,
                                [&](std::uint64_t /*address*/, std::uint32_t length) { writable += length; });
        in_flight_.push_back({entry.head, slots, bounded(writable), false});
        next_available_ = next_available_.plus(slots, layout_.size);
        free_ -= slots;
        return all_written;
    }
    std::uint16_t unpublished() const noexcept override { return static_cast<std::uint16_t>(heads_.size()); }
    bool publish() override {
        for (const auto& [offset, flags] : heads_) {
            ring_->set_flags(offset, flags);
        }
        heads_.clear();
        full_fence();
        return virtio::needs_event(ring_->device_event(), std::exchange(published_, next_available_), next_available_,
                                   layout_.size);
    }

    Status take_used(std::size_t /*in_flight*/, std::vector<Used>& used) override {
        while (free_ != layout_.size && virtio::is_used(ring_->flags(next_used_.offset), next_used_.wrap)) {
            const virtio::RingDescriptor descriptor = ring_->descriptor(next_used_.offset);
            const auto named = std::find_if(in_flight_.begin(), in_flight_.end(),
                                            [&](const InFlight& one) { return one.id == descriptor.next; });
            if (named == in_flight_.end()) {
                return fail(ErrorCode::bad_input,
                            fmt::format("queue {} has buffer {} used, which the device does not have", queue_,
                                        descriptor.next));
            }
            const std::uint32_t length = (descriptor.flags & virtio::descriptor_write) != 0 ? descriptor.length : 0;
            // With IN_ORDER it stands for all before it, which are completely written.
            const auto first = in_order_ ? in_flight_.begin() : named;
            for (auto one = first; one != named + 1; ++one) {
                used.push_back({one->id, one == named ? length : one->writable, next_used_.value()});
                next_used_ = next_used_.plus(one->slots, layout_.size);
                free_ += one->slots;
            }
            in_flight_.erase(first, named + 1);
        }
        return {};
    }
    bool enable_call() override {
        const bool at_next = event_index_;
        ring_->set_driver_event(
            {next_used_.value(),
             static_cast<std::uint16_t>(at_next ? virtio::PackedEvent::descriptor : virtio::PackedEvent::enable)});
        full_fence();
        return free_ != layout_.size && virtio::is_used(ring_->flags(next_used_.offset), next_used_.wrap);
    }

    trace::RingFields fields() const noexcept override {
        const virtio::PackedEvent driver = ring_->driver_event();
        const virtio::PackedEvent device = ring_->device_event();
        return {next_available_.value(), driver.flags, driver.position,
                next_used_.value(),      device.flags, device.position};
    }
    std::vector<RingRange> ranges() const override {
        return {{layout_.descriptor, layout_.descriptor_bytes()},
                {layout_.driver_event, virtio::packed_event_bytes},
                {layout_.device_event, virtio::packed_event_bytes}};
    }

  private:
    using Position = virtio::PackedPosition;
    struct InFlight {
        std::uint16_t id{0};
        std::uint32_t slots{0};
        std::uint32_t writable{0};  // bytes
        bool from_before{false};
    };
    static std::uint32_t bounded(std::uint64_t bytes) noexcept {
        return static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes, UINT32_MAX));
    }

    // Chains that the ring's memory holds from the used position on, within the next `behind` places; gives how many
    // places those take. A device that completed out of order wrote over some: what comes then is not known.
    std::uint32_t find_in_flight(std::uint32_t behind) {
        std::uint32_t known = 0;
        virtio::PackedChain chain;
        while (known != behind) {
            const Position at = next_used_.plus(known, layout_.size);
            if (!virtio::is_available(ring_->flags(at.offset), at.wrap)) {
                break;
            }
            virtio::walk_packed_chain(memory_.physical(), layout_, at, chain);
            if (chain.slots == 0 || chain.slots > behind - known) {
                break;
            }
            in_flight_.push_back({chain.id, chain.slots, bounded(chain.chain.writable_bytes), true});
            known += chain.slots;
        }
        return known;
    }
    void mark_used(Position from, std::uint32_t count) const {
        for (std::uint32_t i = 0; i < count; ++i) {
            const Position at = from.plus(i, layout_.size);
            ring_->set_flags(at.offset, virtio::used_flags(!at.wrap));
        }
    }

    // The first one's flags make the chain available, so they are stored by `publish`.
    bool write_slot(const trace::ChainEntry& entry, std::uint32_t number, bool last) {
        const trace::ChainDescriptor& recorded = entry.descriptors[number];
        const Position here = next_available_.plus(number, layout_.size);
        constexpr unsigned ownership = unsigned{virtio::packed_available} | virtio::packed_used;
        const auto flags =
            static_cast<std::uint16_t>((recorded.flags & ~ownership) | virtio::available_flags(here.wrap));
        const std::uint16_t now = number == 0 ? ring_->flags(here.offset) : flags;
        ring_->set_descriptor(here.offset, {recorded.address, recorded.length, now, last ? entry.head : recorded.next});
        if (number == 0) {
            heads_.emplace_back(here.offset, flags);
        }
        return true;
    }
    bool write_table(const trace::ChainEntry& entry, std::uint32_t number) const {
        const trace::ChainDescriptor& recorded = entry.descriptors[number + 1];
        std::array<std::byte, virtio::descriptor_size> bytes{};
        virtio::serialise_packed_descriptor({recorded.address, recorded.length, recorded.flags, recorded.next}, bytes);
        return memory_.write(entry.descriptors.front().address + std::uint64_t{number} * virtio::descriptor_size,
                             bytes);
    }

    std::uint16_t queue_;
    bool event_index_;
    bool in_order_;
    Position next_available_;
    Position published_;
    Position next_used_;
    std::uint32_t free_;                                          // descriptors that the device does not have
    std::deque<InFlight> in_flight_;                              // in the order in which they were offered
    std::vector<std::pair<std::uint16_t, std::uint16_t>> heads_;  // place and flags of chains to be published
};

}  // namespace

std::unique_ptr<DriverRing> make_packed_driver_ring(const BufferMemory& memory, std::uint16_t queue,
                                                    const QueueDriver::Start& start) {
    return std::make_unique<PackedDriverRing>(memory, queue, start);
}

}  // namespace vutrace::replay
