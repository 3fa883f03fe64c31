// Looking up what a session record says of its session by key; docs/trace-format.md lists the keys.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vutrace::trace {

// Empty where the key is not there. Refers to `attributes`.
[[nodiscard]] inline std::string_view attribute(const std::vector<std::pair<std::string, std::string>>& attributes,
                                                std::string_view key) noexcept {
    const auto found = std::find_if(attributes.begin(), attributes.end(),
                                    [key](const auto& attribute) { return attribute.first == key; });
    return found == attributes.end() ? std::string_view() : std::string_view(found->second);
}

}  // namespace vutrace::trace
