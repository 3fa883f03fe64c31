#include "vutrace/base/count_text.h"

#include <fmt/format.h>

namespace vutrace {

std::string noun_text(std::uint64_t count, std::string_view noun) {
    constexpr std::string_view vowels = "aeiou";
    if (count == 1) {
        return std::string(noun);
    }
    const bool changes = noun.size() > 1 && noun.back() == 'y' && vowels.find(noun[noun.size() - 2]) == vowels.npos;
    return changes ? fmt::format("{}ies", noun.substr(0, noun.size() - 1)) : fmt::format("{}s", noun);
}

std::string count_text(std::uint64_t count, std::string_view noun) {
    return fmt::format("{} {}", count, noun_text(count, noun));
}

}  // namespace vutrace
