// Chains that a device keeps for as long as it likes: nothing is owed for them.
#pragma once

#include "ring_watch.h"

#include <vutrace/session/device_state.h>

#include <cstdint>

namespace vutrace::check {

// A buffer for something that may never happen. `device`: virtio device type, 0 where not known. Chains without a
// readable byte are always taken for such buffers.
[[nodiscard]] bool is_held_by_design(const Offer& offer, std::uint32_t device, std::uint16_t queue,
                                     const session::DeviceState& state) noexcept;

}  // namespace vutrace::check
