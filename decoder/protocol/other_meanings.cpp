#include <vutrace/protocol/other_meanings.h>

#include <algorithm>
#include <array>

namespace vutrace::protocol {
namespace {

struct OtherRequest {
    Channel channel;
    std::uint32_t code;
    std::string_view meaning;
};

// From the enumerations of SPDK's QEMU and of SPDK's rte_vhost (both for NVMe over vhost-user), and of the series that
// gave virtio-fs its DAX window.
constexpr std::array other_requests{
    OtherRequest{Channel::front_end, 27, "NVME_ADMIN in SPDK's QEMU"},
    OtherRequest{Channel::front_end, 28, "NVME_SET_CQ_CALL in SPDK's QEMU"},
    OtherRequest{Channel::front_end, 29, "NVME_GET_CAP in SPDK's QEMU"},
    OtherRequest{Channel::front_end, 30, "NVME_START_STOP in SPDK's QEMU"},
    OtherRequest{Channel::front_end, 31, "NVME_IO_CMD in SPDK's QEMU"},
    OtherRequest{Channel::front_end, 41, "MEM_DATA in the series for memory that is not shared"},
    OtherRequest{Channel::front_end, 80, "NVME_ADMIN in SPDK's rte_vhost"},
    OtherRequest{Channel::front_end, 81, "NVME_SET_CQ_CALL in SPDK's rte_vhost"},
    OtherRequest{Channel::front_end, 82, "NVME_GET_CAP in SPDK's rte_vhost"},
    OtherRequest{Channel::front_end, 83, "NVME_START_STOP in SPDK's rte_vhost"},
    OtherRequest{Channel::front_end, 84, "NVME_IO_CMD in SPDK's rte_vhost"},
    OtherRequest{Channel::back_end, 6, "FS_MAP in QEMU's series for the DAX window of virtio-fs"},
    OtherRequest{Channel::back_end, 7, "FS_UNMAP in QEMU's series for the DAX window of virtio-fs"},
    OtherRequest{Channel::back_end, 8, "FS_IO in QEMU's series for the DAX window of virtio-fs"},
    OtherRequest{Channel::back_end, 9, "MEM_ACCESS in the series for memory that is not shared"},
};

struct OtherProtocolFeature {
    unsigned bit;
    std::string_view meaning;
};

constexpr std::array other_protocol_features{
    OtherProtocolFeature{20, "SHMEM in drafts of shared memory"},
    OtherProtocolFeature{21, "SHMEM in rust-vmm/vhost 0.16"},
};

}  // namespace

std::string_view other_meaning_of_request(Channel channel, std::uint32_t code) noexcept {
    const auto* const found =
        std::find_if(other_requests.begin(), other_requests.end(),
                     [&](const OtherRequest& other) { return other.channel == channel && other.code == code; });
    return found == other_requests.end() ? std::string_view() : found->meaning;
}

std::string_view other_meaning_of_protocol_feature(unsigned bit) noexcept {
    const auto* const found = std::find_if(other_protocol_features.begin(), other_protocol_features.end(),
                                           [bit](const OtherProtocolFeature& other) { return other.bit == bit; });
    return found == other_protocol_features.end() ? std::string_view() : found->meaning;
}

}  // namespace vutrace::protocol
