// What the commands that read a trace share: option values, messages about the trace, exit statuses.
#pragma once

#include "command.h"
#include "output.h"

#include <vutrace/session/timeline.h>
#include <vutrace/trace/reader.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vutrace::cli {

// A number in decimal, or in hexadecimal with 0x. Error: usage.
[[nodiscard]] Result<std::uint64_t> parse_number(const std::string& text);
// The same with one of the suffixes k, M, G, T (powers of 1024; either case). Error: usage.
[[nodiscard]] Result<std::uint64_t> parse_size(const std::string& text);

// The virtio device type that --device names; none where `name` is empty. Error: usage.
[[nodiscard]] Result<std::optional<std::uint32_t>> parse_device(const std::string& name);

// For options that are numbers: refuses what is none, such as -1, of which CLI11 makes the largest number.
[[nodiscard]] CLI::Validator whole_number_from(std::uint64_t least);
// For options that are sizes: takes what `parse_size` does, and gives bytes to the option. A size outside is refused
// in the same words.
[[nodiscard]] CLI::Validator size_between(std::uint64_t least, std::uint64_t most);

// For options that are one of a few words; says which where it is none of them.
template <class Value>
[[nodiscard]] CLI::Validator one_of(const std::vector<std::pair<std::string, Value>>& choices) {
    const auto choose = [choices](std::string& word) -> std::string {
        std::string words;
        for (const auto& [name, value] : choices) {
            if (name == word) {
                word = std::to_string(static_cast<int>(value));
                return {};
            }
            words.append(words.empty() ? "" : ", ").append(name);
        }
        return "'" + word + "' is none of " + words;
    };
    return CLI::Validator(choose, "");
}

void add_colour_option(CLI::App& app, ColourChoice& choice);

// Error, usage: what a command is about to create is the trace that it reads.
[[nodiscard]] Status keep_input(const std::string& input, const std::string& output);

// For a trace that cannot be opened or read: names the file.
ExitStatus report_input(const char* command, const std::string& file, const Error& error);

// After reading to the end: a warning each for what was passed over and where the file is torn. `records` were read;
// a file that gave none although it is not whole is bad input.
ExitStatus report_reading(const char* command, const trace::ReadProblems& problems, std::uint64_t records);

// The session that a command is about: the one asked for or, without `number`, the only one. Error: usage.
[[nodiscard]] Result<const session::SessionState*> choose_session(const session::Tracker& tracker,
                                                                  std::optional<std::uint32_t> number);
// A warning where the session's guest memory was too costly to follow.
void report_memory(const char* command, const session::SessionState& state);

struct StateQuery {
    const char* command;
    const std::string& file;
    std::uint64_t at;                      // record number
    std::optional<std::uint32_t> session;  // as for `choose_session`
};
// Reads the trace up to a record, with a progress bar, and shows one session as it stood then. What goes wrong before
// that is reported.
ExitStatus with_state_after(const StateQuery& query,
                            const std::function<ExitStatus(const session::SessionState& state)>& show);

}  // namespace vutrace::cli
