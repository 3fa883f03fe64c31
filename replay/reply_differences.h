// What differs between a recorded reply and the one that came, by the names of its fields.
#pragma once

#include <vutrace/base/bytes.h>
#include <vutrace/protocol/header.h>

#include <cstdint>
#include <string>
#include <vector>

namespace vutrace::replay {

// One phrase each, for people: "features: missing RING_EVENT_IDX", "configuration.capacity: expected 2048, got 4096".
// The configuration space has names where `device_type` (virtio number, 0 where not known) is one that vutrace knows.
// Bounded by the larger payload. Empty where only bytes without a field differ.
[[nodiscard]] std::vector<std::string> describe_differences(const protocol::Header& expected, ByteView expected_payload,
                                                            const protocol::Header& actual, ByteView actual_payload,
                                                            std::uint32_t device_type);

}  // namespace vutrace::replay
