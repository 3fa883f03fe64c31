#include "vutrace/trace/seekable_file.h"

#include "input.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace vutrace::trace {
namespace {

constexpr std::size_t piece_size = std::size_t{1} << 20U;
constexpr std::uint64_t most_kept_free = std::uint64_t{1} << 30U;
constexpr std::uint64_t share_kept_free = 20;  // one in so many of the disk's bytes

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

// Before its bytes are copied: a device or a pipe may never end.
Status expect_capture(const Input& source, const std::string& path) {
    constexpr std::size_t magic_size = 4;
    using Magic = std::array<unsigned char, magic_size>;
    // Microseconds and nanoseconds in both orders of bytes, and pcapng: what libpcap reads.
    constexpr std::array<Magic, 5> magics{{{0xd4, 0xc3, 0xb2, 0xa1},
                                           {0xa1, 0xb2, 0xc3, 0xd4},
                                           {0x4d, 0x3c, 0xb2, 0xa1},
                                           {0xa1, 0xb2, 0x3c, 0x4d},
                                           {0x0a, 0x0d, 0x0d, 0x0a}}};
    const ByteView start = source.start();
    if (start.size() < magic_size || source.problem() ||
        std::any_of(magics.begin(), magics.end(),
                    [&](const Magic& magic) { return std::memcmp(start.data(), magic.data(), magic_size) == 0; })) {
        return {};
    }
    return fail(
        ErrorCode::bad_input,
        fmt::format("'{}' is not a trace: it begins neither as a pcap file nor as one compressed with zstd", path), 0);
}

// The disk that holds the copy is others', too.
Status expect_room(const FileDescriptor& file, const std::optional<std::uint64_t>& wanted_free) {
    struct statvfs disk {};
    if (::fstatvfs(file.number(), &disk) != 0) {
        return fail_errno("cannot see how much room the temporary file has");
    }
    const std::uint64_t unit = disk.f_frsize;
    const std::uint64_t free = disk.f_bavail * unit;
    const std::uint64_t keep = wanted_free.value_or(std::min(most_kept_free, disk.f_blocks * unit / share_kept_free));
    if (free >= keep && free - keep >= piece_size) {
        return {};
    }
    return fail(
        ErrorCode::limit,
        fmt::format("no room for the decompressed trace: {} MiB of the disk of temporary files stay free (TMPDIR "
                    "chooses another one)",
                    keep >> 20U));
}

// How far `source`'s own file was read is not known in the middle of it: an estimate of the ratio is not worth having.
Status copy(Input& source, const FileDescriptor& to, const std::stop_token& stop,
            const SeekableFile::Progress& progress, const std::optional<std::uint64_t>& keep_free) {
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
        if (Status room = expect_room(to, keep_free); !room) {
            return room;
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

Result<SeekableFile> SeekableFile::open(const std::string& path, const std::stop_token& stop, const Progress& progress,
                                        const std::optional<std::uint64_t>& keep_free) {
    auto source = Input::open(path, stop);
    if (!source) {
        return tl::unexpected(source.error());
    }
    const bool as_it_is = (*source)->can_seek();  // nothing is read of it here, so that it has no problem
    if (Status checked = as_it_is ? Status() : expect_capture(**source, path); !checked) {
        return tl::unexpected(checked.error());
    }
    auto file = as_it_is ? open_file(path) : make_nameless_file();
    if (!file) {
        return tl::unexpected(file.error());
    }
    if (Status copied = as_it_is ? Status() : copy(**source, *file, stop, progress, keep_free); !copied) {
        return tl::unexpected(copied.error());
    }
    const std::optional<Error>& problem = (*source)->problem();
    if (problem && (problem->code == ErrorCode::system || problem->code == ErrorCode::limit)) {
        return tl::unexpected(*problem);
    }
    return SeekableFile(std::move(*file), problem);
}

std::string SeekableFile::path() const {
    return fmt::format("/proc/self/fd/{}", file_.number());
}

}  // namespace vutrace::trace
