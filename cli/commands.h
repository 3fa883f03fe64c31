// The subcommands that main.cpp lists; each is one file.
#pragma once

#include "command.h"

namespace vutrace::cli {

extern const Command capture_command;
extern const Command decode_command;
extern const Command info_command;
extern const Command rings_command;
extern const Command memory_command;
extern const Command stats_command;
extern const Command check_command;
extern const Command replay_command;
extern const Command demo_command;

}  // namespace vutrace::cli
