#include "suggestion.h"

#include "name_sets.h"

#include <algorithm>
#include <array>

namespace vutrace::filter {
namespace {

// Longer ones are compared with nothing: that bounds the work.
constexpr std::size_t longest = 64;
constexpr std::size_t most_listed = 12;

// Optimal string alignment: letters added, left out, changed, neighbours swapped.
std::size_t distance(std::string_view from, std::string_view to) {
    using Row = std::array<std::size_t, longest + 1>;
    std::array<Row, 3> rows{};
    for (std::size_t j = 0; j <= to.size(); ++j) {
        rows[0][j] = j;
    }
    for (std::size_t i = 1; i <= from.size(); ++i) {
        Row& now = rows[i % 3];
        const Row& before = rows[(i - 1) % 3];
        now[0] = i;
        for (std::size_t j = 1; j <= to.size(); ++j) {
            const std::size_t change = from[i - 1] == to[j - 1] ? 0 : 1;
            now[j] = std::min({before[j] + 1, now[j - 1] + 1, before[j - 1] + change});
            if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1]) {
                now[j] = std::min(now[j], rows[(i - 2) % 3][j - 2] + 1);
            }
        }
    }
    return rows[from.size() % 3][to.size()];
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string_view>& candidates) {
    if (word.size() > longest || word.empty()) {
        return {};
    }
    const std::string wanted = lower_case(word);
    std::size_t best = std::max<std::size_t>(1, word.size() / 3) + 1;
    std::string_view found;
    for (const std::string_view candidate : candidates) {
        if (candidate.size() > longest) {
            continue;
        }
        const std::string name = lower_case(candidate);
        if (name.ends_with("." + wanted)) {
            return std::string(candidate);
        }
        if (const std::size_t far = distance(wanted, name); far < best) {
            best = far;
            found = candidate;
        }
    }
    return std::string(found);
}

std::string suggest(std::string_view word, const std::vector<std::string_view>& candidates) {
    if (const std::string name = nearest(word, candidates); !name.empty()) {
        return "did you mean \"" + name + "\"?";
    }
    if (candidates.size() > most_listed) {
        return {};
    }
    std::string list;
    for (const std::string_view candidate : candidates) {
        list += (list.empty() ? "one of " : ", ") + std::string(candidate);
    }
    return list;
}

}  // namespace vutrace::filter
