// Payloads that vhost-user.rst does not lay out: crypto sessions (QEMU hw/virtio/vhost-user.c, DPDK
// lib/vhost/vhost_crypto.c), the gpu socket (QEMU docs/interop/vhost-user-gpu.rst and virtio-gpu), crosvm's own
// (google/crosvm third_party/vmm_vhost/src/message.rs).
#pragma once

#include "payload_layout.h"

namespace vutrace::protocol::layouts {

// The pointers are the sender's own: they mean nothing elsewhere, and leak an address.
inline constexpr FieldLayout crypto_session[] = {
    number("op_code", 0, 8, "virtio-crypto operation"),
    number("cipher_alg", 8, 4, "cipher"),
    number("key_len", 12, 4, "bytes of the cipher key"),
    number("hash_alg", 16, 4, "hash"),
    number("hash_result_len", 20, 4, "bytes of the hash"),
    number("auth_key_len", 24, 4, "bytes of the authentication key"),
    number("add_len", 28, 4, "bytes of additional data"),
    number("op_type", 32, 1, "symmetric operation"),
    number("direction", 33, 1, "encrypt or decrypt"),
    number("hash_mode", 34, 1, "hash mode"),
    number("alg_chain_order", 35, 1, "order of cipher and hash"),
    padding(36, 4),
    address("cipher_key_pointer", 40, "pointer of the sender's process"),
    address("auth_key_pointer", 48, "pointer of the sender's process"),
    bytes("key", 56, 64, "cipher key"),
    bytes("auth_key", 120, 512, "authentication key"),
    number("session_id", 1064, 8, "filled in the reply; negative is an error"),
};
inline constexpr FieldLayout crypto_session_asymmetric[] = {
    number("op_code", 0, 8, "virtio-crypto operation"),
    number("algo", 8, 4, "algorithm"),
    number("keytype", 12, 4, "public or private"),
    number("keylen", 16, 4, "bytes of the key"),
    padding(20, 4),
    address("key_pointer", 24, "pointer of the sender's process"),
    number("rsa_padding_algo", 32, 4, "RSA padding"),
    number("rsa_hash_algo", 36, 4, "RSA hash"),
    bytes("key", 40, 1024, "key"),
    number("session_id", 1064, 8, "filled in the reply; negative is an error"),
};
inline constexpr FieldLayout crypto_session_old[] = {
    number("session_id", 0, 8, "filled in the reply; negative is an error"),
    number("op_code", 8, 4, "virtio-crypto operation"),
    number("cipher_alg", 12, 4, "cipher"),
    number("key_len", 16, 4, "bytes of the cipher key"),
    number("hash_alg", 20, 4, "hash"),
    number("hash_result_len", 24, 4, "bytes of the hash"),
    number("auth_key_len", 28, 4, "bytes of the authentication key"),
    number("add_len", 32, 4, "bytes of additional data"),
    number("op_type", 36, 1, "symmetric operation"),
    number("direction", 37, 1, "encrypt or decrypt"),
    number("hash_mode", 38, 1, "hash mode"),
    number("alg_chain_order", 39, 1, "order of cipher and hash"),
    address("cipher_key_pointer", 40, "pointer of the sender's process"),
    address("auth_key_pointer", 48, "pointer of the sender's process"),
    bytes("key", 56, 64, "cipher key"),
    bytes("auth_key", 120, 512, "authentication key"),
};

inline constexpr FieldLayout gpu_cursor_position[] = {
    number("scanout_id", 0, 4, "display"),
    number("x", 4, 4, "pixels from the left"),
    number("y", 8, 4, "pixels from the top"),
};
inline constexpr FieldLayout gpu_cursor_update[] = {
    number("scanout_id", 0, 4, "display"),           number("x", 4, 4, "pixels from the left"),
    number("y", 8, 4, "pixels from the top"),        number("hot_x", 12, 4, "hot spot from the left"),
    number("hot_y", 16, 4, "hot spot from the top"), bytes("data", 20, 64 * 64 * 4, "64 x 64 pixels"),
};
inline constexpr FieldLayout gpu_scanout[] = {
    number("scanout_id", 0, 4, "display"),
    number("width", 4, 4, "pixels; 0 disables"),
    number("height", 8, 4, "pixels; 0 disables"),
};
inline constexpr FieldLayout gpu_update[] = {
    number("scanout_id", 0, 4, "display"),    number("x", 4, 4, "pixels from the left"),
    number("y", 8, 4, "pixels from the top"), number("width", 12, 4, "pixels"),
    number("height", 16, 4, "pixels"),
};
inline constexpr FieldLayout gpu_dmabuf_scanout[] = {
    number("scanout_id", 0, 4, "display"),
    number("x", 4, 4, "pixels from the left"),
    number("y", 8, 4, "pixels from the top"),
    number("width", 12, 4, "pixels"),
    number("height", 16, 4, "pixels"),
    number("fd_width", 20, 4, "pixels of the buffer"),
    number("fd_height", 24, 4, "pixels of the buffer"),
    number("fd_stride", 28, 4, "bytes of a row"),
    number("fd_flags", 32, 4, "of the buffer"),
    number("fd_drm_fourcc", 36, 4, "pixel format"),
};
// The fields of gpu_dmabuf_scanout with one more; the table's checks hold the two together.
inline constexpr FieldLayout gpu_dmabuf_scanout2[] = {
    gpu_dmabuf_scanout[0],
    gpu_dmabuf_scanout[1],
    gpu_dmabuf_scanout[2],
    gpu_dmabuf_scanout[3],
    gpu_dmabuf_scanout[4],
    gpu_dmabuf_scanout[5],
    gpu_dmabuf_scanout[6],
    gpu_dmabuf_scanout[7],
    gpu_dmabuf_scanout[8],
    gpu_dmabuf_scanout[9],
    address("modifier", 40, "DRM format modifier"),
};
// Both begin with the control header of virtio-gpu.
inline constexpr FieldLayout gpu_display_info[] = {
    number("type", 0, 4, "virtio-gpu response"),  number("flags", 4, 4, "virtio-gpu flags"),
    number("fence_id", 8, 8, "virtio-gpu fence"), number("ctx_id", 16, 4, "virtio-gpu context"),
    number("ring_idx", 20, 1, "virtio-gpu ring"), padding(21, 3),
};
inline constexpr FieldLayout gpu_display[] = {
    number("x", 0, 4, "pixels from the left"), number("y", 4, 4, "pixels from the top"),
    number("width", 8, 4, "pixels"),           number("height", 12, 4, "pixels"),
    number("enabled", 16, 4, "1: in use"),     number("flags", 20, 4, "of the display"),
};
inline constexpr FieldLayout gpu_edid[] = {
    gpu_display_info[0],
    gpu_display_info[1],
    gpu_display_info[2],
    gpu_display_info[3],
    gpu_display_info[4],
    gpu_display_info[5],
    number("size", 24, 4, "bytes of edid in use"),
    padding(28, 4),
    bytes("edid", 32, 1024, "EDID block"),
};

inline constexpr FieldLayout crosvm_gpu_map[] = {
    number("shmid", 0, 1, "shared memory region"),
    padding(1, 7),
    number("shm_offset", 8, 8, "in the shared memory region"),
    number("len", 16, 8, "bytes"),
    number("memory_idx", 24, 4, "Vulkan memory type"),
    number("handle_type", 28, 4, "kind of the descriptor"),
    text("device_uuid", 32, 16, "Vulkan device"),
    text("driver_uuid", 48, 16, "Vulkan driver"),
};
inline constexpr FieldLayout crosvm_external_map[] = {
    number("shmid", 0, 1, "shared memory region"),
    padding(1, 7),
    number("shm_offset", 8, 8, "in the shared memory region"),
    number("len", 16, 8, "bytes"),
    address("ptr", 24, "pointer of the sender's process"),
};

inline constexpr PayloadLayout others[] = {
    fixed_layout(PayloadKind::crypto_session, 1072, crypto_session),
    fixed_layout(PayloadKind::crypto_session_asymmetric, 1072, crypto_session_asymmetric),
    fixed_layout(PayloadKind::crypto_session_old, 632, crypto_session_old),
    fixed_layout(PayloadKind::gpu_cursor_position, 12, gpu_cursor_position),
    fixed_layout(PayloadKind::gpu_cursor_update, 20 + 64 * 64 * 4, gpu_cursor_update),
    fixed_layout(PayloadKind::gpu_scanout, 12, gpu_scanout),
    {PayloadKind::gpu_update,
     20,
     20,
     no_limit,
     gpu_update,
     {.rule = CountRule::pixel_area, .name = "data", .count_offset = 12, .element_size = 4, .meaning = "pixels"}},
    fixed_layout(PayloadKind::gpu_dmabuf_update, 20, gpu_update),
    fixed_layout(PayloadKind::gpu_dmabuf_scanout, 40, gpu_dmabuf_scanout),
    fixed_layout(PayloadKind::gpu_dmabuf_scanout2, 48, gpu_dmabuf_scanout2),
    {PayloadKind::gpu_display_info,
     24,
     24 + 16 * 24,
     24 + 16 * 24,
     gpu_display_info,
     {.rule = CountRule::fixed,
      .name = "pmodes",
      .count = 16,
      .element_size = 24,
      .element = gpu_display,
      .meaning = "displays"}},
    fixed_layout(PayloadKind::gpu_edid, 32 + 1024, gpu_edid),
    fixed_layout(PayloadKind::crosvm_gpu_map, 64, crosvm_gpu_map),
    fixed_layout(PayloadKind::crosvm_external_map, 32, crosvm_external_map),
};

}  // namespace vutrace::protocol::layouts
