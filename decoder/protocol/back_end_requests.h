// Requests of the back-end's own channel and of the gpu socket. Sources: QEMU docs/interop/vhost-user.rst, "Back-end
// message types"; docs/interop/vhost-user-gpu.rst; numbers above 1000 are private to crosvm
// (third_party/vmm_vhost/src/message.rs).
#pragma once

#include "request_row.h"

#include <array>

namespace vutrace::protocol::back_end {

using Kind = PayloadKind;
namespace bit = protocol_feature;

constexpr RequestRow row(std::uint32_t code, std::string_view name, std::string_view meaning) {
    return RequestRow(Channel::back_end, code, name, meaning).section("Back-end message types");
}

constexpr RequestRow crosvm(std::uint32_t code, std::string_view name, std::string_view meaning) {
    return RequestRow(Channel::back_end, code, name, meaning);
}

constexpr RequestRow crosvm_draft(std::uint32_t code, std::string_view name, std::string_view alias) {
    return crosvm(code, name, "crosvm: early draft of virtio-fs, not specified")
        .aliases(alias)
        .payload(Kind::any)
        .descriptors(0, 1, "file");
}

inline constexpr auto requests = std::to_array<RequestInfo>({
    row(1, "IOTLB_MSG", "reports a missing or refused address translation")
        .aliases("SLAVE_IOTLB_MSG")
        .payload(Kind::iotlb)
        .needs(bit::BACKEND_REQ)
        .needs_virtio(feature::ACCESS_PLATFORM)
        .since("2.10"),
    row(2, "CONFIG_CHANGE_MSG", "says that the configuration space changed")
        .aliases("SLAVE_CONFIG_CHANGE_MSG")
        .needs(bit::CONFIG)
        .since("2.12"),
    row(3, "VRING_HOST_NOTIFIER_MSG", "hands over a notifier page of a queue")
        .aliases("SLAVE_VRING_HOST_NOTIFIER_MSG")
        .queue(Kind::vring_area)
        .descriptors(0, 1, "file of the notifier page")
        .needs(bit::HOST_NOTIFIER)
        .since("3.0"),
    row(4, "VRING_CALL", "calls a queue in band")
        .aliases("SLAVE_VRING_CALL")
        .queue(Kind::vring_state)
        .needs(bit::INBAND_NOTIFICATIONS)
        .since("5.0"),
    row(5, "VRING_ERR", "reports a failed queue in band")
        .aliases("SLAVE_VRING_ERR")
        .queue(Kind::vring_state)
        .needs(bit::INBAND_NOTIFICATIONS)
        .since("5.0"),
    row(6, "SHARED_OBJECT_ADD", "announces an object of the back-end")
        .payload(Kind::shared_object)
        .needs(bit::SHARED_OBJECT)
        .since("8.2"),
    row(7, "SHARED_OBJECT_REMOVE", "withdraws an object of the back-end")
        .payload(Kind::shared_object)
        .needs(bit::SHARED_OBJECT)
        .since("8.2"),
    row(8, "SHARED_OBJECT_LOOKUP", "asks for an object of another device")
        .payload(Kind::shared_object)
        .descriptors(0, 1, "rust-vmm attaches one to the request")
        .replies(Kind::acknowledgement)
        .reply_descriptors(0, 1)
        .needs(bit::SHARED_OBJECT)
        .since("8.2"),
    row(9, "SHMEM_MAP", "maps a file into a shared memory region")
        .payload(Kind::mmap)
        .descriptors(1, 1, "file to map")
        .needs(bit::SHMEM)
        .since("11.0"),
    row(10, "SHMEM_UNMAP", "takes a mapping out of a shared memory region")
        .payload(Kind::mmap)
        .needs(bit::SHMEM)
        .since("11.0"),
    crosvm_draft(1002, "DEPRECATED__FS_MAP", "FS_MAP"),
    crosvm_draft(1003, "DEPRECATED__FS_UNMAP", "FS_UNMAP"),
    crosvm_draft(1004, "DEPRECATED__FS_SYNC", "FS_SYNC"),
    crosvm_draft(1005, "DEPRECATED__FS_IO", "FS_IO"),
    crosvm(1006, "GPU_MAP", "crosvm: maps GPU memory into a shared memory region")
        .payload(Kind::crosvm_gpu_map)
        .descriptors(1, 1, "GPU memory")
        .replies(Kind::acknowledgement),
    crosvm(1007, "EXTERNAL_MAP", "crosvm: maps memory of its own process")
        .payload(Kind::crosvm_external_map)
        .replies(Kind::acknowledgement),
});

}  // namespace vutrace::protocol::back_end

namespace vutrace::protocol::gpu {

using Kind = PayloadKind;

constexpr RequestRow row(std::uint32_t code, std::string_view name, std::string_view meaning) {
    return RequestRow(Channel::gpu, code, name, meaning).never_replies().section("vhost-user-gpu: Message types");
}

inline constexpr auto requests = std::to_array<RequestInfo>({
    row(1, "GET_PROTOCOL_FEATURES", "asks for the display protocol's features").replies(Kind::u64).since("4.1"),
    row(2, "SET_PROTOCOL_FEATURES", "sets the display protocol's features").payload(Kind::u64).since("4.1"),
    row(3, "GET_DISPLAY_INFO", "asks for the displays").replies(Kind::gpu_display_info).since("4.1"),
    row(4, "CURSOR_POS", "moves the cursor").payload(Kind::gpu_cursor_position).since("4.1"),
    row(5, "CURSOR_POS_HIDE", "hides the cursor").payload(Kind::gpu_cursor_position).since("4.1"),
    row(6, "CURSOR_UPDATE", "sets the cursor's picture").payload(Kind::gpu_cursor_update).since("4.1"),
    row(7, "SCANOUT", "sets the size of a display").payload(Kind::gpu_scanout).since("4.1"),
    row(8, "UPDATE", "draws pixels").payload(Kind::gpu_update).since("4.1"),
    row(9, "DMABUF_SCANOUT", "shows a dma-buf")
        .payload(Kind::gpu_dmabuf_scanout)
        .descriptors(0, 1, "dma-buf; none disables")
        .since("4.1"),
    row(10, "DMABUF_UPDATE", "says that the dma-buf changed")
        .payload(Kind::gpu_dmabuf_update)
        .replies(Kind::none)
        .since("4.1"),
    row(11, "GET_EDID", "asks for the EDID of a display").payload(Kind::u32).replies(Kind::gpu_edid).since("8.0"),
    row(12, "DMABUF_SCANOUT2", "shows a dma-buf with a modifier")
        .payload(Kind::gpu_dmabuf_scanout2)
        .descriptors(0, 1, "dma-buf")
        .since("9.0"),
});

}  // namespace vutrace::protocol::gpu
