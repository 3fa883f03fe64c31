#include "session_attributes.h"

#include <vutrace/capture/clock.h>
#include <vutrace/system/unix_socket.h>

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace vutrace::capture {
namespace {

// Empty where the process is gone, or another user's.
std::string executable_of(pid_t pid) {
    std::array<char, 4096> target{};
    const std::string link = fmt::format("/proc/{}/exe", pid);
    const ssize_t length = ::readlink(link.c_str(), target.data(), target.size());
    return {target.data(), length > 0 ? static_cast<std::size_t>(length) : 0};
}

}  // namespace

std::string without_control_characters(std::string text) {
    std::replace_if(
        text.begin(), text.end(), [](char byte) { return (byte >= 0 && byte < ' ') || byte == '\x7f'; }, '?');
    return text;
}

void add_peer_attributes(trace::SessionRecord& record, Side side, const Endpoint& endpoint,
                         const FileDescriptor& socket) {
    const std::string prefix = std::string(vutrace::name_of(side)) + ".";
    record.attributes.emplace_back(prefix + "endpoint", to_string(endpoint));
    const auto peer = peer_credentials(socket);
    if (!peer) {
        return;
    }
    record.attributes.emplace_back(prefix + "pid", std::to_string(peer->pid));
    record.attributes.emplace_back(prefix + "uid", std::to_string(peer->uid));
    record.attributes.emplace_back(prefix + "gid", std::to_string(peer->gid));
    for (const auto& [key, text] :
         {std::pair{"command", peer->command_line}, std::pair{"executable", executable_of(peer->pid)}}) {
        if (!text.empty()) {
            record.attributes.emplace_back(prefix + key, without_control_characters(text));
        }
    }
}

void add_capture_attributes(trace::SessionRecord& record, const CaptureOptions& options) {
    auto& attributes = record.attributes;
    attributes.emplace_back("datapath", name_of(options.data_path.mode));
    attributes.emplace_back("memory", name_of(options.data_path.memory));
    attributes.emplace_back("channels", name_of(options.channels));
    attributes.emplace_back("device-state", name_of(options.device_state));
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
        case DataPathMode::shadow:
            return "shadow";
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

const char* name_of(DeviceStatePipes pipes) noexcept {
    return pipes == DeviceStatePipes::tee ? "tee" : "pass";
}

}  // namespace vutrace::capture
