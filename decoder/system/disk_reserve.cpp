#include "vutrace/system/disk_reserve.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>

namespace vutrace {

Result<DiskReserve> DiskReserve::beside(const std::string& path, std::uint64_t bytes) {
    std::error_code error;
    const std::string name = std::filesystem::canonical(path, error).parent_path().string();
    if (error) {
        return fail_errno(fmt::format("cannot find '{}'", path), error.value());
    }
    FileDescriptor file(::open(name.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, S_IRUSR | S_IWUSR));
    if (!file) {
        return fail_errno(fmt::format("cannot make a nameless file in '{}'", name));
    }
    if (::fallocate(file.number(), 0, 0, static_cast<off_t>(bytes)) != 0) {
        return fail_errno(fmt::format("cannot set {} bytes aside in '{}'", bytes, name));
    }
    return DiskReserve(std::move(file));
}

}  // namespace vutrace
