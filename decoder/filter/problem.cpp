// What a refused expression looks like to people.
#include <vutrace/filter/filter.h>

#include <algorithm>

namespace vutrace::filter {
namespace {

// What is shown of a long expression before the problem and in all.
constexpr std::size_t lead = 60;
constexpr std::size_t longest_line = 100;

bool continues(char byte) noexcept {
    return (static_cast<unsigned char>(byte) & 0xc0U) == 0x80;
}

// Control characters, and bytes that would become some (C1), as blanks.
std::string safe(std::string_view text) {
    std::string out(text);
    for (std::size_t i = 0; i < out.size(); ++i) {
        const auto byte = static_cast<unsigned char>(out[i]);
        if (byte < 0x20 || byte == 0x7f) {
            out[i] = ' ';
        } else if (byte >= 0x80 && (i == 0 || static_cast<unsigned char>(out[i - 1]) < 0x80) && byte < 0xa0) {
            out[i] = '?';
        } else if (byte == 0xc2 && i + 1 < out.size() && static_cast<unsigned char>(out[i + 1]) < 0xa0) {
            out[i] = '?';
            out[i + 1] = '?';
        }
    }
    return out;
}

std::size_t columns(std::string_view text) noexcept {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char byte) { return !continues(byte); }));
}

}  // namespace

std::string draw(std::string_view expression, const Problem& problem) {
    const std::size_t offset = std::min(problem.offset, expression.size());
    std::size_t begin = offset > lead ? offset - lead : 0;
    while (begin < offset && continues(expression[begin])) {
        ++begin;
    }
    std::size_t end = std::min(expression.size(), begin + longest_line);
    while (end < expression.size() && continues(expression[end])) {
        ++end;
    }
    const std::string before = (begin > 0 ? "…" : "") + safe(expression.substr(begin, offset - begin));
    const std::size_t marked_end = std::min(end, offset + std::min(problem.length, longest_line));
    const std::string marked = safe(expression.substr(offset, marked_end - offset));
    const std::string after = safe(expression.substr(marked_end, end - marked_end));
    const std::size_t width = std::max<std::size_t>(1, columns(marked));
    std::string out = safe(problem.text) + "\n  " + before + marked + after + (end < expression.size() ? "…" : "");
    out += "\n  " + std::string(columns(before), ' ') + "^" + std::string(width - 1, '~');
    return problem.hint.empty() ? out : out + " " + safe(problem.hint);
}

}  // namespace vutrace::filter
