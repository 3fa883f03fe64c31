#include "region_file.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>

namespace vutrace::capture {
namespace {

constexpr unsigned memory_devices = 1;  // major number of /dev/mem, /dev/null, /dev/zero, /dev/random…

struct ServedFileSystem {
    std::uint32_t magic;  // f_type, of which 32 bits count
    const char* name;
};
constexpr std::array served_file_systems{
    ServedFileSystem{0x65735546, "FUSE"}, ServedFileSystem{0x00006969, "NFS"},  ServedFileSystem{0x01021997, "9P"},
    ServedFileSystem{0xff534d42, "CIFS"}, ServedFileSystem{0xfe534d42, "SMB2"}, ServedFileSystem{0x00c36400, "Ceph"},
};

}  // namespace

Status check_region_file(const FileDescriptor& file) {
    struct stat status {};
    if (::fstat(file.number(), &status) != 0) {
        return fail_errno("cannot ask what the file of a memory region is");
    }
    if (S_ISCHR(status.st_mode) && major(status.st_rdev) == memory_devices) {
        return fail(ErrorCode::unsupported,
                    fmt::format("the device {}:{} is not shared memory", memory_devices, minor(status.st_rdev)));
    }
    struct statfs filesystem {};
    if (::fstatfs(file.number(), &filesystem) != 0) {
        return fail_errno("cannot ask for the file system of a memory region");
    }
    const auto* const served = std::find_if(
        served_file_systems.begin(), served_file_systems.end(),
        [&](const ServedFileSystem& row) { return row.magic == static_cast<std::uint32_t>(filesystem.f_type); });
    if (served != served_file_systems.end()) {
        return fail(ErrorCode::unsupported,
                    fmt::format("its file is on {}: reading it may wait for ever", served->name));
    }
    return {};
}

Bytes read_region_file(const FileDescriptor& file, std::uint64_t offset, std::size_t size) {
    constexpr auto furthest = static_cast<std::uint64_t>(std::numeric_limits<off_t>::max());
    if (offset > furthest || size > furthest - offset) {
        return {};
    }
    Bytes bytes(size);
    std::size_t done = 0;
    while (done < size) {
        const ssize_t got = ::pread(file.number(), bytes.data() + done, size - done, static_cast<off_t>(offset + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        done += static_cast<std::size_t>(got);
    }
    bytes.resize(done);
    return bytes;
}

}  // namespace vutrace::capture
