// A child process of the demo: our own executable in another role.
#pragma once

#include <vutrace/base/error.h>
#include <vutrace/system/file_descriptor.h>

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

namespace vutrace::cli {

class ChildProcess {
  public:
    struct Start {
        std::vector<std::string> arguments;  // of /proc/self/exe, without the name
        std::string output;                  // file for standard output and error; empty: ours
        int inherited{-1};                   // a descriptor that the child gets under the same number
    };
    [[nodiscard]] static Result<ChildProcess> start(const Start& start);  // error: system
    ChildProcess(ChildProcess&& from) noexcept;
    ChildProcess& operator=(ChildProcess&&) = delete;
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;
    ~ChildProcess();  // kills it where nobody waited for it

    // Exit status, or 128 and the signal. Error: timeout (it still runs), system.
    [[nodiscard]] Result<int> wait(std::chrono::milliseconds timeout);
    // SIGTERM, then as `wait`.
    [[nodiscard]] Result<int> end(std::chrono::milliseconds timeout);

  private:
    ChildProcess() = default;
    pid_t process_{-1};
    FileDescriptor process_fd_;
};

}  // namespace vutrace::cli
