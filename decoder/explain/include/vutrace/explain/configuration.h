// The device's configuration space inside GET_CONFIG and SET_CONFIG.
#pragma once

#include <vutrace/protocol/fields.h>

#include <optional>

namespace vutrace::explain {

// The fields of the configuration space that lie in the payload whole, as a group `configuration`. `payload` is that
// of a GET_CONFIG answer or a SET_CONFIG: offset, size, flags, data. Empty where the device type has no known fields or
// none is there whole.
[[nodiscard]] std::optional<protocol::Field> decode_configuration(std::uint32_t device, ByteView payload);

}  // namespace vutrace::explain
