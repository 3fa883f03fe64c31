#include <vutrace/render/phrases.h>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <cmath>

namespace vutrace::render {
namespace {

constexpr std::int64_t second = 1'000'000'000;

// Length of the UTF-8 sequence that begins `text`; 0 where there is none. Surrogates and overlong forms are none.
std::size_t utf8_length(std::string_view text) noexcept {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    const std::size_t length = first < 0x80                     ? 1
                               : first >= 0xc2 && first <= 0xdf ? 2
                               : (first & 0xf0) == 0xe0         ? 3
                               : first >= 0xf0 && first <= 0xf4 ? 4
                                                                : 0;
    if (length == 0 || text.size() < length) {
        return 0;
    }
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0) != 0x80) {
            return 0;
        }
    }
    const bool overlong = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xf0 && byte(1) < 0x90);
    const bool beyond = (first == 0xed && byte(1) > 0x9f) || (first == 0xf4 && byte(1) > 0x8f);
    return overlong || beyond ? 0 : length;
}

bool is_control(std::string_view character) noexcept {
    const auto first = static_cast<unsigned char>(character[0]);
    // U+0080 to U+009F steer terminals as well as ESC does.
    return first < 0x20 || first == 0x7f || (first == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0);
}

}  // namespace

std::string size_text(std::uint64_t bytes) {
    constexpr std::string_view units = "KMGTPE";
    std::size_t unit = 0;
    std::uint64_t value = bytes;
    while (value != 0 && value % 1024 == 0 && unit < units.size()) {
        value /= 1024;
        ++unit;
    }
    return unit == 0 ? fmt::format("{}", bytes) : fmt::format("{}{}", value, units[unit - 1]);
}

std::string duration_text(std::int64_t nanoseconds) {
    struct Unit {
        double nanoseconds;
        const char* name;
    };
    constexpr std::array units{Unit{1, "ns"}, Unit{1e3, "µs"}, Unit{1e6, "ms"}, Unit{1e9, "s"}};
    const double magnitude = std::abs(static_cast<double>(nanoseconds));
    const Unit* unit = units.data();
    for (const Unit& candidate : units) {
        if (magnitude >= candidate.nanoseconds) {
            unit = &candidate;
        }
    }
    const double value = static_cast<double>(nanoseconds) / unit->nanoseconds;
    const int digits = unit == units.data() || std::abs(value) >= 100 ? 0 : std::abs(value) >= 10 ? 1 : 2;
    return fmt::format("{:.{}f}{}", value, digits, unit->name);
}

std::string absolute_time_text(std::int64_t nanoseconds_since_epoch) {
    std::int64_t seconds = nanoseconds_since_epoch / second;
    std::int64_t rest = nanoseconds_since_epoch % second;
    if (rest < 0) {
        rest += second;
        --seconds;
    }
    const std::time_t whole = seconds;
    std::tm parts{};
    if (gmtime_r(&whole, &parts) == nullptr) {
        return fmt::format("{}.{:09}s", seconds, rest);
    }
    return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:09}Z", std::int64_t{parts.tm_year} + 1900,
                       parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, rest);
}

std::string seconds_text(std::int64_t nanoseconds) {
    const bool negative = nanoseconds < 0;
    const std::uint64_t magnitude =
        negative ? ~static_cast<std::uint64_t>(nanoseconds) + 1 : static_cast<std::uint64_t>(nanoseconds);
    return fmt::format("{}{}.{:09}", negative ? "-" : "", magnitude / second, magnitude % second);
}

std::string printable(std::string_view text, std::size_t limit) {
    const bool cut = text.size() > limit;
    text = text.substr(0, limit);
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        if (length == 0 || is_control(text)) {
            fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(text[0]));
            text.remove_prefix(1);
        } else {
            out += text[0] == '\\' ? std::string_view("\\\\") : text.substr(0, length);
            text.remove_prefix(length);
        }
    }
    if (cut) {
        out += "…";
    }
    return out;
}

std::string grouped(std::uint64_t number) {
    std::string text = std::to_string(number);
    for (std::size_t at = text.size(); at > 3;) {
        at -= 3;
        text.insert(at, 1, ',');
    }
    return text;
}

}  // namespace vutrace::render
