// One subcommand is one file with one constant record; main.cpp lists the records.
#pragma once

#include <vutrace/base/error.h>

#include <CLI/CLI.hpp>

#include <functional>

namespace vutrace::cli {

// The same everywhere, and documented in every man page.
enum class ExitStatus : int {
    ok = 0,            // done and nothing wrong
    findings = 1,      // done, and there is something to see: a divergence, a difference, a finding
    usage = 2,         // bad usage
    bad_input = 3,     // bad or unreadable input
    environment = 4,   // socket, permission, disk, back-end could not be started
    backend_died = 5,  // the back-end died during replay
};

struct Command {
    const char* name;
    const char* summary;   // one line, for the list of commands
    const char* examples;  // shown below the options
    // Adds the options to `app` and gives what runs them, once, after parsing. What it returns owns the option values.
    std::function<ExitStatus()> (*configure)(CLI::App& app);
};

// Prints "vutrace COMMAND: error: …" to standard error and gives the status that fits the error's code.
ExitStatus report(const char* command, const Error& error);

}  // namespace vutrace::cli
