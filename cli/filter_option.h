// The option --filter of the commands that read a trace.
#pragma once

#include "command.h"

#include <vutrace/filter/filter.h>

#include <string>

namespace vutrace::cli {

// `--filter help` prints the language and every field instead of running the command.
void add_filter_option(CLI::App& app, std::string& expression,
                       const std::string& description =
                           "Only records that match this expression, such as 'queue == 0 and latency > 5ms'; "
                           "`help` lists the language and all fields");

// Error: usage; the text shows the place in the expression.
[[nodiscard]] Result<filter::Filter> compile_filter(const std::string& expression);

}  // namespace vutrace::cli
