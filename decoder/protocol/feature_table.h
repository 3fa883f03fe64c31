// Feature bits, generated once from the virtio specification's tables and kept by hand since. Bits 64 and above are
// left out: vhost-user carries 64 bits. Sources: docs/protocol-table.md.
#pragma once

#include <vutrace/protocol/features.h>

#include <array>

namespace vutrace::protocol {

// Ordered by device and bit.
inline constexpr auto feature_table = std::to_array<FeatureInfo>({
    // every device
    {0, 24, "NOTIFY_ON_EMPTY", ""},
    {0, 26, "LOG_ALL", "VHOST_F_LOG_ALL"},
    {0, 27, "ANY_LAYOUT", ""},
    {0, 28, "RING_INDIRECT_DESC", "INDIRECT_DESC"},
    {0, 29, "RING_EVENT_IDX", "EVENT_IDX"},
    {0, 30, "PROTOCOL_FEATURES", "VHOST_USER_F_PROTOCOL_FEATURES"},
    {0, 32, "VERSION_1", ""},
    {0, 33, "ACCESS_PLATFORM", "IOMMU_PLATFORM"},
    {0, 34, "RING_PACKED", ""},
    {0, 35, "IN_ORDER", ""},
    {0, 36, "ORDER_PLATFORM", ""},
    {0, 37, "SR_IOV", ""},
    {0, 38, "NOTIFICATION_DATA", ""},
    {0, 39, "NOTIF_CONFIG_DATA", ""},
    {0, 40, "RING_RESET", ""},
    {0, 41, "ADMIN_VQ", ""},
    {0, 43, "SUSPEND", ""},
    // net
    {1, 0, "CSUM", ""},
    {1, 1, "GUEST_CSUM", ""},
    {1, 2, "CTRL_GUEST_OFFLOADS", ""},
    {1, 3, "MTU", ""},
    {1, 5, "MAC", ""},
    {1, 6, "GSO", ""},
    {1, 7, "GUEST_TSO4", ""},
    {1, 8, "GUEST_TSO6", ""},
    {1, 9, "GUEST_ECN", ""},
    {1, 10, "GUEST_UFO", ""},
    {1, 11, "HOST_TSO4", ""},
    {1, 12, "HOST_TSO6", ""},
    {1, 13, "HOST_ECN", ""},
    {1, 14, "HOST_UFO", ""},
    {1, 15, "MRG_RXBUF", ""},
    {1, 16, "STATUS", ""},
    {1, 17, "CTRL_VQ", ""},
    {1, 18, "CTRL_RX", ""},
    {1, 19, "CTRL_VLAN", ""},
    {1, 20, "CTRL_RX_EXTRA", ""},
    {1, 21, "GUEST_ANNOUNCE", ""},
    {1, 22, "MQ", ""},
    {1, 23, "CTRL_MAC_ADDR", ""},
    {1, 41, "GUEST_RSC4", ""},
    {1, 42, "GUEST_RSC6", ""},
    {1, 50, "DEVICE_STATS", ""},
    {1, 51, "HASH_TUNNEL", ""},
    {1, 52, "VQ_NOTF_COAL", ""},
    {1, 53, "NOTF_COAL", ""},
    {1, 54, "GUEST_USO4", ""},
    {1, 55, "GUEST_USO6", ""},
    {1, 56, "HOST_USO", ""},
    {1, 57, "HASH_REPORT", ""},
    {1, 59, "GUEST_HDRLEN", ""},
    {1, 60, "RSS", ""},
    {1, 61, "RSC_EXT", ""},
    {1, 62, "STANDBY", ""},
    {1, 63, "SPEED_DUPLEX", ""},
    // blk
    {2, 0, "BARRIER", ""},
    {2, 1, "SIZE_MAX", ""},
    {2, 2, "SEG_MAX", ""},
    {2, 4, "GEOMETRY", ""},
    {2, 5, "RO", ""},
    {2, 6, "BLK_SIZE", ""},
    {2, 7, "SCSI", ""},
    {2, 9, "FLUSH", "WCE"},
    {2, 10, "TOPOLOGY", ""},
    {2, 11, "CONFIG_WCE", ""},
    {2, 12, "MQ", ""},
    {2, 13, "DISCARD", ""},
    {2, 14, "WRITE_ZEROES", ""},
    {2, 15, "LIFETIME", ""},
    {2, 16, "SECURE_ERASE", ""},
    {2, 17, "ZONED", ""},
    // console
    {3, 0, "SIZE", ""},
    {3, 1, "MULTIPORT", ""},
    {3, 2, "EMERG_WRITE", ""},
    // balloon
    {5, 0, "MUST_TELL_HOST", ""},
    {5, 1, "STATS_VQ", ""},
    {5, 2, "DEFLATE_ON_OOM", ""},
    {5, 3, "FREE_PAGE_HINT", ""},
    {5, 4, "PAGE_POISON", ""},
    {5, 5, "PAGE_REPORTING", "REPORTING"},
    // scsi
    {8, 0, "INOUT", ""},
    {8, 1, "HOTPLUG", ""},
    {8, 2, "CHANGE", ""},
    {8, 3, "T10_PI", ""},
    // gpu
    {16, 0, "VIRGL", ""},
    {16, 1, "EDID", ""},
    {16, 2, "RESOURCE_UUID", ""},
    {16, 3, "RESOURCE_BLOB", ""},
    {16, 4, "CONTEXT_INIT", ""},
    {16, 5, "BLOB_ALIGNMENT", ""},
    // rtc
    {17, 0, "ALARM", ""},
    // vsock
    {19, 0, "STREAM", ""},
    {19, 1, "SEQPACKET", ""},
    {19, 2, "NO_IMPLIED_STREAM", ""},
    // crypto
    {20, 0, "REVISION_1", ""},
    {20, 1, "CIPHER_STATELESS_MODE", ""},
    {20, 2, "HASH_STATELESS_MODE", ""},
    {20, 3, "MAC_STATELESS_MODE", ""},
    {20, 4, "AEAD_STATELESS_MODE", ""},
    {20, 5, "AKCIPHER_STATELESS_MODE", ""},
    // iommu
    {23, 0, "INPUT_RANGE", ""},
    {23, 1, "DOMAIN_RANGE", ""},
    {23, 2, "MAP_UNMAP", ""},
    {23, 3, "BYPASS", ""},
    {23, 4, "PROBE", ""},
    {23, 5, "MMIO", ""},
    {23, 6, "BYPASS_CONFIG", ""},
    // mem
    {24, 0, "ACPI_PXM", ""},
    {24, 1, "UNPLUGGED_INACCESSIBLE", ""},
    {24, 2, "PERSISTENT_SUSPEND", ""},
    // sound
    {25, 0, "CTLS", ""},
    // fs
    {26, 0, "NOTIFICATION", ""},
    // pmem
    {27, 0, "SHMEM_REGION", ""},
    // scmi
    {32, 0, "P2A_CHANNELS", ""},
    {32, 1, "SHARED_MEMORY", ""},
    // i2c
    {34, 0, "ZERO_LENGTH_REQUEST", ""},
    // can
    {36, 0, "CAN_CLASSIC", ""},
    {36, 1, "CAN_FD", ""},
    {36, 2, "RTR_FRAMES", ""},
    {36, 3, "LATE_TX_ACK", ""},
    // bluetooth
    {40, 0, "VND_HCI", ""},
    {40, 1, "MSFT_EXT", ""},
    {40, 2, "AOSP_EXT", ""},
    // gpio
    {41, 0, "IRQ", ""},
});

inline constexpr auto protocol_feature_table = std::to_array<FeatureInfo>({
    {0, 0, "MQ", ""},
    {0, 1, "LOG_SHMFD", ""},
    {0, 2, "RARP", ""},
    {0, 3, "REPLY_ACK", ""},
    {0, 4, "MTU", "NET_MTU"},
    {0, 5, "BACKEND_REQ", "SLAVE_REQ"},
    {0, 6, "CROSS_ENDIAN", ""},
    {0, 7, "CRYPTO_SESSION", ""},
    {0, 8, "PAGEFAULT", ""},
    {0, 9, "CONFIG", ""},
    {0, 10, "BACKEND_SEND_FD", "SLAVE_SEND_FD"},
    {0, 11, "HOST_NOTIFIER", ""},
    {0, 12, "INFLIGHT_SHMFD", ""},
    {0, 13, "RESET_DEVICE", ""},
    {0, 14, "INBAND_NOTIFICATIONS", ""},
    {0, 15, "CONFIGURE_MEM_SLOTS", ""},
    {0, 16, "STATUS", ""},
    {0, 17, "XEN_MMAP", ""},
    {0, 18, "SHARED_OBJECT", ""},
    {0, 19, "DEVICE_STATE", ""},
    {0, 20, "GET_VRING_BASE_INFLIGHT", ""},
    {0, 21, "GPA_ADDRESSES", ""},
    {0, 22, "SHMEM", ""},
    {0, 23, "GET_VRING_BASE_SKIP_DRAIN", ""},
});

}  // namespace vutrace::protocol
