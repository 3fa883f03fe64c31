#include "vutrace/trace/seekable_file.h"

#include "input.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>

namespace vutrace::trace {
namespace {

constexpr std::size_t piece_size = std::size_t{1} << 20U;

struct CloseFile {
    void operator()(std::FILE* file) const noexcept { (void)std::fclose(file); }
};

Result<FileDescriptor> open_file(const std::string& path) {
    FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
    if (!file) {
        return fail_errno(fmt::format("cannot open '{}'", path));
    }
    return file;
}

// A trace is a secret: the file never has a name that others could open.
Result<FileDescriptor> make_nameless_file() {
    const char* chosen = std::getenv("TMPDIR");
    for (const char* folder : {chosen, "/var/tmp", "/tmp"}) {
        if (folder == nullptr || *folder == '\0') {
            continue;
        }
        if (FileDescriptor file(::open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)); file) {
            return file;
        }
    }
    return fail_errno("cannot create a temporary file for the decompressed trace");
}

Status write_all(const FileDescriptor& file, ByteView bytes) {
    while (!bytes.empty()) {
        const ssize_t count = ::write(file.number(), bytes.data(), bytes.size());
        if (count > 0) {
            bytes = bytes.subspan(static_cast<std::size_t>(count));
        } else if (count == 0 || errno != EINTR) {
            return fail_errno("cannot write the decompressed trace to a temporary file (TMPDIR chooses where)");
        }
    }
    return {};
}

// How far `source`'s own file was read is not known in the middle of it: an estimate of the ratio is not worth having.
Status copy(Input& source, const FileDescriptor& to, const std::stop_token& stop,
            const SeekableFile::Progress& progress) {
    const std::unique_ptr<std::FILE, CloseFile> stream(source.stream());
    if (!stream) {
        return fail(ErrorCode::limit, "no memory to decompress the trace");
    }
    Bytes piece(piece_size);
    std::uint64_t done = 0;
    while (!stop.stop_requested()) {
        const std::size_t count = std::fread(piece.data(), 1, piece.size(), stream.get());
        if (count == 0) {
            return {};
        }
        if (Status written = write_all(to, ByteView(piece).first(count)); !written) {
            return written;
        }
        done += count;
        if (progress) {
            progress(done, source.file_size());
        }
    }
    return fail(ErrorCode::limit, "stopped");
}

}  // namespace

Result<SeekableFile> SeekableFile::open(const std::string& path, const std::stop_token& stop,
                                        const Progress& progress) {
    auto source = Input::open(path);
    if (!source) {
        return tl::unexpected(source.error());
    }
    if ((*source)->can_seek()) {
        auto file = open_file(path);
        if (!file) {
            return tl::unexpected(file.error());
        }
        return SeekableFile(std::move(*file), std::nullopt);
    }
    auto file = make_nameless_file();
    if (!file) {
        return tl::unexpected(file.error());
    }
    if (Status copied = copy(**source, *file, stop, progress); !copied) {
        return tl::unexpected(copied.error());
    }
    const std::optional<Error>& problem = (*source)->problem();
    if (problem && problem->code == ErrorCode::system) {
        return tl::unexpected(*problem);
    }
    return SeekableFile(std::move(*file), problem);
}

std::string SeekableFile::path() const {
    return fmt::format("/proc/self/fd/{}", file_.number());
}

}  // namespace vutrace::trace
