// Room on a disk that nobody else can take: blocks of a nameless file beside another one. Given back when the disk is
// full, it has space for a last word. Any one thread.
#pragma once

#include <vutrace/base/error.h>
#include <vutrace/system/file_descriptor.h>

#include <cstdint>
#include <string>
#include <utility>

namespace vutrace {

class DiskReserve {
  public:
    DiskReserve() = default;  // of nothing
    // In the directory of the file `path`, which exists; of a symbolic link's, that of the file itself. Error: system,
    // where the file system has no nameless files or cannot set blocks aside, or is full already: then one goes
    // without.
    [[nodiscard]] static Result<DiskReserve> beside(const std::string& path, std::uint64_t bytes);

    void give_back() noexcept { file_.reset(); }

  private:
    explicit DiskReserve(FileDescriptor file) noexcept : file_(std::move(file)) {}
    FileDescriptor file_;
};

}  // namespace vutrace
