#include "names.h"

#include <fmt/format.h>

#include <array>

namespace vutrace::render {

std::string_view session_event_name(trace::SessionRecord::Kind kind) noexcept {
    switch (kind) {
        case trace::SessionRecord::Kind::opened:
            return "opened";
        case trace::SessionRecord::Kind::half_closed:
            return "half-closed";
        case trace::SessionRecord::Kind::closed:
            return "closed";
    }
    return "unknown";
}

std::string_view event_name(trace::EventRecord::Kind kind) noexcept {
    switch (kind) {
        case trace::EventRecord::Kind::kick:
            return "kick";
        case trace::EventRecord::Kind::call:
            return "call";
        case trace::EventRecord::Kind::err:
            return "err";
    }
    return "unknown";
}

std::string_view severity_name(trace::NoteRecord::Severity severity) noexcept {
    switch (severity) {
        case trace::NoteRecord::Severity::info:
            return "info";
        case trace::NoteRecord::Severity::warning:
            return "warning";
        case trace::NoteRecord::Severity::error:
            return "error";
    }
    return "unknown";
}

std::string_view state_name(trace::ChainEntry::State state) noexcept {
    return state == trace::ChainEntry::State::used ? "used" : "available";
}

std::vector<std::string> seal_names(std::uint32_t seals) {
    // linux/fcntl.h, F_SEAL_SEAL to F_SEAL_EXEC.
    constexpr std::array names{"seal", "shrink", "grow", "write", "future-write", "exec"};
    std::vector<std::string> result;
    for (unsigned bit = 0; bit < 32; ++bit) {
        if (((seals >> bit) & 1U) != 0) {
            result.push_back(bit < names.size() ? names[bit] : fmt::format("bit {}", bit));
        }
    }
    return result;
}

std::string descriptor_flags_text(std::uint16_t flags) {
    struct Flag {
        std::uint16_t bit;
        std::string_view name;
    };
    constexpr std::array known{Flag{virtio::descriptor_next, "NEXT"}, Flag{virtio::descriptor_write, "WRITE"},
                               Flag{virtio::descriptor_indirect, "INDIRECT"}};
    std::string text;
    unsigned rest = flags;
    for (const Flag& flag : known) {
        if ((rest & flag.bit) != 0) {
            text += text.empty() ? "" : "|";
            text += flag.name;
            rest &= ~unsigned{flag.bit};
        }
    }
    if (rest != 0) {
        text += fmt::format("{}0x{:x}", text.empty() ? "" : "|", rest);
    }
    return text.empty() ? "-" : text;
}

}  // namespace vutrace::render
