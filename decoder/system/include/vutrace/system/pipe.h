// Pipes: what is written to one end is read from the other.
#pragma once

#include <vutrace/system/file_descriptor.h>

namespace vutrace {

struct Pipe {
    FileDescriptor read;
    FileDescriptor write;
};

// Close-on-exec; `flags` as for pipe2 besides that, such as O_NONBLOCK. Error: system (EMFILE, ENFILE, EINVAL).
[[nodiscard]] Result<Pipe> create_pipe(int flags = 0);

}  // namespace vutrace
