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
using virtio::Access;

struct Evidence {
    FrontEndRequest request;
    std::uint32_t device;
    const char* reason;
};

// Requests that only one device type has.
constexpr std::array device_requests{
    Evidence{FrontEndRequest::SEND_RARP, 1, "SEND_RARP is for network devices only"},
    Evidence{FrontEndRequest::NET_SET_MTU, 1, "NET_SET_MTU is for network devices only"},
    Evidence{FrontEndRequest::GPU_SET_SOCKET, 16, "GPU_SET_SOCKET is for GPU devices only"},
    Evidence{FrontEndRequest::CREATE_CRYPTO_SESSION, 20, "CREATE_CRYPTO_SESSION is for crypto devices only"},
};
constexpr Evidence block_configuration{FrontEndRequest::GET_CONFIG, virtio::block::device_id,
                                       "the configuration space has the values of a block device"};

constexpr const char* input_reason = "the configuration space has the size and the form of an input device's";
constexpr const char* scsi_reason = "the configuration space has the size and the values of a SCSI device's";
constexpr Evidence input_configuration{FrontEndRequest::GET_CONFIG, 18, input_reason};
constexpr Evidence scsi_configuration{FrontEndRequest::GET_CONFIG, 8, scsi_reason};

// 136 bytes, as no other device has them: select, subsel, size of what follows, five zeros, 128 bytes.
bool looks_like_input(ByteView bytes) noexcept {
    constexpr std::size_t whole = 136, reserved = 3, value = 8;
    constexpr std::uint8_t longest = 128, last_select = 0x12;
    const auto zeros = [](ByteView some) {
        return std::all_of(some.begin(), some.end(), [](std::byte byte) { return byte == std::byte{0}; });
    };
    const auto select = load<std::uint8_t>(bytes, 0);
    return bytes.size() == whole && select != 0 && select <= last_select && load<std::uint8_t>(bytes, 2) <= longest &&
           zeros(bytes.subspan(reserved, value - reserved));
}

// Whoever changes the sizes of sense data and commands does so later.
bool looks_like_scsi(ByteView bytes) noexcept {
    constexpr std::size_t whole = 36, queues = 0, sense_size = 20, cdb_size = 24;
    return bytes.size() == whole && load<std::uint32_t>(bytes, queues) != 0 &&
           load<std::uint32_t>(bytes, sense_size) == 96 && load<std::uint32_t>(bytes, cdb_size) == 32;
}

// Most numbers of feature bits are shared between types, and many types have few. But where a back-end offers bits of
// which all are known of one type only, it is that: in practice a network device. Bits 24 to 43 belong to all.
bool is_bit_of_type(unsigned bit) noexcept {
    constexpr unsigned first_shared = 24, last_shared = 49;
    return bit < first_shared || bit > last_shared;
}

std::uint64_t known_bits(std::uint32_t device) noexcept {
    std::uint64_t bits = 0;
    for (const protocol::FeatureInfo& row : protocol::features()) {
        bits |= row.device == device && is_bit_of_type(row.bit) ? std::uint64_t{1} << row.bit : 0;
    }
    return bits;
}

struct KnownFeatures {
    std::uint32_t device;
    std::uint64_t bits;
};
const std::vector<KnownFeatures>& features_by_device() {
    static const std::vector<KnownFeatures> all = [] {
        std::vector<KnownFeatures> out;
        for (const protocol::FeatureInfo& row : protocol::features()) {
            const bool listed = std::any_of(out.begin(), out.end(),
                                            [&](const KnownFeatures& known) { return known.device == row.device; });
            if (row.device != 0 && !listed) {
                out.push_back({row.device, known_bits(row.device)});
            }
        }
        return out;
    }();
    return all;
}

constexpr const char* feature_reason = "no other device type has all of the features that are offered";

// 0 where several types could offer them, or none could.
std::uint32_t device_with_features(std::uint64_t offered) {
    static const std::uint64_t of_types = [] {
        std::uint64_t mask = 0;
        for (unsigned bit = 0; bit < 64; ++bit) {
            mask |= is_bit_of_type(bit) ? std::uint64_t{1} << bit : 0;
        }
        return mask;
    }();
    const std::uint64_t wanted = offered & of_types;
    std::uint32_t found = 0;
    for (const KnownFeatures& known : features_by_device()) {
        if ((wanted & ~known.bits) == 0) {
            if (found != 0) {
                return 0;
            }
            found = known.device;
        }
    }
    return wanted == 0 ? 0 : found;
}

const Evidence* find_evidence(std::uint32_t request, ByteView configuration) noexcept {
    const auto* const found = std::find_if(device_requests.begin(), device_requests.end(), [&](const Evidence& row) {
        return static_cast<std::uint32_t>(row.request) == request;
    });
    if (found != device_requests.end()) {
        return found;
    }
    return virtio::block::looks_like_configuration(configuration) ? &block_configuration
           : looks_like_input(configuration)                      ? &input_configuration
           : looks_like_scsi(configuration)                       ? &scsi_configuration
                                                                  : nullptr;
}

bool has_addresses(const QueueState* state) noexcept {
    return state != nullptr && state->size && state->addresses;
}

}  // namespace

std::optional<virtio::SplitRingLayout> DeviceState::split_ring(std::uint32_t index) const {
    const QueueState* state = queue(index);
    if (has_feature(protocol::feature::RING_PACKED) || !has_addresses(state) ||
        !virtio::is_split_queue_size(*state->size)) {
        return std::nullopt;
    }
    virtio::SplitRingLayout ring;
    ring.size = *state->size;
    const auto descriptor = locate({state->addresses->descriptor, ring.descriptor_bytes(), 16, Access::read});
    const auto available = locate({state->addresses->available, ring.available_bytes(), 2, Access::read});
    const auto used = locate({state->addresses->used, ring.used_bytes(), 4, Access::write});
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
        !virtio::is_packed_queue_size(*state->size)) {
        return std::nullopt;
    }
    virtio::PackedRingLayout ring;
    ring.size = *state->size;
    const auto descriptor = locate({state->addresses->descriptor, ring.descriptor_bytes(), 16, Access::both});
    const auto driver = locate({state->addresses->available, virtio::packed_event_bytes, 4, Access::read});
    const auto device = locate({state->addresses->used, virtio::packed_event_bytes, 4, Access::write});
    if (!descriptor || !driver || !device) {
        return std::nullopt;
    }
    ring.descriptor = *descriptor;
    ring.driver_event = *driver;
    ring.device_event = *device;
    return ring;
}

// As a guest physical address, inside one region completely.
std::optional<std::uint64_t> DeviceState::locate(const RingPlace& part) const noexcept {
    if (part.address % part.alignment != 0) {
        return std::nullopt;
    }
    if (const auto space = iova_space()) {
        return space->translate_whole(part.address, part.bytes, part.needed);
    }
    if (has_protocol_feature(protocol::protocol_feature::GPA_ADDRESSES)) {
        return region_table_.find_guest(part.address, part.bytes) != nullptr ? std::optional(part.address)
                                                                             : std::nullopt;
    }
    return region_table_.user_to_guest(part.address, part.bytes);
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
    return evidence == nullptr ? device_with_features(offered_features_.value_or(0)) : evidence->device;
}

const char* DeviceState::device_type_reason() const {
    const Evidence* evidence = find_evidence(device_specific_request_, configuration_);
    return evidence != nullptr                                        ? evidence->reason
           : device_with_features(offered_features_.value_or(0)) != 0 ? feature_reason
                                                                      : "";
}

}  // namespace vutrace::session
