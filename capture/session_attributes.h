// What the record that opens a session says: the keys are listed in docs/trace-format.md.
#pragma once

#include <vutrace/base/side.h>
#include <vutrace/capture/capture.h>
#include <vutrace/system/endpoint.h>
#include <vutrace/trace/records.h>

#include <string>

namespace vutrace::capture {

// What the kernel tells of the process at the other end of a socket: who made the connection or, where it is we who
// connected, who listened. A command line is cut at 4096 bytes.
void add_peer_attributes(trace::SessionRecord& record, Side side, const Endpoint& endpoint,
                         const FileDescriptor& socket);
// A process chooses its command line: nothing in it may move a terminal's cursor.
[[nodiscard]] std::string without_control_characters(std::string text);
// How it is recorded, by what, where.
void add_capture_attributes(trace::SessionRecord& record, const CaptureOptions& options);

// As the command line and the trace spell them.
[[nodiscard]] const char* name_of(DataPathMode mode) noexcept;
[[nodiscard]] const char* name_of(MemoryMode mode) noexcept;
[[nodiscard]] const char* name_of(RelayedChannels channels) noexcept;
[[nodiscard]] const char* name_of(DeviceStatePipes pipes) noexcept;

}  // namespace vutrace::capture
