#include "vutrace/virtio/guest_memory.h"

namespace vutrace::virtio {
namespace {

// Does [base, base + size) hold [address, address + length)? No sum is formed that could wrap; a region that itself
// wraps holds only what lies before the end of the address space.
bool holds(std::uint64_t base, std::uint64_t size, std::uint64_t address, std::uint64_t length) noexcept {
    if (address < base) {
        return false;
    }
    const std::uint64_t offset = address - base;
    return offset < size && length <= size - offset && length <= UINT64_MAX - address;
}

}  // namespace

const Region* RegionTable::find_guest(std::uint64_t address, std::uint64_t length) const noexcept {
    for (const Region& region : regions) {
        if (holds(region.guest_address, region.size, address, length)) {
            return &region;
        }
    }
    return nullptr;
}

const Region* RegionTable::find_user(std::uint64_t address, std::uint64_t length) const noexcept {
    for (const Region& region : regions) {
        if (holds(region.user_address, region.size, address, length)) {
            return &region;
        }
    }
    return nullptr;
}

std::optional<std::uint64_t> RegionTable::user_to_guest(std::uint64_t address, std::uint64_t length) const noexcept {
    const Region* region = find_user(address, length);
    if (region == nullptr) {
        return std::nullopt;
    }
    const std::uint64_t offset = address - region->user_address;
    if (!holds(region->guest_address, region->size, region->guest_address + offset, length)) {
        return std::nullopt;  // the region wraps on the guest's side
    }
    return region->guest_address + offset;
}

}  // namespace vutrace::virtio
