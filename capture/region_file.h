// Which files of a front-end may be read as guest memory.
#pragma once

#include <vutrace/system/file_descriptor.h>

namespace vutrace::capture {

// Error: unsupported, for what is not the memory that the peers see (/dev/zero gives everybody memory of its own), and
// for what is served by another process or machine: a read of it, also through a mapping, may wait for ever, which no
// signal but SIGKILL ends. Other kinds that cannot be memory (pipes, directories) are refused by mmap.
[[nodiscard]] Status check_region_file(const FileDescriptor& file);

}  // namespace vutrace::capture
