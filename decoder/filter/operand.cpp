#include "operand.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <optional>

namespace vutrace::filter {
namespace {

struct Unit {
    std::string_view name;  // lower case
    std::uint64_t factor;
};
constexpr std::array durations{
    Unit{"ns", 1},
    Unit{"us", 1'000},
    Unit{"µs", 1'000},
    Unit{"ms", 1'000'000},
    Unit{"s", 1'000'000'000},
    Unit{"min", 60'000'000'000},
    Unit{"h", 3'600'000'000'000},
};
constexpr std::array sizes{
    Unit{"k", 1ULL << 10U}, Unit{"kib", 1ULL << 10U}, Unit{"m", 1ULL << 20U}, Unit{"mib", 1ULL << 20U},
    Unit{"g", 1ULL << 30U}, Unit{"gib", 1ULL << 30U}, Unit{"t", 1ULL << 40U}, Unit{"tib", 1ULL << 40U},
    Unit{"p", 1ULL << 50U}, Unit{"pib", 1ULL << 50U},
};
constexpr std::size_t most_decimals = 9;
constexpr const char* too_large = "is more than 64 bits hold";

std::span<const Unit> units_of(FieldType type) {
    return type == FieldType::duration                               ? std::span<const Unit>(durations)
           : type == FieldType::number || type == FieldType::address ? std::span<const Unit>(sizes)
                                                                     : std::span<const Unit>();
}

// Digits up to the first character that is none. False where there are none or 64 bits do not hold them.
bool take_digits(std::string_view& text, int base, std::uint64_t& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc()) {
        return false;
    }
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return true;
}

NumberOperand fail(std::string error, std::string hint = {}) {
    return {0, std::move(error), std::move(hint)};
}

NumberOperand no_number(FieldType type) {
    switch (type) {
        case FieldType::time:
            return fail("is no time", "such as 2026-11-22T17:10:05.5Z, or nanoseconds since the epoch");
        case FieldType::duration:
            return fail("is no duration", "a number with ns, us, ms, s, min or h, such as 1.5ms");
        default:
            return fail("is no number", "decimal or 0x…, with K, M, G, T or P if you like");
    }
}

// The part behind a decimal point, in units of `factor`.
std::optional<std::uint64_t> fraction_of(std::string_view digits, std::uint64_t factor) {
    std::uint64_t value = 0;
    std::uint64_t scale = 1;
    std::string_view rest = digits;
    if (digits.empty() || digits.size() > most_decimals || !take_digits(rest, 10, value) || !rest.empty()) {
        return std::nullopt;
    }
    for (std::size_t i = 0; i < digits.size(); ++i) {
        scale *= 10;
    }
    if (__builtin_mul_overflow(value, factor, &value)) {
        return std::nullopt;
    }
    return value / scale;
}

// An amount without its sign.
NumberOperand parse_amount(FieldType type, std::string_view text) {
    std::uint64_t value = 0;
    if (text.starts_with("0x") || text.starts_with("0X")) {
        text.remove_prefix(2);
        const bool digits = !text.empty() && text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
        return !digits                        ? no_number(type)
               : take_digits(text, 16, value) ? NumberOperand{value, {}, {}}
                                              : fail(too_large);
    }
    if (text.empty() || text.front() < '0' || text.front() > '9') {
        return no_number(type);
    }
    if (!take_digits(text, 10, value)) {
        return fail(too_large);
    }
    std::string_view decimals;
    const bool point = text.starts_with('.');
    if (point) {
        decimals = text.substr(1, std::min(text.find_first_not_of("0123456789", 1), text.size()) - 1);
        text.remove_prefix(1 + decimals.size());
    }
    if (text.empty()) {
        return point ? fail("has a fraction but no unit") : NumberOperand{value, {}, {}};
    }
    const std::string wanted = lower_case(text);
    for (const Unit& unit : units_of(type)) {
        if (wanted != unit.name) {
            continue;
        }
        const auto fraction = point ? fraction_of(decimals, unit.factor) : std::optional<std::uint64_t>(0);
        if (!fraction) {
            return fail("has no fraction that 64 bits hold", "nine digits at most");
        }
        return __builtin_mul_overflow(value, unit.factor, &value) || __builtin_add_overflow(value, *fraction, &value)
                   ? fail(too_large)
                   : NumberOperand{value, {}, {}};
    }
    return no_number(type);
}

// Two digits (four of a year) as a part of a time, then `separator`, which may be 0.
bool take_part(std::string_view& text, std::size_t digits, int& value, char separator) {
    if (text.size() < digits || (separator != 0 && (text.size() <= digits || text[digits] != separator))) {
        return false;
    }
    const auto [end, error] = std::from_chars(text.data(), text.data() + digits, value);
    if (error != std::errc() || end != text.data() + digits) {
        return false;
    }
    text.remove_prefix(digits + (separator != 0 ? 1 : 0));
    return value >= 0;
}

// "2026-11-22T17:10:05.5Z", shorter from the end; T may be a blank, Z may be missing: it is always UTC.
std::optional<std::int64_t> parse_date(std::string_view text) {
    using namespace std::chrono;
    int year_number = 0;
    int month_number = 0;
    int day_number = 0;
    if (text.ends_with('Z')) {
        text.remove_suffix(1);
    }
    if (!take_part(text, 4, year_number, '-') || !take_part(text, 2, month_number, '-') ||
        !take_part(text, 2, day_number, 0)) {
        return std::nullopt;
    }
    const year_month_day date{year(year_number), month(static_cast<unsigned>(month_number)),
                              day(static_cast<unsigned>(day_number))};
    constexpr int last_year = 2261;  // 64 bits of nanoseconds end in 2262
    if (!date.ok() || year_number < 1970 || year_number > last_year) {
        return std::nullopt;
    }
    int hour_number = 0;
    int minute_number = 0;
    int second_number = 0;
    std::uint64_t fraction = 0;
    if (!text.empty()) {
        if (text.front() != 'T' && text.front() != 't' && text.front() != ' ') {
            return std::nullopt;
        }
        text.remove_prefix(1);
        if (!take_part(text, 2, hour_number, ':') || !take_part(text, 2, minute_number, 0)) {
            return std::nullopt;
        }
    }
    if (text.starts_with(':')) {
        text.remove_prefix(1);
        if (!take_part(text, 2, second_number, 0)) {
            return std::nullopt;
        }
    }
    if (text.starts_with('.')) {
        const auto part = fraction_of(text.substr(1), 1'000'000'000);
        if (!part) {
            return std::nullopt;
        }
        fraction = *part;
        text = {};
    }
    if (!text.empty() || hour_number > 23 || minute_number > 59 || second_number > 60) {
        return std::nullopt;
    }
    const auto whole =
        sys_days(date).time_since_epoch() + hours(hour_number) + minutes(minute_number) + seconds(second_number);
    return duration_cast<nanoseconds>(whole).count() + static_cast<std::int64_t>(fraction);
}

}  // namespace

NumberOperand parse_number(const FieldRow& row, std::string_view text) {
    const bool has_sign = row.type == FieldType::time || row.type == FieldType::duration;
    if (row.type == FieldType::time) {
        if (const auto date = parse_date(text)) {
            return {ordered(*date), {}, {}};
        }
    }
    const bool negative = text.starts_with('-');
    NumberOperand operand = parse_amount(row.type, negative ? text.substr(1) : text);
    if (!operand.error.empty()) {
        return operand;
    }
    if (!has_sign) {
        return negative ? fail("is negative", fmt::format("{} never is", row.name)) : operand;
    }
    if (operand.value > static_cast<std::uint64_t>(INT64_MAX)) {
        return fail(too_large);
    }
    const auto value = static_cast<std::int64_t>(operand.value);
    operand.value = ordered(negative ? -value : value);
    return operand;
}

std::optional<std::string> parse_bytes(std::string_view text) {
    if (text.starts_with("0x") || text.starts_with("0X")) {
        text.remove_prefix(2);
    }
    std::string digits = lower_case(text);
    const bool valid = digits.size() % 2 == 0 && digits.find_first_not_of("0123456789abcdef") == std::string::npos;
    return valid ? std::optional(std::move(digits)) : std::nullopt;
}

}  // namespace vutrace::filter
