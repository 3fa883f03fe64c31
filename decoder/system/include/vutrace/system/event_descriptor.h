// eventfds: an 8-byte counter; a write adds, a read takes all.
#pragma once

#include <vutrace/system/file_descriptor.h>

#include <cstdint>

namespace vutrace {

// A new eventfd with counter 0, close-on-exec and non-blocking; a read of a `semaphore` takes 1. Error: system.
[[nodiscard]] Result<FileDescriptor> create_event_descriptor(bool semaphore = false);

// Adds `count`. A full counter (EAGAIN) counts as success: the reader is signalled already. Error: system.
[[nodiscard]] Status signal_event(const FileDescriptor& event, std::uint64_t count = 1);

// Takes the counter; 0 where nothing is pending. The descriptor must be non-blocking or known to be
// readable. Error: system.
[[nodiscard]] Result<std::uint64_t> take_event(const FileDescriptor& event);

// What the kernel tells of an eventfd without touching it.
struct EventState {
    std::uint64_t count{0};
    bool semaphore{false};  // EFD_SEMAPHORE; older kernels do not tell: false
};
// Any eventfd. Error: system where /proc is missing, usage where the descriptor is no eventfd.
[[nodiscard]] Result<EventState> event_state(const FileDescriptor& event);

}  // namespace vutrace
