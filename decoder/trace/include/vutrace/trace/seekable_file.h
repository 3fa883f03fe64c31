// A trace file that can be sought in and does not change under who reads it: the file itself, or its decompressed
// bytes.
#pragma once

#include <vutrace/base/bytes.h>
#include <vutrace/base/error.h>
#include <vutrace/system/file_descriptor.h>

#include <sys/stat.h>

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

    // The last bytes before a place up to which it was read, a few kilobytes, to know it by later.
    struct Known {
        std::uint64_t end{0};
        Bytes bytes;
    };
    [[nodiscard]] Known known_to(std::uint64_t end) const;
    // Whether the path that it was opened by still leads to what was read up to there. A file that is read where it is
    // may have grown since; one that was compressed is as it was, and the copy of a pipe is all that there is of it.
    [[nodiscard]] bool still_holds(const Known& known) const;

  private:
    struct Source {
        std::string path;
        struct stat status {};  // before it was opened
    };
    SeekableFile(FileDescriptor file, Source source, bool is_copy, std::optional<Error> torn) noexcept
        : file_(std::move(file)), source_(std::move(source)), is_copy_(is_copy), torn_(std::move(torn)) {}
    FileDescriptor file_;
    Source source_;
    bool is_copy_;
    std::optional<Error> torn_;
};

}  // namespace vutrace::trace
