// Guest memory as a walker sees it: by guest physical address, whoever holds the bytes (a live mapping in capture,
// a reconstruction from a trace, the replayer's own memory).
#pragma once

#include <vutrace/base/bytes.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace vutrace::virtio {

class GuestMemory {
  public:
    virtual ~GuestMemory() = default;
    // Copies [address, address + out.size()). False where any byte is outside every region, not known or not
    // readable; `out` may then be partly written. Each byte is read once. Never throws, never raises a signal.
    [[nodiscard]] virtual bool read(std::uint64_t address, MutableByteView out) const noexcept = 0;
};

struct Region {
    std::uint64_t guest_address{0};
    std::uint64_t size{0};
    std::uint64_t user_address{0};  // in the front-end's process
    std::uint64_t mmap_offset{0};   // in the region's file
    bool operator==(const Region&) const = default;
};

// The regions of one moment. Small (at most some hundred), so looked up linearly.
class RegionTable {
  public:
    std::vector<Region> regions;

    // The region that holds [address, address + length), without overflow; null where none does completely.
    [[nodiscard]] const Region* find_guest(std::uint64_t address, std::uint64_t length) const noexcept;
    [[nodiscard]] const Region* find_user(std::uint64_t address, std::uint64_t length) const noexcept;
    // Guest physical address of a front-end user address; empty where [address, address + length) is in no region.
    [[nodiscard]] std::optional<std::uint64_t> user_to_guest(std::uint64_t address,
                                                             std::uint64_t length) const noexcept;
};

}  // namespace vutrace::virtio
