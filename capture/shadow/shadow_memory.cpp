#include "shadow_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace vutrace::capture {
namespace {

// 64 TiB: above what machines have as memory, and between a process's own data and its mappings.
constexpr std::uint64_t first_address = std::uint64_t{1} << 46U;
constexpr std::uint64_t address_step = std::uint64_t{1} << 40U;
constexpr std::uint64_t most_tries = 64;

// Two ranges that lie in the address space without wrapping, or one that wraps: then it may be anywhere.
bool overlap(std::uint64_t first, std::uint64_t first_size, std::uint64_t second, std::uint64_t second_size) noexcept {
    if (second_size > UINT64_MAX - second) {
        return true;
    }
    return first < second + second_size && second < first + first_size;
}

bool collides(std::uint64_t address, std::uint64_t size, const std::vector<virtio::Region>& regions) noexcept {
    return std::any_of(regions.begin(), regions.end(), [&](const virtio::Region& region) {
        return overlap(address, size, region.guest_address, region.size) ||
               overlap(address, size, region.user_address, region.size);
    });
}

}  // namespace

Result<ShadowMemory> ShadowMemory::create(std::uint32_t queues) {
    const std::uint64_t size = std::clamp(queues, fewest_queues, most_queues) * bytes_per_queue;
    ShadowMemory memory;
    memory.file_ = FileDescriptor(::memfd_create("vutrace-shadow-rings", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!memory.file_ || ::ftruncate(memory.file_.number(), static_cast<off_t>(size)) != 0) {
        return fail_errno("cannot create the memory of shadow rings");
    }
    // The back-end could cut it short under us otherwise.
    if (::fcntl(memory.file_.number(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        return fail_errno("cannot seal the memory of shadow rings");
    }
    auto mapping = Mapping::create(memory.file_, 0, size, Mapping::Access::read_write);
    if (!mapping) {
        return tl::unexpected(mapping.error());
    }
    memory.mapping_ = std::move(*mapping);
    return memory;
}

std::optional<std::uint64_t> ShadowMemory::find_address(const std::vector<virtio::Region>& regions) const {
    for (std::uint64_t attempt = 0; attempt < most_tries; ++attempt) {
        const std::uint64_t address = first_address + attempt * address_step;
        if (!collides(address, mapping_.size(), regions)) {
            return address;
        }
    }
    return std::nullopt;
}

bool ShadowMemory::collides_with(const std::vector<virtio::Region>& regions) const noexcept {
    return collides(address_, mapping_.size(), regions);
}

}  // namespace vutrace::capture
