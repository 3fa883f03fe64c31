#include "vutrace/system/event_descriptor.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

namespace vutrace {

Result<FileDescriptor> create_event_descriptor() {
    FileDescriptor event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!event) {
        return fail_errno("cannot create an eventfd");
    }
    return event;
}

Status signal_event(const FileDescriptor& event, std::uint64_t count) {
    while (::write(event.number(), &count, sizeof(count)) < 0) {
        if (errno == EAGAIN) {
            return {};
        }
        if (errno != EINTR) {
            return fail_errno("cannot write to an eventfd");
        }
    }
    return {};
}

Result<std::uint64_t> take_event(const FileDescriptor& event) {
    std::uint64_t count = 0;
    while (::read(event.number(), &count, sizeof(count)) < 0) {
        if (errno == EAGAIN) {
            return 0;
        }
        if (errno != EINTR) {
            return fail_errno("cannot read an eventfd");
        }
    }
    return count;
}

}  // namespace vutrace
