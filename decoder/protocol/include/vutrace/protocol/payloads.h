// Typed payloads, for who acts on messages (session state, capture, replay). Rendering walks the field tables of
// `fields.h` instead. Layouts: QEMU docs/interop/vhost-user.rst, "Message types"; sizes are checked at compile time
// against the field tables.
#pragma once

#include <vutrace/base/bytes.h>
#include <vutrace/base/error.h>

#include <array>
#include <cstdint>
#include <vector>

namespace vutrace::protocol {

// SET_VRING_KICK, _CALL, _ERR: queue index in bits 0-7, bit 8 says that no descriptor comes along.
struct VringDescriptorPayload {
    static constexpr std::uint64_t no_descriptor_bit = 0x100;
    std::uint64_t value{0};
    [[nodiscard]] std::uint8_t queue() const noexcept { return static_cast<std::uint8_t>(value & 0xff); }
    [[nodiscard]] bool no_descriptor() const noexcept { return (value & no_descriptor_bit) != 0; }
};

struct VringState {
    std::uint32_t index{0};
    std::uint32_t num{0};
    bool operator==(const VringState&) const = default;
};

struct VringAddress {
    std::uint32_t index{0};
    std::uint32_t flags{0};  // bit 0: log writes to the used ring
    std::uint64_t descriptor{0};
    std::uint64_t used{0};
    std::uint64_t available{0};
    std::uint64_t log{0};
    bool operator==(const VringAddress&) const = default;
};

struct MemoryRegion {
    std::uint64_t guest_address{0};
    std::uint64_t size{0};
    std::uint64_t user_address{0};
    std::uint64_t mmap_offset{0};
    std::uint32_t xen_mmap_flags{0};  // only with XEN_MMAP
    std::uint32_t xen_domain{0};
    bool operator==(const MemoryRegion&) const = default;
};

struct Log {
    std::uint64_t mmap_size{0};
    std::uint64_t mmap_offset{0};
};

struct Config {
    std::uint32_t offset{0};
    std::uint32_t size{0};
    std::uint32_t flags{0};
    Bytes data;
};

struct Inflight {
    std::uint64_t mmap_size{0};
    std::uint64_t mmap_offset{0};
    std::uint16_t num_queues{0};
    std::uint16_t queue_size{0};
};

struct Iotlb {
    // Those of processes; the kernel's vhost has more.
    enum Type : std::uint8_t { miss = 1, update = 2, invalidate = 3, access_fail = 4 };

    std::uint64_t iova{0};
    std::uint64_t size{0};
    std::uint64_t user_address{0};
    std::uint8_t permission{0};
    std::uint8_t type{0};
};

struct VringArea {
    VringDescriptorPayload value;  // bit 8: the notifier is removed
    std::uint64_t size{0};
    std::uint64_t offset{0};  // in the file
};

// SHMEM_MAP, SHMEM_UNMAP
struct SharedMap {
    std::uint8_t region{0};  // shmid
    std::uint64_t file_offset{0};
    std::uint64_t region_offset{0};  // in the shared memory region
    std::uint64_t length{0};
    std::uint64_t flags{0};
};

// All fail with bad_input where the payload is shorter than the layout needs; extra bytes are ignored (the table's
// size check reports them).
[[nodiscard]] Result<std::uint64_t> parse_u64(ByteView payload);
[[nodiscard]] Result<VringDescriptorPayload> parse_vring_descriptor(ByteView payload);
[[nodiscard]] Result<VringState> parse_vring_state(ByteView payload);
[[nodiscard]] Result<VringAddress> parse_vring_address(ByteView payload);
// The count in the payload is checked against its size before anything is allocated.
[[nodiscard]] Result<std::vector<MemoryRegion>> parse_memory_regions(ByteView payload, bool xen_mmap);
[[nodiscard]] Result<MemoryRegion> parse_memory_region(ByteView payload, bool xen_mmap);  // ADD_/REM_MEM_REG
[[nodiscard]] Result<Log> parse_log(ByteView payload);
[[nodiscard]] Result<Config> parse_config(ByteView payload);
[[nodiscard]] Result<Inflight> parse_inflight(ByteView payload);
[[nodiscard]] Result<Iotlb> parse_iotlb(ByteView payload);
[[nodiscard]] Result<VringArea> parse_vring_area(ByteView payload);
[[nodiscard]] Result<SharedMap> parse_shared_map(ByteView payload);

[[nodiscard]] Bytes serialise_u64(std::uint64_t value);
[[nodiscard]] Bytes serialise(const VringState& state);
[[nodiscard]] Bytes serialise(const VringAddress& address);
[[nodiscard]] Bytes serialise_regions(const std::vector<MemoryRegion>& regions, bool xen_mmap);
[[nodiscard]] Bytes serialise_region(const MemoryRegion& region, bool xen_mmap);
[[nodiscard]] Bytes serialise(const Log& log);
[[nodiscard]] Bytes serialise(const Config& config);
[[nodiscard]] Bytes serialise(const Inflight& inflight);
[[nodiscard]] Bytes serialise(const Iotlb& iotlb);
[[nodiscard]] Bytes serialise(const VringArea& area);
[[nodiscard]] Bytes serialise(const SharedMap& map);

}  // namespace vutrace::protocol
