#include "vutrace/system/file_descriptor.h"

#include <fcntl.h>
#include <unistd.h>

namespace vutrace {

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& from) noexcept {
    if (this != &from) {
        reset();
        number_ = std::exchange(from.number_, -1);
    }
    return *this;
}

void FileDescriptor::reset() noexcept {
    if (number_ >= 0) {
        // Linux frees the number even where close fails (EINTR, EIO): trying again could close another's.
        (void)::close(std::exchange(number_, -1));
    }
}

Result<FileDescriptor> FileDescriptor::duplicate() const {
    FileDescriptor copy(::fcntl(number_, F_DUPFD_CLOEXEC, 0));
    if (!copy) {
        return fail_errno("cannot duplicate a descriptor");
    }
    return copy;
}

}  // namespace vutrace
