// Fields of the device configuration space by device type, as far as they are plain values.
// Source: virtio specification, "Device configuration layout" of each device type; little-endian.
#pragma once

#include <vutrace/base/bytes.h>

#include <cstdint>
#include <span>
#include <string_view>

namespace vutrace::virtio {

enum class ConfigurationFormat : std::uint8_t {
    number,  // decimal
    mask,    // bits: hexadecimal
    mac,     // six bytes: "52:54:00:12:34:56"
    text,    // UTF-8, ended by a NUL or by its size
    bytes,   // what other fields say how to read
};

struct ConfigurationField {
    std::uint32_t device;  // virtio device type
    std::string_view name;
    std::uint32_t offset;  // bytes from the start of the space
    std::uint32_t size;
    ConfigurationFormat format;
    std::string_view meaning;  // with the unit; empty where the name says it
};

// All known fields, by device type, then by offset.
[[nodiscard]] std::span<const ConfigurationField> configuration_fields() noexcept;
// Those of one device type; empty where it has none, or is not known.
[[nodiscard]] std::span<const ConfigurationField> configuration_fields(std::uint32_t device) noexcept;

}  // namespace vutrace::virtio
