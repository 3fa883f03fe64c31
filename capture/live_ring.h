// The parts of a split ring that driver and device write at this moment: read with guarded accesses, each field once.
// What is read may be nonsense; who calls checks it.
#pragma once

#include "guest_mappings.h"

#include <vutrace/trace/records.h>
#include <vutrace/virtio/split_ring.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace vutrace::capture {

struct UsedElement {
    std::uint32_t id{0};
    std::uint32_t length{0};
    bool batched{false};  // stands for a chain that IN_ORDER left out: completely written
};

class LiveRing {
  public:
    // False where a part is not in one mapped region: then nothing can be read until it is placed again.
    bool place(const virtio::SplitRingLayout& layout, std::shared_ptr<const GuestMappings> mappings,
               bool event_index) noexcept;
    [[nodiscard]] bool placed() const noexcept { return available_ != nullptr; }
    [[nodiscard]] bool has_event_index() const noexcept { return event_index_; }
    [[nodiscard]] const virtio::SplitRingLayout& layout() const noexcept { return layout_; }
    [[nodiscard]] const std::shared_ptr<const GuestMappings>& mappings() const noexcept { return mappings_; }

    // The fields next to the entries; the available index is read first and the used index after it, so that every
    // head that the used ring shows was available at the available index given. Event fields are 0 without EVENT_IDX.
    [[nodiscard]] bool sample(trace::RingFields& fields) const noexcept;

    // Copies `count` slots from free-running index `from`. `count` is at most the queue size.
    [[nodiscard]] bool read_available(std::uint16_t from, std::size_t count, std::vector<std::uint16_t>& heads) const;
    [[nodiscard]] bool read_used(std::uint16_t from, std::size_t count, std::vector<UsedElement>& elements) const;

  private:
    virtio::SplitRingLayout layout_;
    std::shared_ptr<const GuestMappings> mappings_;
    bool event_index_{false};
    const std::byte* available_{nullptr};
    const std::byte* used_{nullptr};
    mutable Bytes scratch_;
};

}  // namespace vutrace::capture
