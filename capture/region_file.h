// Which files of a front-end may be read as guest memory.
#pragma once

#include <vutrace/base/bytes.h>
#include <vutrace/system/file_descriptor.h>

#include <cstdint>

namespace vutrace::capture {

// Error: unsupported, for what is not the memory that the peers see (/dev/zero gives everybody memory of its own), and
// for what is served by another process or machine: a read of it, also through a mapping, may wait for ever, which no
// signal but SIGKILL ends. Other kinds that cannot be memory (pipes, directories) are refused by mmap.
[[nodiscard]] Status check_region_file(const FileDescriptor& file);

// Reads a regular file, as much as there is: one that ends early leaves the rest out. Allocates `size` bytes.
[[nodiscard]] Bytes read_region_file(const FileDescriptor& file, std::uint64_t offset, std::size_t size);

}  // namespace vutrace::capture
