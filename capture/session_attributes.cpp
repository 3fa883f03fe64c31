#include "session_attributes.h"

#include <vutrace/capture/clock.h>
#include <vutrace/system/unix_socket.h>

#include <fmt/format.h>
#include <sys/utsname.h>

#include <string>

namespace vutrace::capture {

void add_peer_attributes(trace::SessionRecord& record, Side side, const Endpoint& endpoint,
                         const FileDescriptor& socket) {
    const std::string prefix = std::string(vutrace::name_of(side)) + ".";
    record.attributes.emplace_back(prefix + "endpoint", to_string(endpoint));
    if (const auto peer = peer_credentials(socket)) {
        record.attributes.emplace_back(prefix + "pid", std::to_string(peer->pid));
        record.attributes.emplace_back(prefix + "uid", std::to_string(peer->uid));
        record.attributes.emplace_back(prefix + "command", peer->command_line);
    }
}

void add_capture_attributes(trace::SessionRecord& record, const CaptureOptions& options) {
    auto& attributes = record.attributes;
    attributes.emplace_back("datapath", name_of(options.data_path.mode));
    attributes.emplace_back("memory", name_of(options.data_path.memory));
    attributes.emplace_back("channels", name_of(options.channels));
    if (options.data_path.snap_length != UINT64_MAX) {
        attributes.emplace_back("snaplen", std::to_string(options.data_path.snap_length));
    }
    attributes.emplace_back("vutrace.version", options.version);
    utsname system{};
    if (::uname(&system) == 0) {
        attributes.emplace_back("kernel", system.release);
        attributes.emplace_back("host", system.nodename);
    }
    const ClockAnchor anchor = clock_anchor();
    attributes.emplace_back("clock.monotonic", std::to_string(anchor.monotonic));
    attributes.emplace_back("clock.realtime", std::to_string(anchor.epoch));
}

const char* name_of(DataPathMode mode) noexcept {
    switch (mode) {
        case DataPathMode::off:
            return "off";
        case DataPathMode::tap:
            return "tap";
        case DataPathMode::relay:
            return "relay";
    }
    return "unknown";
}

const char* name_of(MemoryMode mode) noexcept {
    switch (mode) {
        case MemoryMode::none:
            return "none";
        case MemoryMode::rings:
            return "rings";
        case MemoryMode::buffers:
            return "buffers";
        case MemoryMode::full:
            return "full";
    }
    return "unknown";
}

const char* name_of(RelayedChannels channels) noexcept {
    return channels == RelayedChannels::all ? "all" : "main";
}

}  // namespace vutrace::capture
