// The catalogue of requests: one constexpr row per request of every channel. Names, dispatch, size and descriptor
// checks, rendering, documentation and the adverse tests all come from these rows. Sources: see docs/protocol-table.md.
#pragma once

#include <vutrace/base/side.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace vutrace::protocol {

// Requests of the main channel. Spelled as the specification spells them, without VHOST_USER_.
enum class FrontEndRequest : std::uint32_t {
    GET_FEATURES = 1,
    SET_FEATURES = 2,
    SET_OWNER = 3,
    RESET_OWNER = 4,
    SET_MEM_TABLE = 5,
    SET_LOG_BASE = 6,
    SET_LOG_FD = 7,
    SET_VRING_NUM = 8,
    SET_VRING_ADDR = 9,
    SET_VRING_BASE = 10,
    GET_VRING_BASE = 11,
    SET_VRING_KICK = 12,
    SET_VRING_CALL = 13,
    SET_VRING_ERR = 14,
    GET_PROTOCOL_FEATURES = 15,
    SET_PROTOCOL_FEATURES = 16,
    GET_QUEUE_NUM = 17,
    SET_VRING_ENABLE = 18,
    SEND_RARP = 19,
    NET_SET_MTU = 20,
    SET_BACKEND_REQ_FD = 21,
    IOTLB_MSG = 22,
    SET_VRING_ENDIAN = 23,
    GET_CONFIG = 24,
    SET_CONFIG = 25,
    CREATE_CRYPTO_SESSION = 26,
    CLOSE_CRYPTO_SESSION = 27,
    POSTCOPY_ADVISE = 28,
    POSTCOPY_LISTEN = 29,
    POSTCOPY_END = 30,
    GET_INFLIGHT_FD = 31,
    SET_INFLIGHT_FD = 32,
    GPU_SET_SOCKET = 33,
    RESET_DEVICE = 34,
    VRING_KICK = 35,
    GET_MAX_MEM_SLOTS = 36,
    ADD_MEM_REG = 37,
    REM_MEM_REG = 38,
    SET_STATUS = 39,
    GET_STATUS = 40,
    GET_SHARED_OBJECT = 41,
    SET_DEVICE_STATE_FD = 42,
    CHECK_DEVICE_STATE = 43,
    GET_SHMEM_CONFIG = 44,
    GET_VRING_BASE_SKIP_DRAIN = 45,
};

// Requests of the back-end's channel, as far as somebody does more than to name them.
enum class BackEndRequest : std::uint32_t {
    IOTLB_MSG = 1,
    VRING_HOST_NOTIFIER_MSG = 3,
    VRING_CALL = 4,
    VRING_ERR = 5,
    SHARED_OBJECT_LOOKUP = 8,
};

enum class PayloadKind : std::uint8_t {
    none,
    u64,
    vring_descriptor,  // u64 with a queue index
    vring_state,
    vring_address,
    memory_regions,
    memory_region,
    log,
    iotlb,
    config,
    vring_area,
    inflight,
    shared_object,
    device_state_transfer,
    mmap,
    shmem_config,
    crypto_session,
    mac,  // SEND_RARP
    gpu_cursor_position,
    gpu_cursor_update,
    gpu_scanout,
    gpu_update,
    gpu_dmabuf_scanout,
    gpu_dmabuf_scanout2,
    gpu_display_info,
    gpu_edid,
    u32,
    crosvm_gpu_map,
    crosvm_external_map,
    any,  // no layout known: shown as bytes
    // u64 payloads with a meaning of their own
    features,
    protocol_features,
    device_status,
    acknowledgement,     // 0 is success
    device_state_reply,  // SET_DEVICE_STATE_FD: error code and whether a descriptor comes along
    // Alternatives that the size or the first integer of a payload selects
    memory_table_reply,         // SET_MEM_TABLE: acknowledgement, in postcopy the regions with the back-end's bases
    crypto_session_old,         // 632 bytes, QEMU and DPDK before asymmetric ciphers
    crypto_session_asymmetric,  // 1072 bytes, operation 0x404
    gpu_dmabuf_update,          // gpu_update without pixels
};

enum class ReplyRule : std::uint8_t {
    never,
    always,           // a reply of its own on every call
    acknowledgement,  // only u64 0/error, and only with REPLY_ACK and NEED_REPLY
    with_feature,     // a reply of its own where `reply_gate` is negotiated, otherwise as acknowledgement
};

// Where the queue index sits in the payload, for requests about one vring.
enum class QueueIndex : std::uint8_t { none, low_byte_of_u64, first_u32 };

struct RequestInfo {
    Channel channel;
    std::uint32_t code;
    std::string_view name;
    std::string_view aliases;  // older and other names, separated by spaces
    PayloadKind payload;
    std::uint32_t size_min;  // payload bytes that any known peer accepts
    std::uint32_t size_max;
    std::uint8_t descriptors_min;
    std::uint8_t descriptors_max;
    std::string_view descriptors_what;  // what they are, empty where there are none
    ReplyRule reply;
    PayloadKind reply_payload;
    std::uint32_t reply_size_min;
    std::uint32_t reply_size_max;
    std::uint8_t reply_descriptors_min;
    std::uint8_t reply_descriptors_max;
    std::optional<std::uint8_t> reply_gate;        // protocol feature bit, for ReplyRule::with_feature
    std::optional<std::uint8_t> protocol_feature;  // bit that must be negotiated
    std::optional<std::uint8_t> virtio_feature;    // bit that must be negotiated
    QueueIndex queue_index;
    std::string_view since;    // QEMU version, empty where not known
    std::string_view section;  // heading in the specification
    std::string_view meaning;  // what it asks for, one phrase
};

// Every row, ordered by channel and code.
[[nodiscard]] std::span<const RequestInfo> requests() noexcept;

// Null where no such request is known: show the number.
[[nodiscard]] const RequestInfo* find_request(Channel channel, std::uint32_t code) noexcept;
// By name or alias, any case, with or without VHOST_USER_ / VHOST_USER_BACKEND_. Null where there is none.
[[nodiscard]] const RequestInfo* find_request(Channel channel, std::string_view name) noexcept;

// Name for people and for the JSON: the request's, or "UNKNOWN".
[[nodiscard]] std::string_view request_name(Channel channel, std::uint32_t code) noexcept;

// The side that sends requests on a channel: the front-end on the main one, the back-end on the two others.
[[nodiscard]] constexpr Side requester(Channel channel) noexcept {
    return channel == Channel::front_end ? Side::front_end : Side::back_end;
}

}  // namespace vutrace::protocol
