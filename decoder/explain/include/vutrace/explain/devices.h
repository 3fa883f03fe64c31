// Virtio device types by the names that people use for them on a command line.
// Source: virtio specification, "Device Types"; only types that speak vhost-user.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vutrace::explain {

// "blk" for 2; empty where the type has no name here (0 included).
[[nodiscard]] std::string_view device_name(std::uint32_t type) noexcept;
// The type of a name as `device_name` gives it; empty where there is none.
[[nodiscard]] std::optional<std::uint32_t> find_device(std::string_view name) noexcept;
// All names, for the text of an error: "net, blk, …".
[[nodiscard]] std::string device_names();

}  // namespace vutrace::explain
