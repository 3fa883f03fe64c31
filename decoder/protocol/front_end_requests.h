// Requests of the main socket. Source: QEMU docs/interop/vhost-user.rst, "Front-end message types"; sizes and replies
// are what known peers accept and send, see docs/protocol-table.md.
#pragma once

#include "request_row.h"

#include <array>

namespace vutrace::protocol::front_end {

constexpr RequestRow row(FrontEndRequest code, std::string_view name, std::string_view meaning) {
    return RequestRow(Channel::front_end, static_cast<std::uint32_t>(code), name, meaning)
        .section("Front-end message types");
}

using Request = FrontEndRequest;
using Kind = PayloadKind;
namespace bit = protocol_feature;

inline constexpr std::uint8_t most_table_descriptors = layouts::most_regions;

inline constexpr auto requests = std::to_array<RequestInfo>({
    row(Request::GET_FEATURES, "GET_FEATURES", "asks for the virtio features offered")
        .replies(Kind::features)
        .since("2.9"),
    row(Request::SET_FEATURES, "SET_FEATURES", "sets the virtio features in use").payload(Kind::features).since("2.9"),
    row(Request::SET_OWNER, "SET_OWNER", "marks the start of a session").since("2.9"),
    row(Request::RESET_OWNER, "RESET_OWNER", "deprecated: disables the rings").since("2.9"),
    row(Request::SET_MEM_TABLE, "SET_MEM_TABLE", "replaces the whole memory table")
        .payload(Kind::memory_regions)
        .descriptors(1, most_table_descriptors, "the file of each region")
        .acknowledged_with(Kind::memory_table_reply)
        .since("2.9"),
    row(Request::SET_LOG_BASE, "SET_LOG_BASE", "hands over the dirty log")
        .payload(Kind::log)
        .descriptors(0, 1, "shared memory of the dirty log")
        .replies_with(bit::LOG_SHMFD, Kind::any)
        .reply_sizes(0, 16)
        .since("2.9"),
    row(Request::SET_LOG_FD, "SET_LOG_FD", "hands over an eventfd for changes of the log")
        .descriptors(1, 1, "eventfd of the log")
        .since("2.9"),
    row(Request::SET_VRING_NUM, "SET_VRING_NUM", "sets the size of a queue").queue(Kind::vring_state).since("2.9"),
    row(Request::SET_VRING_ADDR, "SET_VRING_ADDR", "sets the addresses of a queue's parts")
        .queue(Kind::vring_address)
        .since("2.9"),
    row(Request::SET_VRING_BASE, "SET_VRING_BASE", "sets the position a queue starts at")
        .queue(Kind::vring_state)
        .since("2.9"),
    row(Request::GET_VRING_BASE, "GET_VRING_BASE", "stops a queue and asks for its position")
        .queue(Kind::vring_state)
        .replies(Kind::vring_state)
        .since("2.9"),
    row(Request::SET_VRING_KICK, "SET_VRING_KICK", "hands over the kick eventfd and starts a queue")
        .queue(Kind::vring_descriptor)
        .descriptors(0, 1, "kick eventfd")
        .since("2.9"),
    row(Request::SET_VRING_CALL, "SET_VRING_CALL", "hands over the call eventfd of a queue")
        .queue(Kind::vring_descriptor)
        .descriptors(0, 1, "call eventfd")
        .since("2.9"),
    row(Request::SET_VRING_ERR, "SET_VRING_ERR", "hands over the error eventfd of a queue")
        .queue(Kind::vring_descriptor)
        .descriptors(0, 1, "error eventfd")
        .since("2.9"),
    row(Request::GET_PROTOCOL_FEATURES, "GET_PROTOCOL_FEATURES", "asks for the protocol features offered")
        .replies(Kind::protocol_features)
        .needs_virtio(feature::PROTOCOL_FEATURES)
        .since("2.9"),
    row(Request::SET_PROTOCOL_FEATURES, "SET_PROTOCOL_FEATURES", "sets the protocol features in use")
        .payload(Kind::protocol_features)
        .needs_virtio(feature::PROTOCOL_FEATURES)
        .since("2.9"),
    row(Request::GET_QUEUE_NUM, "GET_QUEUE_NUM", "asks for the number of queues, or queue pairs")
        .replies(Kind::u64)
        .needs(bit::MQ)
        .since("2.9"),
    row(Request::SET_VRING_ENABLE, "SET_VRING_ENABLE", "enables or disables a queue")
        .queue(Kind::vring_state)
        .needs_virtio(feature::PROTOCOL_FEATURES)
        .since("2.9"),
    row(Request::SEND_RARP, "SEND_RARP", "asks to announce a MAC address after migration")
        .payload(Kind::mac)
        .needs(bit::RARP)
        .since("2.9"),
    row(Request::NET_SET_MTU, "NET_SET_MTU", "sets the MTU").payload(Kind::u64).needs(bit::MTU).since("2.9"),
    row(Request::SET_BACKEND_REQ_FD, "SET_BACKEND_REQ_FD", "hands over the back-end's own channel")
        .aliases("SET_SLAVE_REQ_FD")
        .descriptors(1, 1, "socket of the back-end channel")
        .needs(bit::BACKEND_REQ)
        .since("2.10"),
    row(Request::IOTLB_MSG, "IOTLB_MSG", "updates or invalidates an address translation")
        .payload(Kind::iotlb)
        .replies(Kind::acknowledgement)
        .needs_virtio(feature::ACCESS_PLATFORM)
        .since("2.10"),
    row(Request::SET_VRING_ENDIAN, "SET_VRING_ENDIAN", "sets the byte order of a legacy queue")
        .queue(Kind::vring_state)
        .needs(bit::CROSS_ENDIAN)
        .since("2.10"),
    row(Request::GET_CONFIG, "GET_CONFIG", "reads the device configuration space")
        .payload(Kind::config)
        .replies(Kind::config)
        .reply_sizes(0, sizes_of(Kind::config).max)
        .needs(bit::CONFIG)
        .since("2.12"),
    row(Request::SET_CONFIG, "SET_CONFIG", "writes the device configuration space")
        .payload(Kind::config)
        .needs(bit::CONFIG)
        .since("2.12"),
    row(Request::CREATE_CRYPTO_SESSION, "CREATE_CRYPTO_SESSION", "creates a crypto session")
        .aliases("CRYPTO_CREATE_SESS")
        .payload(Kind::crypto_session)
        .replies(Kind::crypto_session)
        .needs(bit::CRYPTO_SESSION)
        .since("2.12"),
    row(Request::CLOSE_CRYPTO_SESSION, "CLOSE_CRYPTO_SESSION", "closes a crypto session")
        .aliases("CRYPTO_CLOSE_SESS")
        .payload(Kind::u64)
        .needs(bit::CRYPTO_SESSION)
        .since("2.12"),
    row(Request::POSTCOPY_ADVISE, "POSTCOPY_ADVISE", "prepares postcopy and asks for a userfaultfd")
        .replies(Kind::none)
        .reply_descriptors(0, 1)
        .needs(bit::PAGEFAULT)
        .since("2.12"),
    row(Request::POSTCOPY_LISTEN, "POSTCOPY_LISTEN", "announces a memory table under postcopy")
        .needs(bit::PAGEFAULT)
        .since("2.12"),
    row(Request::POSTCOPY_END, "POSTCOPY_END", "ends postcopy")
        .replies(Kind::acknowledgement)
        .needs(bit::PAGEFAULT)
        .since("2.12"),
    row(Request::GET_INFLIGHT_FD, "GET_INFLIGHT_FD", "asks for the inflight area")
        .payload(Kind::inflight)
        .replies(Kind::inflight)
        .reply_descriptors(0, 1)
        .needs(bit::INFLIGHT_SHMFD)
        .since("4.0"),
    row(Request::SET_INFLIGHT_FD, "SET_INFLIGHT_FD", "hands the inflight area back")
        .payload(Kind::inflight)
        .descriptors(1, 1, "shared memory of the inflight area")
        .needs(bit::INFLIGHT_SHMFD)
        .since("4.0"),
    row(Request::GPU_SET_SOCKET, "GPU_SET_SOCKET", "hands over the display channel")
        .descriptors(1, 1, "socket of the gpu channel")
        .since("4.1"),
    row(Request::RESET_DEVICE, "RESET_DEVICE", "brings the device to its initial state")
        .needs(bit::RESET_DEVICE)
        .since("5.0"),
    row(Request::VRING_KICK, "VRING_KICK", "kicks a queue in band")
        .queue(Kind::vring_state)
        .needs(bit::INBAND_NOTIFICATIONS)
        .since("5.0"),
    row(Request::GET_MAX_MEM_SLOTS, "GET_MAX_MEM_SLOTS", "asks how many memory regions fit")
        .replies(Kind::u64)
        .needs(bit::CONFIGURE_MEM_SLOTS)
        .since("5.1"),
    row(Request::ADD_MEM_REG, "ADD_MEM_REG", "adds a memory region")
        .aliases("ADD_MEM_REGION")
        .payload(Kind::memory_region)
        .descriptors(1, 1, "the file of the region")
        .needs(bit::CONFIGURE_MEM_SLOTS)
        .since("5.1"),
    row(Request::REM_MEM_REG, "REM_MEM_REG", "removes a memory region")
        .aliases("REM_MEM_REGION")
        .payload(Kind::memory_region)
        .descriptors(0, 1, "left over by older front-ends")
        .needs(bit::CONFIGURE_MEM_SLOTS)
        .since("5.1"),
    row(Request::SET_STATUS, "SET_STATUS", "sets the virtio device status")
        .payload(Kind::device_status)
        .needs(bit::STATUS)
        .since("7.2"),
    row(Request::GET_STATUS, "GET_STATUS", "asks for the virtio device status")
        .replies(Kind::device_status)
        .needs(bit::STATUS)
        .since("7.2"),
    row(Request::GET_SHARED_OBJECT, "GET_SHARED_OBJECT", "asks for a dma-buf of the back-end")
        .payload(Kind::shared_object)
        .sizes(0, 16)
        .replies(Kind::shared_object)
        .reply_sizes(0, 16)
        .reply_descriptors(0, 1)
        .needs(bit::SHARED_OBJECT)
        .since("8.2"),
    row(Request::SET_DEVICE_STATE_FD, "SET_DEVICE_STATE_FD", "starts the transfer of the device's state")
        .payload(Kind::device_state_transfer)
        .descriptors(1, 1, "pipe or file of the state stream")
        .replies(Kind::device_state_reply)
        .reply_descriptors(0, 1)
        .needs(bit::DEVICE_STATE)
        .since("8.2"),
    row(Request::CHECK_DEVICE_STATE, "CHECK_DEVICE_STATE", "asks whether the transfer succeeded")
        .replies(Kind::acknowledgement)
        .needs(bit::DEVICE_STATE)
        .since("8.2"),
    row(Request::GET_SHMEM_CONFIG, "GET_SHMEM_CONFIG", "asks for the shared memory regions")
        .replies(Kind::shmem_config)
        .needs(bit::SHMEM)
        .since("11.0"),
    row(Request::GET_VRING_BASE_SKIP_DRAIN, "GET_VRING_BASE_SKIP_DRAIN", "stops a queue without draining it")
        .queue(Kind::vring_state)
        .replies(Kind::vring_state)
        .needs(bit::GET_VRING_BASE_SKIP_DRAIN),
});

}  // namespace vutrace::protocol::front_end
