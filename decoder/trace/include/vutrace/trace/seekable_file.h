// A trace file that can be sought in and does not change under who reads it: the file itself, or its decompressed
// bytes.
#pragma once

#include <vutrace/base/error.h>
#include <vutrace/system/file_descriptor.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

namespace vutrace::trace {

class SeekableFile {
  public:
    // Called now and then with bytes read and bytes in the file.
    using Progress = std::function<void(std::uint64_t, std::uint64_t)>;

    // Opens a regular file, or decompresses one into a file without a name, mode 0600, in $TMPDIR, /var/tmp or /tmp:
    // it is gone with this object, however the process ends. A pipe is copied there, too. What does not begin as a
    // capture file is not copied, and a capture file only as far as it can be read: a few kilobytes may hold any number
    // of zeros. `keep_free`: bytes of that disk that stay free; without it a twentieth, 1 GiB at most. Errors: system
    // (cannot open or write), bad_input (no trace), limit (stopped, no room).
    [[nodiscard]] static Result<SeekableFile> open(const std::string& path, const std::stop_token& stop = {},
                                                   const Progress& progress = {},
                                                   const std::optional<std::uint64_t>& keep_free = {});

    // For `Reader::open`, as often as wanted, while this object lives: always the same file, also where another one has
    // got its name.
    [[nodiscard]] std::string path() const;
    // Why the decompressed bytes end early; what came before is there.
    [[nodiscard]] const std::optional<Error>& torn() const noexcept { return torn_; }

  private:
    SeekableFile(FileDescriptor file, std::optional<Error> torn) noexcept
        : file_(std::move(file)), torn_(std::move(torn)) {}
    FileDescriptor file_;
    std::optional<Error> torn_;
};

}  // namespace vutrace::trace
