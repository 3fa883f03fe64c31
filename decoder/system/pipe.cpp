#include "vutrace/system/pipe.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>

namespace vutrace {

Result<Pipe> create_pipe(int flags) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC | flags) != 0) {
        return fail_errno("cannot create a pipe");
    }
    return Pipe{FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

}  // namespace vutrace
