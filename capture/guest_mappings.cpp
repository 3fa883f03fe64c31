#include "guest_mappings.h"

#include "guarded_copy.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <utility>

namespace vutrace::capture {
namespace {

std::atomic<std::uint64_t> claimed_bytes{0};  // by every session

std::shared_ptr<const MappedRegion> find_kept(const GuestMappings* previous, const session::KnownRegion& known) {
    if (previous == nullptr || known.descriptor_id == 0) {
        return nullptr;
    }
    for (const auto& kept : previous->regions()) {
        if (kept->descriptor_id == known.descriptor_id && kept->region == known.region) {
            return kept;
        }
    }
    return nullptr;
}

FileDescriptor take_descriptor(const GuestMappings::Received& received, std::uint32_t id) {
    if (received.descriptors == nullptr || received.ids == nullptr || id == 0) {
        return {};
    }
    const auto found = std::find(received.ids->begin(), received.ids->end(), id);
    const auto index = static_cast<std::size_t>(found - received.ids->begin());
    return index < received.descriptors->size() ? std::move((*received.descriptors)[index]) : FileDescriptor{};
}

Status map_region(MappedRegion& region) {
    auto claim = AddressSpaceClaim::create(region.region.size);
    if (!claim) {
        return tl::unexpected(claim.error());
    }
    auto mapping =
        Mapping::create(region.file, region.region.mmap_offset, region.region.size, Mapping::Access::read_only);
    if (!mapping) {
        return tl::unexpected(mapping.error());
    }
    region.claim = std::move(*claim);
    region.mapping = std::move(*mapping);
    return {};
}

}  // namespace

Result<AddressSpaceClaim> AddressSpaceClaim::create(std::uint64_t bytes) {
    std::uint64_t before = claimed_bytes.load();
    do {
        if (bytes > most_bytes - before) {
            return fail(ErrorCode::limit,
                        fmt::format("{} bytes do not fit beside the {} bytes that are mapped: at most "
                                    "{} may be",
                                    bytes, before, most_bytes));
        }
    } while (!claimed_bytes.compare_exchange_weak(before, before + bytes));
    return AddressSpaceClaim(bytes);
}

AddressSpaceClaim::~AddressSpaceClaim() {
    claimed_bytes -= bytes_;
}

GuestMappings::Built GuestMappings::next(const GuestMappings* previous,
                                         const std::vector<session::KnownRegion>& regions, Received received,
                                         bool map) {
    auto next = std::make_shared<GuestMappings>();
    Built built;
    for (const session::KnownRegion& known : regions) {
        if (auto kept = find_kept(previous, known); kept != nullptr) {
            next->regions_.push_back(std::move(kept));
            continue;
        }
        auto region = std::make_shared<MappedRegion>();
        region->region = known.region;
        region->descriptor_id = known.descriptor_id;
        region->file = take_descriptor(received, known.descriptor_id);
        if (!region->file) {
            built.problems.push_back(
                fmt::format("the memory region at {:#x} came without a descriptor: its bytes are "
                            "not recorded",
                            known.region.guest_address));
        } else if (map) {
            if (const Status mapped = map_region(*region); !mapped) {
                built.problems.push_back(fmt::format("the memory region at {:#x} is not recorded: {}",
                                                     known.region.guest_address, describe(mapped.error())));
            }
        }
        next->regions_.push_back(std::move(region));
    }
    built.mappings = std::move(next);
    return built;
}

bool GuestMappings::read(std::uint64_t address, MutableByteView out) const noexcept {
    while (!out.empty()) {
        const auto holds = [address](const auto& region) {
            return address - region->region.guest_address < region->region.size;
        };
        const auto found = std::find_if(regions_.begin(), regions_.end(), holds);
        if (found == regions_.end() || !(*found)->mapping) {
            return false;
        }
        const std::uint64_t offset = address - (*found)->region.guest_address;
        const std::uint64_t size = std::min<std::uint64_t>(out.size(), (*found)->region.size - offset);
        if (!guarded_copy((*found)->mapping.data() + offset, out.first(size)) ||
            (size < out.size() && address + size < address)) {
            return false;
        }
        address += size;
        out = out.subspan(size);
    }
    return true;
}

const std::byte* GuestMappings::find(std::uint64_t address, std::uint64_t length) const noexcept {
    for (const auto& region : regions_) {
        const std::uint64_t offset = address - region->region.guest_address;
        if (offset < region->region.size && length <= region->region.size - offset) {
            return region->mapping ? region->mapping.data() + offset : nullptr;
        }
    }
    return nullptr;
}

}  // namespace vutrace::capture
