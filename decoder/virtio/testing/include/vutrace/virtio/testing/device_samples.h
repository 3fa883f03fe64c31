// Chains of every device, made from the tables of the devices' decoders: for tests, and as seeds for fuzzing.
#pragma once

#include <vutrace/virtio/devices/decoder.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vutrace::virtio::testing {

struct DeviceSample {
    std::uint32_t device{0};
    std::uint64_t features{0};
    std::uint16_t queue{0};
    std::string_view role;  // of the queue
    std::string_view type;  // what `type` has to say of it, "UNKNOWN" for a code that is in no table
    Bytes configuration;
    Bytes readable;  // what the driver gives
    Bytes written;   // what the device writes, all of the room that it has
};

// At least one for each row of each table, whose answer is good; and what has shapes of its own: packets of each kind,
// commands with sense data, answers that are errors, codes that nobody knows. Together they have every field that
// `request_fields` names.
[[nodiscard]] std::vector<DeviceSample> device_samples();

[[nodiscard]] DeviceContext context_of(const DeviceSample& sample);
// The sample as a chain of which everything was captured.
[[nodiscard]] ChainView chain_of(const DeviceSample& sample, bool used);

}  // namespace vutrace::virtio::testing
