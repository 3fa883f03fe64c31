// What the record that opens a session says: the keys are listed in docs/trace-format.md.
#pragma once

#include <vutrace/base/side.h>
#include <vutrace/capture/capture.h>
#include <vutrace/system/endpoint.h>
#include <vutrace/trace/records.h>

namespace vutrace::capture {

// What the kernel tells of the process at the other end of a socket.
void add_peer_attributes(trace::SessionRecord& record, Side side, const Endpoint& endpoint,
                         const FileDescriptor& socket);
// How it is recorded, by what, where.
void add_capture_attributes(trace::SessionRecord& record, const CaptureOptions& options);

// As the command line and the trace spell them.
[[nodiscard]] const char* name_of(DataPathMode mode) noexcept;
[[nodiscard]] const char* name_of(MemoryMode mode) noexcept;
[[nodiscard]] const char* name_of(RelayedChannels channels) noexcept;

}  // namespace vutrace::capture
