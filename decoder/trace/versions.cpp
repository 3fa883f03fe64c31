#include "vutrace/trace/versions.h"

#include "vutrace/trace/encode.h"

#include <pcap/pcap.h>
#include <zstd.h>

#include <string_view>

namespace vutrace::trace {
namespace {

// "libpcap version 1.10.3 (with TPACKET_V3)": the number.
std::string pcap_version() {
    std::string_view text = pcap_lib_version();
    if (const auto digit = text.find_first_of("0123456789"); digit != std::string_view::npos) {
        text.remove_prefix(digit);
    }
    return std::string(text.substr(0, text.find(' ')));
}

}  // namespace

std::vector<Version> versions() {
    return {
        {"trace format", std::to_string(format_version)}, {"libpcap", pcap_version()}, {"zstd", ZSTD_versionString()}};
}

std::string versions_text(const Version& program) {
    std::string text = program.name.empty() ? std::string() : program.name + ' ' + program.version;
    for (const Version& one : versions()) {
        text += (text.empty() ? "" : "\n") + one.name + ' ' + one.version;
    }
    return text;
}

}  // namespace vutrace::trace
