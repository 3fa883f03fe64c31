#include "vutrace/system/mapping.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <utility>

namespace vutrace {
namespace {

constexpr long hugetlbfs_magic = 0x958458f6;

Result<std::uint64_t> page_size_of(const FileDescriptor& file) {
    struct statfs filesystem {};
    if (::fstatfs(file.number(), &filesystem) != 0) {
        return fail_errno("cannot ask for the page size of a file to map");
    }
    if (filesystem.f_type == hugetlbfs_magic) {
        return static_cast<std::uint64_t>(filesystem.f_bsize);
    }
    return static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

Mapping::Mapping(Mapping&& from) noexcept
    : base_(std::exchange(from.base_, nullptr)),
      mapped_(std::exchange(from.mapped_, 0)),
      lead_(std::exchange(from.lead_, 0)),
      size_(std::exchange(from.size_, 0)) {}

Mapping& Mapping::operator=(Mapping&& from) noexcept {
    if (this != &from) {
        reset();
        base_ = std::exchange(from.base_, nullptr);
        mapped_ = std::exchange(from.mapped_, 0);
        lead_ = std::exchange(from.lead_, 0);
        size_ = std::exchange(from.size_, 0);
    }
    return *this;
}

void Mapping::reset() noexcept {
    if (base_ != nullptr) {
        (void)::munmap(base_, mapped_);
    }
    base_ = nullptr;
    mapped_ = lead_ = size_ = 0;
}

Result<Mapping> Mapping::create(const FileDescriptor& file, std::uint64_t offset, std::uint64_t size, Access access) {
    const auto page = page_size_of(file);
    if (!page) {
        return tl::unexpected(page.error());
    }
    const std::uint64_t lead = offset % *page;
    std::uint64_t end = 0;
    if (size == 0 || __builtin_add_overflow(offset, size, &end) || __builtin_add_overflow(end, *page - 1, &end) ||
        end > static_cast<std::uint64_t>(INT64_MAX)) {
        return fail(ErrorCode::usage, fmt::format("cannot map {} bytes from offset {:#x} of a file", size, offset));
    }
    const std::uint64_t start = offset - lead;
    const std::uint64_t mapped = (end / *page) * *page - start;
    const int protection = access == Access::read_only ? PROT_READ : PROT_READ | PROT_WRITE;
    void* base =
        ::mmap(nullptr, mapped, protection, MAP_SHARED | MAP_NORESERVE, file.number(), static_cast<off_t>(start));
    if (base == MAP_FAILED) {
        return fail_errno(fmt::format("cannot map {} bytes from offset {:#x} of a file", size, offset));
    }
    // A core dump of vutrace must not carry a guest's memory, and a child has no use for it.
    (void)::madvise(base, mapped, MADV_DONTDUMP);
    (void)::madvise(base, mapped, MADV_DONTFORK);
    Mapping mapping;
    mapping.base_ = static_cast<std::byte*>(base);
    mapping.mapped_ = mapped;
    mapping.lead_ = lead;
    mapping.size_ = size;
    return mapping;
}

}  // namespace vutrace
