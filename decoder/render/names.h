// Words that JSON and texts share.
#pragma once

#include <vutrace/render/annotation.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vutrace::render {

[[nodiscard]] std::string_view session_event_name(trace::SessionRecord::Kind kind) noexcept;
[[nodiscard]] std::string_view event_name(trace::EventRecord::Kind kind) noexcept;
[[nodiscard]] std::string_view severity_name(trace::NoteRecord::Severity severity) noexcept;
[[nodiscard]] std::string_view state_name(trace::ChainEntry::State state) noexcept;

// Of the bits that F_GET_SEALS gives, "write" for F_SEAL_WRITE; a bit without a name is "bit N".
[[nodiscard]] std::vector<std::string> seal_names(std::uint32_t seals);

// "INDIRECT", "WRITE|NEXT", "0x8" for what has no name, "-" for none.
[[nodiscard]] std::string descriptor_flags_text(std::uint16_t flags);

}  // namespace vutrace::render
