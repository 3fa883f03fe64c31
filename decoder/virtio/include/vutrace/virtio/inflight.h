// In-flight areas: shared memory in which a back-end notes what it has taken from its rings and not used yet, so that
// the next back-end can do it again after a crash. Sources: QEMU docs/interop/vhost-user.rst, "Inflight I/O tracking";
// layouts as libvhost-user, DPDK, yc-libvhost-server and rust-vmm have them.
#pragma once

#include <vutrace/base/bytes.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace vutrace::virtio {

// A chain that was taken and not used.
struct InflightHead {
    std::uint16_t head{0};                   // of the chain; packed: number of its first entry in the area
    std::uint64_t counter{0};                // grows from chain to chain in the order they were taken
    std::optional<std::uint16_t> buffer_id;  // packed only, where the chain's last entry is in the area
    bool operator==(const InflightHead&) const = default;
};

struct InflightQueue {
    std::uint16_t queue{0};
    std::uint16_t version{0};               // 0: never written, 1
    std::uint16_t descriptors{0};           // desc_num: the queue size
    std::uint16_t used_index{0};            // up to which used entries were published and noted
    std::uint16_t last_batch_head{0};       // split only
    std::uint16_t free_head{0};             // packed only
    std::optional<bool> used_wrap_counter;  // packed only
    std::vector<InflightHead> in_flight;    // in the order in which they were taken
    bool equal_counters{false};             // two heads in flight have the same counter
    bool cut{false};                        // entries are missing: beyond the stride, or not recorded
};

struct InflightArea {
    bool packed{false};
    std::uint32_t header_size{16};      // packed: 32, or 29 where the back-end declares it without padding (rust-vmm)
    std::uint64_t stride{0};            // bytes from queue to queue
    std::vector<InflightQueue> queues;  // those that have been written to, or are recorded at all
};

// What the messages say of an area.
struct InflightShape {
    std::uint64_t size{0};  // mmap_size
    std::uint16_t queues{0};
    std::uint16_t queue_size{0};
    bool packed{false};
};

// The most bytes of an area that are looked at: real ones have some KiB for each queue.
inline constexpr std::uint64_t most_inflight_bytes = std::uint64_t{4} << 20U;

// `known` are the area's bytes from its beginning, as far as they were recorded. Never fails: what cannot be read or
// does not fit is left out. Work and memory are bounded by `most_inflight_bytes`.
[[nodiscard]] InflightArea parse_inflight_area(const InflightShape& shape, ByteView known);

}  // namespace vutrace::virtio
