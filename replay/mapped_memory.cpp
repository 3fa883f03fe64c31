#include "vutrace/replay/mapped_memory.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>

namespace vutrace::replay {
namespace {

// Touching a page that the file does not have raises SIGBUS, so a file that is too short is not mapped at all.
Status check_extent(const virtio::Region& region, const FileDescriptor& file) {
    struct stat status {};
    if (::fstat(file.number(), &status) != 0) {
        return fail_errno("cannot look at the file of a memory region");
    }
    std::uint64_t end = 0;
    if (__builtin_add_overflow(region.mmap_offset, region.size, &end) ||
        end > static_cast<std::uint64_t>(status.st_size)) {
        return fail(ErrorCode::bad_input,
                    fmt::format("memory region at {:#x} wants {} bytes from offset {:#x} of a file with {} bytes",
                                region.guest_address, region.size, region.mmap_offset, status.st_size));
    }
    return {};
}

Result<Mapping> map_region(const session::KnownRegion& known, const MappedMemory::FindFile& find_file) {
    const FileDescriptor* file = find_file(known.descriptor_id);
    if (file == nullptr) {
        return fail(ErrorCode::bad_input,
                    fmt::format("memory region at {:#x} came without a file", known.region.guest_address));
    }
    if (const auto fits = check_extent(known.region, *file); !fits) {
        return tl::unexpected(fits.error());
    }
    return Mapping::create(*file, known.region.mmap_offset, known.region.size, Mapping::Access::read_write);
}

// Applies `visit(piece, offset)` to all pieces of a range; false where a byte is outside.
template <class Visit>
bool for_each_piece(const MappedMemory& memory, std::uint64_t address, std::uint64_t length, Visit visit) {
    std::uint64_t done = 0;
    while (done < length) {
        const MutableByteView piece = memory.piece(address + done, length - done);
        if (piece.empty()) {
            return false;
        }
        visit(piece, done);
        done += piece.size();
    }
    return true;
}

// Below this a system call costs more than the pages that it would save.
constexpr std::size_t worth_a_hole = 64U << 10U;

// A page of a sparse file that was only read is there from then on: a guest of 64 GiB would become real. Whole pages
// are given back instead.
void clear(MutableByteView bytes) noexcept {
    constexpr std::size_t page = 4096;
    if (bytes.size() >= worth_a_hole) {
        const auto begin = reinterpret_cast<std::uintptr_t>(bytes.data());
        const std::size_t lead = (page - begin % page) % page;
        const std::size_t whole = (bytes.size() - lead) / page * page;
        if (::madvise(bytes.data() + lead, whole, MADV_REMOVE) == 0) {
            std::memset(bytes.data(), 0, lead);
            std::memset(bytes.data() + lead + whole, 0, bytes.size() - lead - whole);
            return;
        }
    }
    for (std::size_t at = 0; at < bytes.size(); at += page) {  // reading is cheaper than making a page dirty
        const MutableByteView part = bytes.subspan(at, std::min(page, bytes.size() - at));
        if (std::any_of(part.begin(), part.end(), [](std::byte byte) { return byte != std::byte{0}; })) {
            std::memset(part.data(), 0, part.size());
        }
    }
}

}  // namespace

Status MappedMemory::update(const std::vector<session::KnownRegion>& regions, const FindFile& find_file) {
    Status outcome;
    std::vector<MappedRegion> fresh;
    fresh.reserve(regions.size());
    for (const session::KnownRegion& known : regions) {
        const auto same =
            std::find_if(regions_.begin(), regions_.end(), [&](const auto& old) { return old.known == known; });
        if (same != regions_.end()) {
            fresh.push_back(std::move(*same));
            regions_.erase(same);
            continue;
        }
        auto mapping = map_region(known, find_file);
        if (mapping) {
            fresh.push_back({known, std::move(*mapping)});
        } else if (outcome) {
            outcome = tl::unexpected(mapping.error());
        }
    }
    regions_ = std::move(fresh);
    ++epoch_;
    return outcome;
}

MutableByteView MappedMemory::piece(std::uint64_t address, std::uint64_t length) const noexcept {
    for (const MappedRegion& region : regions_) {
        const std::uint64_t offset = address - region.known.region.guest_address;
        if (address >= region.known.region.guest_address && offset < region.mapping.size()) {
            return {region.mapping.data() + offset, std::min<std::uint64_t>(length, region.mapping.size() - offset)};
        }
    }
    return {};
}

std::byte* MappedMemory::at(std::uint64_t address, std::uint64_t length) const noexcept {
    const MutableByteView found = piece(address, length);
    return found.size() == length && length != 0 ? found.data() : nullptr;
}

bool MappedMemory::read(std::uint64_t address, MutableByteView out) const noexcept {
    return for_each_piece(*this, address, out.size(), [&](MutableByteView piece, std::uint64_t offset) {
        std::memcpy(out.data() + offset, piece.data(), piece.size());
    });
}

bool MappedMemory::write(std::uint64_t address, ByteView bytes) const noexcept {
    return for_each_piece(*this, address, bytes.size(), [&](MutableByteView piece, std::uint64_t offset) {
        std::memcpy(piece.data(), bytes.data() + offset, piece.size());
    });
}

bool MappedMemory::zero(std::uint64_t address, std::uint64_t length) const noexcept {
    return for_each_piece(*this, address, length, [](MutableByteView piece, std::uint64_t) { clear(piece); });
}

bool MappedMemory::contains(std::uint64_t address, std::uint64_t length) const noexcept {
    return for_each_piece(*this, address, length, [](MutableByteView, std::uint64_t) {});
}

}  // namespace vutrace::replay
