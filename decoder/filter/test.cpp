#include "test.h"

#include <algorithm>
#include <bit>

namespace vutrace::filter {
namespace {

constexpr char lower(char letter) noexcept {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

bool contains_any_case(std::string_view text, std::string_view wanted) noexcept {
    return std::search(text.begin(), text.end(), wanted.begin(), wanted.end(),
                       [](char one, char other) { return lower(one) == other; }) != text.end();
}

bool has_word(std::string_view text, std::string_view wanted) noexcept {
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        if (text.substr(0, end) == wanted) {
            return true;
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return false;
}

// In hex digits a byte begins at an even place.
bool contains_bytes(std::string_view hex, std::string_view wanted) noexcept {
    for (std::size_t at = hex.find(wanted); at != std::string_view::npos; at = hex.find(wanted, at + 1)) {
        if (at % 2 == 0) {
            return true;
        }
    }
    return false;
}

constexpr unsigned digit(char letter) noexcept {
    return static_cast<unsigned>(letter <= '9' ? letter - '0' : letter - 'a' + 10);
}

bool equals_hex(ByteView bytes, std::string_view hex) noexcept {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (std::to_integer<unsigned>(bytes[i]) != digit(hex[2 * i]) * 16 + digit(hex[2 * i + 1])) {
            return false;
        }
    }
    return true;
}

bool contains_hex(ByteView bytes, std::string_view hex) noexcept {
    const std::size_t size = hex.size() / 2;
    for (std::size_t at = 0; at + size <= bytes.size(); ++at) {
        if (equals_hex(bytes.subspan(at, size), hex)) {
            return true;
        }
    }
    return false;
}

template <class Matches>
bool any_text(const Test& test, Matches matches) noexcept {
    return std::any_of(test.texts.begin(), test.texts.end(), matches);
}

}  // namespace

void Test::order_ranges() {
    std::sort(ranges.begin(), ranges.end(),
              [](const Range& left, const Range& right) { return left.first < right.first; });
    std::vector<Range> apart;
    for (const Range& range : ranges) {
        if (!apart.empty() && range.first <= apart.back().last) {
            apart.back().last = std::max(apart.back().last, range.last);
        } else {
            apart.push_back(range);
        }
    }
    ranges = std::move(apart);
}

bool Probe::in_ranges(std::uint64_t value) const noexcept {
    const auto after = std::upper_bound(test_.ranges.begin(), test_.ranges.end(), value,
                                        [](std::uint64_t wanted, const Range& range) { return wanted < range.first; });
    return after != test_.ranges.begin() && value <= std::prev(after)->last;
}

bool Probe::take(bool match) noexcept {
    const bool all = test_.quantifier == Test::Quantifier::all;
    matched_ = !seen_ ? match : all ? matched_ && match : matched_ || match;
    seen_ = true;
    ++count_;
    return test_.kind == Test::Kind::present || (test_.kind != Test::Kind::count && all != match);
}

bool Probe::number(std::uint64_t value) noexcept {
    return take(test_.kind == Test::Kind::number && in_ranges(value));
}

bool Probe::mask(std::uint64_t value) noexcept {
    const std::uint64_t wanted = test_.kind == Test::Kind::mask ? test_.mask.at(device_) : 0;
    const bool stop =
        take(test_.quantifier == Test::Quantifier::all ? value != 0 && (value & ~wanted) == 0 : (value & wanted) != 0);
    count_ = static_cast<std::uint64_t>(std::popcount(value));
    return stop;
}

bool Probe::text(std::string_view value) noexcept {
    switch (test_.kind) {
        case Test::Kind::text:
            return take(any_text(test_, [&](const std::string& wanted) { return value == wanted; }));
        case Test::Kind::text_contains:
            return take(any_text(test_, [&](const std::string& wanted) { return contains_any_case(value, wanted); }));
        case Test::Kind::text_word:
            return take(any_text(test_, [&](const std::string& wanted) { return has_word(value, wanted); }));
        default:
            return take(false);
    }
}

bool Probe::hex(std::string_view value) noexcept {
    switch (test_.kind) {
        case Test::Kind::number:
        case Test::Kind::bytes:
            return take(any_text(test_, [&](const std::string& wanted) { return value == wanted; }));
        case Test::Kind::bytes_contain:
            return take(any_text(test_, [&](const std::string& wanted) { return contains_bytes(value, wanted); }));
        default:
            return take(false);
    }
}

bool Probe::bytes(ByteView value) noexcept {
    switch (test_.kind) {
        case Test::Kind::bytes:
            return take(any_text(test_, [&](const std::string& wanted) {
                return wanted.size() == 2 * value.size() && equals_hex(value, wanted);
            }));
        case Test::Kind::bytes_contain:
            return take(any_text(test_, [&](const std::string& wanted) { return contains_hex(value, wanted); }));
        default:
            return take(false);
    }
}

bool Probe::element() noexcept {
    const bool counts = test_.kind == Test::Kind::present || test_.kind == Test::Kind::count;
    return !counts || take(false);
}

bool Probe::empty_list() noexcept {
    listed_ = true;
    return test_.kind == Test::Kind::present;
}

bool Probe::outcome() const noexcept {
    switch (test_.kind) {
        case Test::Kind::present:
            return seen_ || listed_;
        case Test::Kind::count:
            return in_ranges(count_) == (test_.quantifier != Test::Quantifier::none);
        default:
            return (seen_ || listed_) && matched_ == (test_.quantifier != Test::Quantifier::none);
    }
}

}  // namespace vutrace::filter
