#include "ring_evidence.h"

#include <vutrace/trace/attributes.h>

#include <fmt/format.h>

namespace vutrace::check {

std::string position_of(std::uint16_t index) {
    const auto at = virtio::PackedPosition::parse(index);
    return fmt::format("{}, wrap counter {}", at.offset, at.wrap ? 1 : 0);
}

std::optional<std::string> wrong_event_area(const char* owner, std::uint16_t flags, bool event_index) {
    const auto mode = virtio::PackedEvent{0, flags}.mode();
    if (flags != mode || mode > virtio::PackedEvent::descriptor) {
        return fmt::format("the {}'s event area has the flags 0x{:x}, they are 0, 1 or 2", owner, flags);
    }
    if (mode == virtio::PackedEvent::descriptor && !event_index) {
        return fmt::format("the {}'s event area asks for a descriptor, without EVENT_IDX", owner);
    }
    return std::nullopt;
}

std::string head_of(const ChainSight& sight) {
    if (sight.ring.packed) {
        return fmt::format("buffer {} ({} at {})", sight.entry.head, sight.used() ? "used" : "available",
                           position_of(sight.entry.index));
    }
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
    const std::string_view mode = trace::attribute(state.opened, "datapath");
    if (mode.empty() || mode == "off") {
        return Watched::none;
    }
    return mode == "tap" ? Watched::some : Watched::all;
}

bool delivers_completions(const session::SessionState& state) noexcept {
    return trace::attribute(state.opened, "datapath") == "shadow";
}

}  // namespace vutrace::check
