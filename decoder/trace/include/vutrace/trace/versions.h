// What traces are read and written with, for a report of a bug.
#pragma once

#include <string>
#include <vector>

namespace vutrace::trace {

struct Version {
    std::string name;  // such as "libpcap"
    std::string version;
};

// The format that is written, then the libraries as they are loaded. Any thread.
[[nodiscard]] std::vector<Version> versions();
// One line each, without the last line's end: `program`, which may be empty, comes first.
[[nodiscard]] std::string versions_text(const Version& program);

}  // namespace vutrace::trace
