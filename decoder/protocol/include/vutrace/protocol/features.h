// Feature bits by name. Sources: virtio specification (content.tex and device types), vhost-user.rst "Protocol
// features".
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vutrace::protocol {

namespace feature {  // bits of GET_/SET_FEATURES that every device shares
inline constexpr unsigned NOTIFY_ON_EMPTY = 24, LOG_ALL = 26, RING_INDIRECT_DESC = 28, RING_EVENT_IDX = 29,
                          PROTOCOL_FEATURES = 30, VERSION_1 = 32, ACCESS_PLATFORM = 33, RING_PACKED = 34, IN_ORDER = 35;
}
namespace protocol_feature {
inline constexpr unsigned MQ = 0, LOG_SHMFD = 1, RARP = 2, REPLY_ACK = 3, MTU = 4, BACKEND_REQ = 5, CROSS_ENDIAN = 6,
                          CRYPTO_SESSION = 7, PAGEFAULT = 8, CONFIG = 9, BACKEND_SEND_FD = 10, HOST_NOTIFIER = 11,
                          INFLIGHT_SHMFD = 12, RESET_DEVICE = 13, INBAND_NOTIFICATIONS = 14, CONFIGURE_MEM_SLOTS = 15,
                          STATUS = 16, XEN_MMAP = 17, SHARED_OBJECT = 18, DEVICE_STATE = 19,
                          GET_VRING_BASE_INFLIGHT = 20, GPA_ADDRESSES = 21, SHMEM = 22, GET_VRING_BASE_SKIP_DRAIN = 23;
}

[[nodiscard]] constexpr bool has(std::uint64_t features, unsigned bit) noexcept {
    return ((features >> bit) & 1U) != 0;
}

struct FeatureInfo {
    std::uint32_t device{0};  // virtio device type the bit belongs to, 0 = every device
    std::uint8_t bit{0};
    std::string_view name;
    std::string_view aliases;
};
[[nodiscard]] std::span<const FeatureInfo> features() noexcept;
[[nodiscard]] std::span<const FeatureInfo> protocol_features() noexcept;

// Names of the bits set, lowest first; a bit without a name is "bit N". `device` 0 where the type is not known: then
// device-specific bits are "bit N" too.
[[nodiscard]] std::vector<std::string> feature_names(std::uint64_t mask, std::uint32_t device);
[[nodiscard]] std::vector<std::string> protocol_feature_names(std::uint64_t mask);

}  // namespace vutrace::protocol
