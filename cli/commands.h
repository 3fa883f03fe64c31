// The subcommands that main.cpp lists; each is one file.
#pragma once

#include "command.h"

namespace vutrace::cli {

extern const Command capture_command;

}  // namespace vutrace::cli
