// What the tap of a queue remembers of chains that were made available and not used yet, by head.
#pragma once

#include "guest_mappings.h"

#include <vutrace/virtio/split_ring.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace vutrace::capture {

struct ChainInFlight {
    bool open{false};
    bool forgotten{false};                         // descriptors were not kept: too many are in flight
    std::vector<virtio::RingDescriptor> writable;  // the buffers that the device may write
    std::uint64_t writable_bytes{0};
    std::shared_ptr<const GuestMappings> mappings;  // of the epoch it was found in
};

class ChainsInFlight {
  public:
    // Descriptors kept for all chains of a queue together. Real drivers stay far below (a full queue of 1024 heads
    // with tables of 128); what a hostile one puts beyond is not kept, and its completions have no content.
    static constexpr std::size_t most_descriptors = 262144;

    void resize(std::uint32_t queue_size);  // forgets all
    void clear();

    [[nodiscard]] bool is_open(std::uint32_t head) const noexcept {
        return head < chains_.size() && chains_[head].open;
    }
    [[nodiscard]] const ChainInFlight& operator[](std::uint16_t head) const noexcept { return chains_[head]; }
    [[nodiscard]] std::size_t count() const noexcept { return count_; }

    // `head` is below the queue size; a chain that is open under it is replaced.
    void open(std::uint16_t head, const virtio::Chain& chain, const std::shared_ptr<const GuestMappings>& mappings);
    void close(std::uint16_t head) noexcept;

    // With IN_ORDER: how many chains a used element with this id stands for, by the order in which they were made
    // available after the first `skip`. Empty where the id is not among them.
    [[nodiscard]] std::optional<std::size_t> batch_length(std::size_t skip, std::uint32_t id) const noexcept;
    [[nodiscard]] std::uint16_t in_order(std::size_t position) const noexcept { return order_[first_ + position]; }
    void track_order(bool on) noexcept { track_order_ = on; }

  private:
    void forget_order(std::uint16_t head) noexcept;

    std::vector<ChainInFlight> chains_;
    std::vector<std::uint16_t> order_;  // heads as made available, from first_; only with IN_ORDER
    std::size_t first_{0};
    std::size_t count_{0};
    std::size_t descriptors_{0};
    bool track_order_{false};
};

}  // namespace vutrace::capture
