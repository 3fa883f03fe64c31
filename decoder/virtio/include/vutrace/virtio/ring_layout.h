// Where a virtqueue's ring is, of either layout.
#pragma once

#include <vutrace/virtio/packed_ring.h>
#include <vutrace/virtio/split_ring.h>

#include <cstdint>
#include <variant>

namespace vutrace::virtio {

using RingLayout = std::variant<SplitRingLayout, PackedRingLayout>;

[[nodiscard]] inline std::uint32_t size_of(const RingLayout& layout) noexcept {
    return std::visit([](const auto& ring) { return ring.size; }, layout);
}

}  // namespace vutrace::virtio
