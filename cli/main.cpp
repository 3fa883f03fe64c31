#include "commands.h"

#include <vutrace/trace/versions.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <exception>
#include <span>
#include <string_view>
#include <vector>

namespace vutrace::cli {
namespace {

// In the order in which --help shows them.
constexpr std::array commands{&capture_command, &decode_command, &info_command,   &rings_command, &memory_command,
                              &stats_command,   &check_command,  &replay_command, &demo_command};

// Whether one is named, or no word is there that could be meant as one.
bool known_command_among(int argument_count, char** arguments) {
    return argument_count < 2 || std::any_of(commands.begin(), commands.end(), [&](const Command* command) {
               return std::string_view(arguments[1]) == command->name;
           });
}

int run(int argument_count, char** arguments) {
    CLI::App app{"Capture, decode and replay vhost-user sessions.", "vutrace"};
    app.set_version_flag("--version", trace::versions_text({"vutrace", VUTRACE_VERSION}));
    app.require_subcommand(1);
    std::function<ExitStatus()> chosen;
    for (const Command* command : commands) {
        CLI::App* part = app.add_subcommand(command->name, command->summary);
        part->footer(command->examples);
        part->final_callback([&chosen, start = command->configure(*part)] { chosen = start; });
    }
    try {
        app.parse(argument_count, arguments);
    } catch (const CLI::Success& asked_for_text) {
        return app.exit(asked_for_text);
    } catch (const CLI::ParseError& error) {
        if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr &&
            !known_command_among(argument_count, arguments)) {
            fmt::print(stderr, "vutrace: error: \"{}\" is no command; --help lists them\n", arguments[1]);
        } else {
            (void)app.exit(error);
        }
        return static_cast<int>(ExitStatus::usage);
    }
    return static_cast<int>(chosen());
}

}  // namespace

ExitStatus report(const char* command, const Error& error) {
    fmt::print(stderr, "vutrace {}: error: {}\n", command, describe(error));
    switch (error.code) {
        case ErrorCode::usage:
            return ExitStatus::usage;
        case ErrorCode::bad_input:
        case ErrorCode::torn:
        case ErrorCode::unsupported:
            return ExitStatus::bad_input;
        case ErrorCode::system:
        case ErrorCode::peer_closed:
        case ErrorCode::timeout:
        case ErrorCode::limit:
            return ExitStatus::environment;
    }
    return ExitStatus::environment;
}

}  // namespace vutrace::cli

int main(int argument_count, char** arguments) {
    try {
        return vutrace::cli::run(argument_count, arguments);
    } catch (const std::exception& error) {  // no memory left, as a rule
        (void)std::fprintf(stderr, "vutrace: error: %s\n", error.what());
        return static_cast<int>(vutrace::cli::ExitStatus::environment);
    }
}
