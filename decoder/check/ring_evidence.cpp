#include "ring_evidence.h"

#include <fmt/format.h>

#include <algorithm>

namespace vutrace::check {

std::string head_of(const ChainSight& sight) {
    return fmt::format("head {} ({} index {})", sight.entry.head, sight.used() ? "used" : "available",
                       sight.entry.index);
}

std::string duration(std::int64_t nanoseconds) {
    const auto value = static_cast<double>(nanoseconds);
    if (nanoseconds >= second) {
        return fmt::format("{:.1f} s", value / 1e9);
    }
    return nanoseconds >= second / 1000 ? fmt::format("{:.1f} ms", value / 1e6) : fmt::format("{:.1f} us", value / 1e3);
}

Watched watched_notifications(const session::SessionState& state) noexcept {
    const auto found = std::find_if(state.opened.begin(), state.opened.end(),
                                    [](const auto& attribute) { return attribute.first == "datapath"; });
    if (found == state.opened.end() || found->second == "off") {
        return Watched::none;
    }
    return found->second == "tap" ? Watched::some : Watched::all;
}

}  // namespace vutrace::check
