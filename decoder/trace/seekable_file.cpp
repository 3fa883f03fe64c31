#include "vutrace/trace/seekable_file.h"

#include "input.h"
#include "unpack.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

namespace vutrace::trace {
namespace {

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
    auto source = Input::open(path, stop);
    if (!source) {
        return tl::unexpected(source.error());
    }
    const bool as_it_is = (*source)->can_seek();  // nothing is read of it here, so that it has no problem
    auto file = as_it_is ? open_file(path) : make_nameless_file();
    if (!file || as_it_is) {
        return file ? Result<SeekableFile>(SeekableFile(std::move(*file), std::nullopt)) : tl::unexpected(file.error());
    }
    auto torn = unpack(std::move(*source), *file, {path, stop, progress, keep_free});
    if (!torn) {
        return tl::unexpected(torn.error());
    }
    return SeekableFile(std::move(*file), std::move(*torn));
}

std::string SeekableFile::path() const {
    return fmt::format("/proc/self/fd/{}", file_.number());
}

}  // namespace vutrace::trace
