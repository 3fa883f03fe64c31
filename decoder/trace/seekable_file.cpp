#include "vutrace/trace/seekable_file.h"

#include "input.h"
#include "unpack.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

namespace vutrace::trace {
namespace {

constexpr std::uint64_t most_known_bytes = 4096;

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

}  // namespace

Result<SeekableFile> SeekableFile::open(const std::string& path, const std::stop_token& stop, const Progress& progress,
                                        const std::optional<std::uint64_t>& keep_free) {
    Source from{path, {}};
    (void)::stat(path.c_str(), &from.status);  // what cannot be looked at cannot be opened either
    auto source = Input::open(path, stop);
    if (!source) {
        return tl::unexpected(source.error());
    }
    const bool as_it_is = (*source)->can_seek();  // nothing is read of it here, so that it has no problem
    auto file = as_it_is ? open_file(path) : make_nameless_file();
    if (!file) {
        return tl::unexpected(file.error());
    }
    if (as_it_is) {
        return SeekableFile(std::move(*file), std::move(from), false, std::nullopt);
    }
    auto torn = unpack(std::move(*source), *file, {path, stop, progress, keep_free});
    if (!torn) {
        return tl::unexpected(torn.error());
    }
    return SeekableFile(std::move(*file), std::move(from), true, std::move(*torn));
}

std::string SeekableFile::path() const {
    return fmt::format("/proc/self/fd/{}", file_.number());
}

SeekableFile::Known SeekableFile::known_to(std::uint64_t end) const {
    Known known{end, Bytes(static_cast<std::size_t>(std::min(end, most_known_bytes)))};
    std::size_t read = 0;
    while (read < known.bytes.size()) {
        const ssize_t count = ::pread(file_.number(), known.bytes.data() + read, known.bytes.size() - read,
                                      static_cast<off_t>(end - known.bytes.size() + read));
        if (count <= 0 && (count == 0 || errno != EINTR)) {
            break;  // it is shorter by now
        }
        read += count > 0 ? static_cast<std::size_t>(count) : 0;
    }
    known.bytes.resize(read);
    return known;
}

bool SeekableFile::still_holds(const Known& known) const {
    if (is_copy_ && !S_ISREG(source_.status.st_mode)) {
        return true;
    }
    struct stat now {};
    const struct stat& then = source_.status;
    if (::stat(source_.path.c_str(), &now) != 0 || now.st_dev != then.st_dev || now.st_ino != then.st_ino) {
        return false;
    }
    if (is_copy_) {
        return now.st_size == then.st_size && now.st_mtim.tv_sec == then.st_mtim.tv_sec &&
               now.st_mtim.tv_nsec == then.st_mtim.tv_nsec;
    }
    // Whoever wrote another trace there has other times in it.
    return known.bytes.size() == std::min(known.end, most_known_bytes) && known_to(known.end).bytes == known.bytes;
}

}  // namespace vutrace::trace
