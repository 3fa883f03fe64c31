#include "options.h"

#include "progress.h"

#include <vutrace/base/count_text.h>
#include <vutrace/explain/devices.h>
#include <vutrace/session/inventory.h>

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <string_view>

namespace vutrace::cli {

Result<std::uint64_t> parse_number(const std::string& text) {
    std::string_view digits = text;
    int base = 10;
    if (digits.substr(0, 2) == "0x" || digits.substr(0, 2) == "0X") {
        digits.remove_prefix(2);
        base = 16;
    }
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (error != std::errc() || end != digits.data() + digits.size() || digits.empty()) {
        return fail(ErrorCode::usage, "\"" + text + "\" is not a number of 64 bits, decimal or 0x…");
    }
    return value;
}

Result<std::uint64_t> parse_size(const std::string& text) {
    constexpr std::string_view suffixes = "kmgt";
    unsigned shift = 0;
    std::string digits = text;
    const bool hexadecimal = text.size() > 1 && (text[1] == 'x' || text[1] == 'X');
    if (!digits.empty()) {
        // In hexadecimal no suffix is a digit, so it cannot be mistaken for one.
        const auto at = suffixes.find(static_cast<char>(digits.back() | 0x20));
        if (at != std::string_view::npos && !(hexadecimal && digits.size() == 2)) {
            shift = 10 * (static_cast<unsigned>(at) + 1);
            digits.pop_back();
        }
    }
    const auto value = parse_number(digits);
    if (!value) {
        return fail(ErrorCode::usage, "\"" + text + "\" is not a size: a number, with k, M, G or T if you like");
    }
    if (shift != 0 && *value > (UINT64_MAX >> shift)) {
        return fail(ErrorCode::usage, "\"" + text + "\" is more than 64 bits hold");
    }
    return *value << shift;
}

Result<std::optional<std::uint32_t>> parse_device(const std::string& name) {
    if (name.empty()) {
        return std::optional<std::uint32_t>();
    }
    const auto type = explain::find_device(name);
    if (!type) {
        return fail(ErrorCode::usage, "no device \"" + name + "\": one of " + explain::device_names());
    }
    return type;
}

CLI::Validator whole_number_from(std::uint64_t least) {
    const auto check = [least](std::string& text) -> std::string {
        const auto number = parse_number(text);
        return number && *number >= least ? "" : fmt::format("'{}' is no whole number from {} on", text, least);
    };
    return CLI::Validator(check, "");
}

namespace {

// As `parse_size` takes it.
std::string size_text(std::uint64_t bytes) {
    constexpr std::string_view suffixes = "kMGT";
    std::size_t at = 0;
    for (; bytes != 0 && bytes % 1024 == 0 && at < suffixes.size(); ++at) {
        bytes /= 1024;
    }
    return at == 0 ? std::to_string(bytes) : fmt::format("{}{}", bytes, suffixes[at - 1]);
}

}  // namespace

CLI::Validator size_between(std::uint64_t least, std::uint64_t most) {
    const auto convert = [least, most](std::string& text) -> std::string {
        const auto size = parse_size(text);
        if (!size) {
            return size.error().text;
        }
        if (*size < least || *size > most) {
            return fmt::format("'{}' is not between {} and {}", text, size_text(least), size_text(most));
        }
        text = std::to_string(*size);
        return {};
    };
    return CLI::Validator(convert, "");
}

void add_colour_option(CLI::App& app, ColourChoice& choice) {
    app.add_option("--color", choice,
                   "Colour: auto (the default: on a terminal, unless NO_COLOR is set), always or never")
        ->transform(one_of<ColourChoice>(
            {{"auto", ColourChoice::automatic}, {"always", ColourChoice::always}, {"never", ColourChoice::never}}))
        ->option_text("auto|always|never");
}

Status keep_input(const std::string& input, const std::string& output) {
    std::error_code ignored;  // where one of them does not exist they are not the same
    if (!output.empty() && std::filesystem::equivalent(input, output, ignored)) {
        return fail(ErrorCode::usage, fmt::format("'{}' is the trace that is read: write to another file", output));
    }
    return {};
}

ExitStatus report_input(const char* command, const std::string& file, const Error& error) {
    Error named = error;
    if (named.text.find(file) == std::string::npos) {
        named.text = file + ": " + named.text;
    }
    (void)report(command, named);
    // A file that is not there is bad input, whoever refused it.
    return ExitStatus::bad_input;
}

ExitStatus report_reading(const char* command, const trace::ReadProblems& problems, std::uint64_t records) {
    const auto warn = [&](const std::string& text) { fmt::print(stderr, "vutrace {}: warning: {}\n", command, text); };
    if (problems.bad_record_count != 0 && !problems.bad_records.empty()) {
        warn(fmt::format("passed over: {} that could not be decoded, the first: {}",
                         count_text(problems.bad_record_count, "record"), describe(problems.bad_records.front())));
    }
    if (problems.unknown_records != 0) {
        warn(fmt::format("passed over: {} of a type or version that this program does not know",
                         count_text(problems.unknown_records, "record")));
    }
    if (problems.foreign_packets != 0) {
        warn(
            fmt::format("passed over: {} without a record of vutrace", count_text(problems.foreign_packets, "packet")));
    }
    if (problems.torn) {
        warn(fmt::format("the trace is torn: {}; complete before that: {}", describe(*problems.torn),
                         count_text(records, "record")));
    }
    const bool damaged = problems.torn || problems.bad_record_count != 0 || problems.foreign_packets != 0;
    return records == 0 && damaged ? ExitStatus::bad_input : ExitStatus::ok;
}

Result<const session::SessionState*> choose_session(const session::Tracker& tracker,
                                                    std::optional<std::uint32_t> number) {
    if (number) {
        session::Inventory inventory;
        for (const auto& [begun, state] : tracker.sessions()) {
            inventory.add(begun);
        }
        if (const Status there = inventory.check(number, std::nullopt, "up to that record"); !there) {
            return tl::unexpected(there.error());
        }
        return tracker.session(*number);
    }
    if (tracker.sessions().empty()) {
        return fail(ErrorCode::usage, "no session had begun at that record");
    }
    if (tracker.sessions().size() > 1) {
        return fail(ErrorCode::usage, fmt::format("{} sessions had begun at that record: choose one with --session",
                                                  tracker.sessions().size()));
    }
    return &tracker.sessions().begin()->second;
}

void report_memory(const char* command, const session::SessionState& state) {
    if (state.memory.gave_up()) {
        fmt::print(stderr,
                   "vutrace {}: warning: the bytes of session {} are scattered so thinly over guest memory that "
                   "following them would take many times the trace's size: all of it is shown as unknown\n",
                   command, state.number);
    }
}

ExitStatus with_state_after(const StateQuery& query,
                            const std::function<ExitStatus(const session::SessionState& state)>& show) {
    auto timeline = session::Timeline::open(query.file);
    if (!timeline) {
        return report_input(query.command, query.file, timeline.error());
    }
    Progress progress("reading");
    const auto tracker =
        timeline->state_after(query.at, [&](std::uint64_t done, std::uint64_t total) { progress.update(done, total); });
    progress.clear();
    if (!tracker) {
        return tracker.error().code == ErrorCode::usage ? report(query.command, tracker.error())
                                                        : report_input(query.command, query.file, tracker.error());
    }
    const auto state = choose_session(*tracker, query.session);
    if (!state) {
        return report(query.command, state.error());
    }
    report_memory(query.command, **state);
    return show(**state);
}

}  // namespace vutrace::cli
