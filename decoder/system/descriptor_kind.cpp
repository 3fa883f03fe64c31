#include "vutrace/system/descriptor_kind.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <string_view>

namespace vutrace {
namespace {

constexpr long hugetlbfs_magic = 0x958458f6;

// Opened once: this walk is on the path of every message that carries a descriptor.
int own_descriptors_folder() noexcept {
    static const FileDescriptor folder(::open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC));
    return folder.number();
}

// Anonymous inodes have no type of their own: only the /proc link names them.
DescriptorKind anonymous_kind(int number) noexcept {
    std::array<char, 16> name_in_folder{};
    std::array<char, 128> target{};
    *std::to_chars(name_in_folder.data(), name_in_folder.data() + name_in_folder.size() - 1, number).ptr = '\0';
    const ssize_t length = ::readlinkat(own_descriptors_folder(), name_in_folder.data(), target.data(), target.size());
    const std::string_view name(target.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
    if (name.starts_with("anon_inode:[eventfd]")) {
        return DescriptorKind::eventfd;
    }
    if (name.starts_with("anon_inode:[userfaultfd]")) {
        return DescriptorKind::userfaultfd;
    }
    if (name.starts_with("/memfd:")) {
        return DescriptorKind::memfd;
    }
    return DescriptorKind::other;
}

DescriptorKind file_kind(int number) noexcept {
    struct statfs filesystem {};
    if (::fstatfs(number, &filesystem) == 0 && filesystem.f_type == hugetlbfs_magic) {
        return DescriptorKind::hugetlbfs;
    }
    return anonymous_kind(number) == DescriptorKind::memfd ? DescriptorKind::memfd : DescriptorKind::file;
}

}  // namespace

const char* name_of(DescriptorKind kind) noexcept {
    switch (kind) {
        case DescriptorKind::other:
            return "other";
        case DescriptorKind::memfd:
            return "memfd";
        case DescriptorKind::hugetlbfs:
            return "hugetlbfs";
        case DescriptorKind::file:
            return "file";
        case DescriptorKind::eventfd:
            return "eventfd";
        case DescriptorKind::pipe:
            return "pipe";
        case DescriptorKind::socket:
            return "socket";
        case DescriptorKind::userfaultfd:
            return "userfaultfd";
    }
    return "other";
}

std::vector<std::string> seal_names(std::uint32_t seals) {
    // linux/fcntl.h, F_SEAL_SEAL to F_SEAL_EXEC.
    constexpr std::array names{"seal", "shrink", "grow", "write", "future-write", "exec"};
    std::vector<std::string> result;
    for (unsigned bit = 0; bit < 32; ++bit) {
        if (((seals >> bit) & 1U) != 0) {
            result.push_back(bit < names.size() ? names[bit] : "bit " + std::to_string(bit));
        }
    }
    return result;
}

DescriptorDescription describe_descriptor(const FileDescriptor& descriptor) noexcept {
    DescriptorDescription result;
    const int number = descriptor.number();
    struct stat status {};
    if (::fstat(number, &status) != 0) {
        return result;
    }
    result.device = status.st_dev;
    result.inode = status.st_ino;
    const int flags = ::fcntl(number, F_GETFL);
    result.status_flags = flags < 0 ? 0 : static_cast<std::uint32_t>(flags);
    if (S_ISREG(status.st_mode)) {
        result.size = static_cast<std::uint64_t>(status.st_size);
        result.kind = file_kind(number);
        const int seals = ::fcntl(number, F_GET_SEALS);
        result.seals = seals < 0 ? 0 : static_cast<std::uint32_t>(seals);
    } else if (S_ISSOCK(status.st_mode)) {
        result.kind = DescriptorKind::socket;
    } else if (S_ISFIFO(status.st_mode)) {
        result.kind = DescriptorKind::pipe;
    } else {
        result.kind = anonymous_kind(number);
    }
    return result;
}

}  // namespace vutrace
