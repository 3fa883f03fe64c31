// The two halves that the demo puts at the ends of a capture: a block back-end on an image file, and a driver.
#pragma once

#include "command.h"

#include <cstdint>
#include <string>

namespace vutrace::cli {

inline constexpr const char* split_ring = "split";
inline constexpr const char* packed_ring = "packed";

struct DemoRole {
    std::string role;              // "back-end" or "driver"
    std::string socket;            // back-end: created here; driver: connected to, as soon as somebody listens
    int listening_socket{-1};      // back-end: a socket that listens already, instead of `socket`
    std::string image;             // back-end
    std::string ring{split_ring};  // what the driver wants; the back-end offers packed ones besides, or not
    std::string recording;         // driver: a trace of what it does, where not empty
    std::uint64_t requests{400};
    std::uint64_t seed{1};
};

// Runs until the work is done (driver) or a signal comes (back-end).
ExitStatus run_demo_role(const DemoRole& role);

}  // namespace vutrace::cli
