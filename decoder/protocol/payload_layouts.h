// The payloads of the vhost-user channels: one row per field. Source: QEMU docs/interop/vhost-user.rst, "Message
// types"; what is not in it names its source.
#pragma once

#include "payload_layout.h"

namespace vutrace::protocol::layouts {

inline constexpr ValueName success[] = {{0, "success"}};
inline constexpr ValueName vring_flags[] = {{0x1, "LOG"}};
inline constexpr ValueName xen_flags[] = {{0x1, "FOREIGN"}, {0x2, "GRANT"}, {0x100, "NO_ADVANCE_MAP"}};
inline constexpr ValueName iotlb_permissions[] = {{0, "none"}, {1, "read"}, {2, "write"}, {3, "read and write"}};
inline constexpr ValueName iotlb_types[] = {{1, "MISS"},        {2, "UPDATE"},      {3, "INVALIDATE"},
                                            {4, "ACCESS_FAIL"}, {5, "BATCH_BEGIN"}, {6, "BATCH_END"}};
inline constexpr ValueName transfer_directions[] = {{0, "SAVE"}, {1, "LOAD"}};
inline constexpr ValueName transfer_phases[] = {{0, "STOPPED"}};
inline constexpr ValueName mmap_flags[] = {{0x1, "READ_WRITE"}};
inline constexpr ValueName status_flags[] = {
    {0x01, "ACKNOWLEDGE"}, {0x02, "DRIVER"},      {0x04, "DRIVER_OK"}, {0x08, "FEATURES_OK"},
    {0x10, "SUSPEND"},     {0x40, "NEEDS_RESET"}, {0x80, "FAILED"},
};

inline constexpr FieldLayout u64[] = {number("value", 0, 8, "value")};
inline constexpr FieldLayout u32[] = {number("value", 0, 4, "value")};
inline constexpr FieldLayout acknowledgement[] = {
    named_number(number("value", 0, 8, "result of the request"), success, "failure"),
};
inline constexpr FieldLayout features[] = {
    {.name = "features", .format = FieldFormat::features, .size = 8, .meaning = "virtio feature bits"},
};
inline constexpr FieldLayout protocol_features[] = {
    {.name = "protocol_features", .format = FieldFormat::protocol_features, .size = 8, .meaning = "protocol bits"},
};
inline constexpr FieldLayout device_status[] = {
    flags(number("value", 0, 8, "virtio device status"), status_flags),
};
inline constexpr FieldLayout device_state_reply[] = {
    named_number(bits("error", 0, 8, "result of the request"), success, "failure"),
    bits("no_descriptor", 8, 1, "set where the descriptor of the request is used"),
    reserved(bits("reserved", 9, 55, "must be 0")),
};
inline constexpr FieldLayout mac[] = {
    text("mac", 0, 6, "MAC address"),
    padding(6, 2),
};
inline constexpr FieldLayout vring_descriptor[] = {
    bits("index", 0, 8, "number of the queue"),
    bits("no_descriptor", 8, 1, "set where no descriptor comes along: the ring is polled"),
    reserved(bits("reserved", 9, 55, "must be 0")),
};
inline constexpr FieldLayout vring_state[] = {
    number("index", 0, 4, "number of the queue"),
    number("num", 4, 4, "size, base, enable or endianness, as the request says"),
};
inline constexpr FieldLayout vring_address[] = {
    number("index", 0, 4, "number of the queue"),
    flags(number("flags", 4, 4, "bit 0: log writes to the used ring"), vring_flags),
    address("descriptor", 8, "descriptor table, or the packed ring"),
    address("used", 16, "used ring, or the device event suppression area"),
    address("available", 24, "available ring, or the driver event suppression area"),
    address("log", 32, "guest address under which used ring writes are logged"),
};
inline constexpr FieldLayout memory_region[] = {
    address("guest_phys_addr", 0, "guest physical address"),
    number("memory_size", 8, 8, "bytes"),
    address("userspace_addr", 16, "front-end address; in a postcopy reply the back-end's"),
    number("mmap_offset", 24, 8, "where the region starts in the file"),
    only_xen(flags(number("xen_mmap_flags", 32, 4, "how Xen maps it"), xen_flags)),
    only_xen(number("domid", 36, 4, "Xen domain")),
};
inline constexpr FieldLayout memory_regions[] = {
    number("nregions", 0, 4, "regions that follow"),
    reserved(number("padding", 4, 4, "must be 0")),
};
inline constexpr FieldLayout single_memory_region[] = {
    reserved(number("padding", 0, 8, "must be 0")),
};
inline constexpr FieldLayout log[] = {
    number("mmap_size", 0, 8, "bytes of the log"),
    number("mmap_offset", 8, 8, "where the log starts in the file"),
};
inline constexpr FieldLayout iotlb[] = {
    address("iova", 0, "I/O virtual address"),
    number("size", 8, 8, "bytes"),
    address("user_addr", 16, "front-end address"),
    named_number(number("perm", 24, 1, "access"), iotlb_permissions),
    named_number(number("type", 25, 1, "kind of message"), iotlb_types),
    padding(26, 6),
};
inline constexpr FieldLayout config[] = {
    number("offset", 0, 4, "in the device configuration space"),
    number("size", 4, 4, "bytes of data"),
    number("flags", 8, 4, "0 writable fields, 1 migration; bits 0 and 1 for these in rust-vmm and crosvm"),
};
inline constexpr FieldLayout vring_area[] = {
    bits("index", 0, 8, "queue"),
    bits("no_descriptor", 8, 1, "1: the notifier is removed"),
    reserved(bits("reserved", 9, 55, "must be 0")),
    number("size", 8, 8, "bytes of the notifier area"),
    number("offset", 16, 8, "where the area starts in the file"),
};
inline constexpr FieldLayout inflight[] = {
    number("mmap_size", 0, 8, "bytes of the area; 0 in GET_INFLIGHT_FD"),
    number("mmap_offset", 8, 8, "where the area starts in the file"),
    number("num_queues", 16, 2, "queues covered"),
    number("queue_size", 18, 2, "descriptors of a queue"),
    padding(20, 4),
};
inline constexpr FieldLayout shared_object[] = {text("uuid", 0, 16, "the object")};
inline constexpr FieldLayout device_state_transfer[] = {
    named_number(number("direction", 0, 4, "SAVE: the back-end writes"), transfer_directions),
    named_number(number("phase", 4, 4, "state of the device"), transfer_phases),
};
inline constexpr FieldLayout mmap[] = {
    number("shmid", 0, 1, "shared memory region"),
    padding(1, 7),
    number("fd_offset", 8, 8, "in the file"),
    number("shm_offset", 16, 8, "in the shared memory region"),
    number("len", 24, 8, "bytes"),
    flags({.name = "flags", .format = FieldFormat::address, .offset = 32, .size = 8, .meaning = "access"}, mmap_flags),
};
inline constexpr FieldLayout shmem_config[] = {
    number("nregions", 0, 4, "entries of sizes that are not 0"),
    padding(4, 4),
};
inline constexpr FieldLayout shmem_size[] = {number("", 0, 8, "bytes of the region of this number")};

inline constexpr TailLayout region_list{.rule = CountRule::u32_field,
                                        .name = "regions",
                                        .element_size = 32,
                                        .xen_extra = 8,
                                        .element = memory_region,
                                        .meaning = "memory regions"};
inline constexpr std::uint32_t most_regions = 32;  // rust-vmm and crosvm; 8 elsewhere
inline constexpr std::uint32_t most_config_bytes = 256;

inline constexpr PayloadLayout vhost_user[] = {
    fixed_layout(PayloadKind::none, 0, {}),
    fixed_layout(PayloadKind::u64, 8, u64),
    fixed_layout(PayloadKind::vring_descriptor, 8, vring_descriptor),
    fixed_layout(PayloadKind::vring_state, 8, vring_state),
    fixed_layout(PayloadKind::vring_address, 40, vring_address),
    {PayloadKind::memory_regions, 8, 8 + 32, 8 + 32 * most_regions, memory_regions, region_list},
    {PayloadKind::memory_region,
     8,
     8 + 32,
     8 + 40,
     single_memory_region,
     {.rule = CountRule::one,
      .name = "region",
      .element_size = 32,
      .xen_extra = 8,
      .element = memory_region,
      .meaning = "memory region"}},
    {PayloadKind::log, 16, 8, 16, log, {}},
    fixed_layout(PayloadKind::iotlb, 32, iotlb),
    {PayloadKind::config,
     12,
     12,
     12 + most_config_bytes,
     config,
     {.rule = CountRule::u32_field,
      .name = "data",
      .count_offset = 4,
      .element_size = 1,
      .meaning = "configuration space; zeros in a request to read it"}},
    fixed_layout(PayloadKind::vring_area, 24, vring_area),
    {PayloadKind::inflight, 24, 20, 24, inflight, {}},  // 20 from packed structures
    fixed_layout(PayloadKind::shared_object, 16, shared_object),
    fixed_layout(PayloadKind::device_state_transfer, 8, device_state_transfer),
    fixed_layout(PayloadKind::mmap, 40, mmap),
    {PayloadKind::shmem_config,
     8,
     8 + 256 * 8,
     8 + 256 * 8,
     shmem_config,
     {.rule = CountRule::fixed,
      .name = "sizes",
      .count = 256,
      .element_size = 8,
      .element = shmem_size,
      .meaning = "bytes of each region, by shmid"}},
    fixed_layout(PayloadKind::mac, 8, mac),
    fixed_layout(PayloadKind::u32, 4, u32),
    {PayloadKind::any, 0, 0, no_limit, {}, {.rule = CountRule::rest, .name = "data", .element_size = 1}},
    fixed_layout(PayloadKind::features, 8, features),
    fixed_layout(PayloadKind::protocol_features, 8, protocol_features),
    fixed_layout(PayloadKind::device_status, 8, device_status),
    fixed_layout(PayloadKind::acknowledgement, 8, acknowledgement),
    fixed_layout(PayloadKind::device_state_reply, 8, device_state_reply),
    {PayloadKind::memory_table_reply, 8, 8 + 32, 8 + 32 * most_regions, memory_regions, region_list},
};

}  // namespace vutrace::protocol::layouts
