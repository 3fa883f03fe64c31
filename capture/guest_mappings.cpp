#include "guest_mappings.h"

#include "guarded_copy.h"
#include "region_file.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <iterator>
#include <utility>

namespace vutrace::capture {
namespace {

// By every session.
std::atomic<std::uint64_t> claimed_bytes{0};
std::atomic<std::uint64_t> claimed_mappings{0};
std::atomic<std::uint64_t> claimed_descriptors{0};

std::uint64_t most_descriptors() noexcept {
    rlimit limit{};
    return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur / 4 : 256;
}

// False where `most` would be passed: then nothing is added.
bool add_within(std::atomic<std::uint64_t>& sum, std::uint64_t share, std::uint64_t most) noexcept {
    std::uint64_t before = sum.load();
    do {
        if (before > most || share > most - before) {
            return false;
        }
    } while (!sum.compare_exchange_weak(before, before + share));
    return true;
}

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

Result<Mapping> map_file(MappedRegion& region, bool writable) {
    const auto map = [&region](Mapping::Access access) {
        return Mapping::create(region.file, region.region.mmap_offset, region.region.size, access);
    };
    if (writable) {
        if (auto mapping = map(Mapping::Access::read_write)) {
            region.writable = true;
            return mapping;
        }
    }
    return map(Mapping::Access::read_only);
}

Status map_region(MappedRegion& region, bool writable) {
    auto claim = AddressSpaceClaim::create(region.region.size);
    if (!claim) {
        return tl::unexpected(claim.error());
    }
    auto mapping = map_file(region, writable);
    if (!mapping) {
        return tl::unexpected(mapping.error());
    }
    region.mapping_claim = std::move(*claim);
    region.mapping = std::move(*mapping);
    return {};
}

Status keep_file(MappedRegion& region) {
    auto claim = DescriptorClaim::create();
    if (!claim) {
        return tl::unexpected(claim.error());
    }
    region.file_claim = std::move(*claim);
    return {};
}

// Leaves in the region what `use` asks for and nothing else; gives what is wrong, one sentence each.
std::vector<std::string> take_in(MappedRegion& region, GuestMappings::Use use) {
    std::vector<std::string> problems;
    const auto say = [&](const char* what, const Status& why) {
        problems.push_back(fmt::format("the memory region at {:#x} is not {}: {}", region.region.guest_address, what,
                                       describe(why.error())));
    };
    Status usable = check_region_file(region.file);
    if (usable && use.map) {
        usable = map_region(region, use.writable);
    }
    if (!usable) {
        say("recorded", usable);
    }
    bool keep = usable && use.keep_files;
    if (keep) {
        if (const Status kept = keep_file(region); !kept) {
            say("recorded as a whole", kept);
            keep = false;
        }
    }
    if (!keep) {
        region.file.reset();
    }
    return problems;
}

}  // namespace

Result<AddressSpaceClaim> AddressSpaceClaim::create(std::uint64_t bytes) {
    if (!add_within(claimed_mappings, 1, most_mappings)) {
        return fail(ErrorCode::limit, fmt::format("at most {} regions may be mapped", most_mappings));
    }
    if (!add_within(claimed_bytes, bytes, most_bytes)) {
        --claimed_mappings;
        return fail(ErrorCode::limit, fmt::format("{} bytes do not fit beside those that are mapped: at most {} may be",
                                                  bytes, most_bytes));
    }
    return AddressSpaceClaim(bytes);
}

AddressSpaceClaim::~AddressSpaceClaim() {
    claimed_bytes -= bytes_;
    claimed_mappings -= mappings_;
}

Result<DescriptorClaim> DescriptorClaim::create() {
    if (const std::uint64_t most = most_descriptors(); !add_within(claimed_descriptors, 1, most)) {
        return fail(ErrorCode::limit, fmt::format("at most {} files of memory regions may be kept open", most));
    }
    DescriptorClaim claim;
    claim.count_ = 1;
    return claim;
}

DescriptorClaim::~DescriptorClaim() {
    claimed_descriptors -= count_;
}

GuestMappings::Built GuestMappings::next(const GuestMappings* previous,
                                         const std::vector<session::KnownRegion>& regions, Received received, Use use) {
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
        } else {
            auto problems = take_in(*region, use);
            std::move(problems.begin(), problems.end(), std::back_inserter(built.problems));
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

const MappedRegion* GuestMappings::holder_of(std::uint64_t address, std::uint64_t length) const noexcept {
    for (const auto& region : regions_) {
        const std::uint64_t offset = address - region->region.guest_address;
        if (offset < region->region.size && length <= region->region.size - offset) {
            return region->mapping ? region.get() : nullptr;
        }
    }
    return nullptr;
}

const std::byte* GuestMappings::find(std::uint64_t address, std::uint64_t length) const noexcept {
    const MappedRegion* const region = holder_of(address, length);
    return region == nullptr ? nullptr : region->mapping.data() + (address - region->region.guest_address);
}

std::byte* GuestMappings::find_writable(std::uint64_t address, std::uint64_t length) const noexcept {
    const MappedRegion* const region = holder_of(address, length);
    return region == nullptr || !region->writable ? nullptr
                                                  : region->mapping.data() + (address - region->region.guest_address);
}

}  // namespace vutrace::capture
