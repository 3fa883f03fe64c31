#include "placed_driver_ring.h"

#include <vutrace/base/count_text.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace vutrace::replay {
namespace {

virtio::RingDescriptor ring_descriptor(const trace::ChainDescriptor& recorded) {
    return {recorded.address, recorded.length, recorded.flags, recorded.next};
}

// Where the descriptors of a walk lie: in the ring from the head on, then in the table of the indirect one.
class DescriptorPlace {
  public:
    DescriptorPlace(const BufferMemory& memory, const RingAccess& ring, std::uint16_t head)
        : memory_(memory), ring_(ring), index_(head) {}

    // Writes the next descriptor of the walk, and moves on by what it says. False where its place lies outside.
    bool put(const trace::ChainDescriptor& descriptor) {
        std::array<std::byte, virtio::descriptor_size> bytes{};
        virtio::serialise_descriptor(ring_descriptor(descriptor), bytes);
        const bool written = in_table_ ? put_in_table(bytes) : put_in_ring(bytes);
        if (!in_table_ && (descriptor.flags & virtio::descriptor_indirect) != 0) {
            in_table_ = true;
            table_ = descriptor.address;
            table_entries_ = descriptor.length / virtio::descriptor_size;
            index_ = 0;
        } else {
            index_ = descriptor.next;
        }
        return written;
    }

  private:
    [[nodiscard]] bool put_in_ring(ByteView bytes) const {
        const MutableByteView place = ring_.descriptor(index_);
        std::copy_n(bytes.begin(), place.size(), place.begin());
        return !place.empty();
    }
    [[nodiscard]] bool put_in_table(ByteView bytes) const {
        return index_ < table_entries_ &&
               memory_.write(table_ + std::uint64_t{index_} * virtio::descriptor_size, bytes);
    }

    BufferMemory memory_;
    const RingAccess& ring_;
    std::uint16_t index_;
    bool in_table_{false};
    std::uint64_t table_{0};
    std::uint64_t table_entries_{0};
};

class SplitDriverRing final : public PlacedDriverRing<RingAccess> {
  public:
    SplitDriverRing(const BufferMemory& memory, std::uint16_t queue, const QueueDriver::Start& start)
        : PlacedDriverRing(memory, start),
          queue_(queue),
          event_index_(start.event_index),
          next_available_(start.available_index),
          published_(start.available_index),
          next_used_(start.used_index) {}

    Status start() override {
        if (Status placed = ring_.place(layout_); !placed) {
            return placed;
        }
        ring_->set_available_flags(0);
        ring_->set_used_flags(0);
        ring_->set_used_event(next_used_);
        ring_->set_available_event(published_);
        ring_->set_used_index(next_used_);
        ring_->set_available_index(published_);
        return {};
    }
    std::vector<std::uint16_t> from_before() const override {
        std::vector<std::uint16_t> heads;
        for (std::uint16_t index = next_used_; index != published_ && heads.size() < layout_.size; ++index) {
            heads.push_back(ring_->available_head(index));
        }
        return heads;
    }
    void forget_from_before(std::uint16_t /*head*/) override {}

    bool has_room(const trace::ChainEntry& /*entry*/, std::size_t in_flight) const noexcept override {
        return in_flight < layout_.size;
    }
    std::uint16_t next_available() const noexcept override { return next_available_; }

    bool offer(const trace::ChainEntry& entry) override {
        bool all_written = true;
        DescriptorPlace places(memory_, *ring_, entry.head);
        for (const trace::ChainDescriptor& descriptor : entry.descriptors) {
            all_written = places.put(descriptor) && all_written;
        }
        ring_->set_available_head(next_available_++, entry.head);
        return all_written;
    }
    std::uint16_t unpublished() const noexcept override {
        return static_cast<std::uint16_t>(next_available_ - published_);
    }
    bool publish() override {
        const std::uint16_t before = published_;
        published_ = next_available_;
        ring_->set_available_index(published_);
        full_fence();
        return event_index_ ? virtio::needs_event(ring_->available_event(), before, published_)
                            : (ring_->used_flags() & virtio::used_no_notify) == 0;
    }

    Status take_used(std::size_t in_flight, std::vector<Used>& used) override {
        const std::uint16_t used_index = ring_->used_index();
        if (static_cast<std::uint16_t>(used_index - next_used_) > in_flight) {
            return fail(ErrorCode::bad_input,
                        fmt::format("used index of queue {} went from {} to {} with {} offered", queue_, next_used_,
                                    used_index, count_text(in_flight, "chain")));
        }
        for (; next_used_ != used_index; ++next_used_) {
            const RingAccess::UsedElement element = ring_->used_element(next_used_);
            used.push_back({element.id, element.length, next_used_});
        }
        return {};
    }
    bool enable_call() override {
        if (event_index_) {
            ring_->set_used_event(next_used_);
        }
        full_fence();
        return ring_->used_index() != next_used_;
    }

    trace::RingFields fields() const noexcept override {
        return {ring_->available_index(), ring_->available_flags(), ring_->used_event(),
                ring_->used_index(),      ring_->used_flags(),      ring_->available_event()};
    }
    std::vector<RingRange> ranges() const override {
        return {{layout_.descriptor, layout_.descriptor_bytes()},
                {layout_.available, layout_.available_bytes()},
                {layout_.used, layout_.used_bytes()}};
    }

  private:
    std::uint16_t queue_;
    bool event_index_;
    std::uint16_t next_available_;  // slot that the next chain gets
    std::uint16_t published_;       // available index as the device sees it
    std::uint16_t next_used_;
};

}  // namespace

std::unique_ptr<DriverRing> make_split_driver_ring(const BufferMemory& memory, std::uint16_t queue,
                                                   const QueueDriver::Start& start) {
    return std::make_unique<SplitDriverRing>(memory, queue, start);
}

}  // namespace vutrace::replay
