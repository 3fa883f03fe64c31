// What the agreed state means: where rings are, what device it is.
#include "vutrace/session/device_state.h"

#include <vutrace/protocol/features.h>
#include <vutrace/protocol/requests.h>
#include <vutrace/virtio/devices/block.h>

#include <algorithm>
#include <array>

namespace vutrace::session {
namespace {

using protocol::FrontEndRequest;

struct Evidence {
    FrontEndRequest request;
    std::uint32_t device;
    const char* reason;
};

// Requests that only one device type has. Feature bits prove nothing: their numbers are shared between types.
constexpr std::array device_requests{
    Evidence{FrontEndRequest::SEND_RARP, 1, "SEND_RARP is for network devices only"},
    Evidence{FrontEndRequest::NET_SET_MTU, 1, "NET_SET_MTU is for network devices only"},
    Evidence{FrontEndRequest::GPU_SET_SOCKET, 16, "GPU_SET_SOCKET is for GPU devices only"},
    Evidence{FrontEndRequest::CREATE_CRYPTO_SESSION, 20, "CREATE_CRYPTO_SESSION is for crypto devices only"},
};
constexpr Evidence block_configuration{FrontEndRequest::GET_CONFIG, virtio::block::device_id,
                                       "the configuration space has the values of a block device"};

const Evidence* find_evidence(std::uint32_t request, ByteView configuration) noexcept {
    const auto* const found = std::find_if(device_requests.begin(), device_requests.end(), [&](const Evidence& row) {
        return static_cast<std::uint32_t>(row.request) == request;
    });
    if (found != device_requests.end()) {
        return found;
    }
    return virtio::block::looks_like_configuration(configuration) ? &block_configuration : nullptr;
}

// A ring part as a guest physical address, inside one region completely.
std::optional<std::uint64_t> locate(const virtio::RegionTable& regions, bool guest_addresses, std::uint64_t address,
                                    std::uint64_t bytes, std::uint64_t alignment) noexcept {
    if (address % alignment != 0) {
        return std::nullopt;
    }
    if (guest_addresses) {
        return regions.find_guest(address, bytes) != nullptr ? std::optional(address) : std::nullopt;
    }
    return regions.user_to_guest(address, bytes);
}

bool has_addresses(const QueueState* state) noexcept {
    return state != nullptr && state->size && state->addresses;
}

}  // namespace

std::optional<virtio::SplitRingLayout> DeviceState::split_ring(std::uint32_t index) const {
    const QueueState* state = queue(index);
    if (has_feature(protocol::feature::RING_PACKED) || !has_addresses(state) ||
        has_feature(protocol::feature::ACCESS_PLATFORM) || !virtio::is_split_queue_size(*state->size)) {
        return std::nullopt;
    }
    const virtio::RegionTable regions = region_table();
    const bool guest = has_protocol_feature(protocol::protocol_feature::GPA_ADDRESSES);
    virtio::SplitRingLayout ring;
    ring.size = *state->size;
    const auto descriptor = locate(regions, guest, state->addresses->descriptor, ring.descriptor_bytes(), 16);
    const auto available = locate(regions, guest, state->addresses->available, ring.available_bytes(), 2);
    const auto used = locate(regions, guest, state->addresses->used, ring.used_bytes(), 4);
    if (!descriptor || !available || !used) {
        return std::nullopt;
    }
    ring.descriptor = *descriptor;
    ring.available = *available;
    ring.used = *used;
    return ring;
}

std::optional<virtio::PackedRingLayout> DeviceState::packed_ring(std::uint32_t index) const {
    const QueueState* state = queue(index);
    if (!has_feature(protocol::feature::RING_PACKED) || !has_addresses(state) ||
        has_feature(protocol::feature::ACCESS_PLATFORM) || !virtio::is_packed_queue_size(*state->size)) {
        return std::nullopt;
    }
    const virtio::RegionTable regions = region_table();
    const bool guest = has_protocol_feature(protocol::protocol_feature::GPA_ADDRESSES);
    virtio::PackedRingLayout ring;
    ring.size = *state->size;
    const auto descriptor = locate(regions, guest, state->addresses->descriptor, ring.descriptor_bytes(), 16);
    const auto driver = locate(regions, guest, state->addresses->available, virtio::packed_event_bytes, 4);
    const auto device = locate(regions, guest, state->addresses->used, virtio::packed_event_bytes, 4);
    if (!descriptor || !driver || !device) {
        return std::nullopt;
    }
    ring.descriptor = *descriptor;
    ring.driver_event = *driver;
    ring.device_event = *device;
    return ring;
}

std::optional<virtio::RingLayout> DeviceState::ring(std::uint32_t index) const {
    if (const auto packed = packed_ring(index)) {
        return *packed;
    }
    const auto split = split_ring(index);
    return split ? std::optional<virtio::RingLayout>(*split) : std::nullopt;
}

std::uint32_t DeviceState::ring_base(std::uint32_t index) const noexcept {
    const QueueState* state = queue(index);
    if (state != nullptr && state->base_given) {
        return state->base;
    }
    return has_feature(protocol::feature::RING_PACKED) ? virtio::PackedBase::fresh : 0;
}

void DeviceState::device_specific(const Message& message, Change& /*change*/) {
    if (device_specific_request_ == 0) {
        device_specific_request_ = message.header.request;
    }
}

std::uint32_t DeviceState::device_type() const {
    const Evidence* evidence = find_evidence(device_specific_request_, configuration_);
    return evidence == nullptr ? 0 : evidence->device;
}

const char* DeviceState::device_type_reason() const {
    const Evidence* evidence = find_evidence(device_specific_request_, configuration_);
    return evidence == nullptr ? "" : evidence->reason;
}

}  // namespace vutrace::session
