#include "child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace vutrace::cli {
namespace {

// In the child: only what is allowed between fork and exec.
[[noreturn]] void become(const char* executable, char* const* arguments, int output, int inherited,
                         pid_t parent) noexcept {
    (void)::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) {
        ::_exit(127);
    }
    if (output >= 0) {
        (void)::dup2(output, STDOUT_FILENO);
        (void)::dup2(output, STDERR_FILENO);
    }
    if (inherited >= 0) {
        (void)::fcntl(inherited, F_SETFD, 0);
    }
    ::execv(executable, arguments);
    ::_exit(127);
}

}  // namespace

ChildProcess::ChildProcess(ChildProcess&& from) noexcept
    : process_(std::exchange(from.process_, -1)), process_fd_(std::move(from.process_fd_)) {}

ChildProcess::~ChildProcess() {
    if (process_ > 0) {
        (void)::kill(process_, SIGKILL);
        (void)::waitpid(process_, nullptr, 0);
    }
}

Result<ChildProcess> ChildProcess::start(const Start& start) {
    FileDescriptor output;
    if (!start.output.empty()) {
        output = FileDescriptor(::open(start.output.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
        if (!output) {
            return fail_errno(fmt::format("cannot create '{}'", start.output));
        }
    }
    std::vector<std::string> texts{"vutrace"};
    texts.insert(texts.end(), start.arguments.begin(), start.arguments.end());
    std::vector<char*> arguments;
    std::transform(texts.begin(), texts.end(), std::back_inserter(arguments),
                   [](std::string& text) { return text.data(); });
    arguments.push_back(nullptr);
    const pid_t parent = ::getpid();
    ChildProcess child;
    child.process_ = ::fork();
    if (child.process_ < 0) {
        return fail_errno("cannot start a process");
    }
    if (child.process_ == 0) {
        become("/proc/self/exe", arguments.data(), output.number(), start.inherited, parent);
    }
    child.process_fd_ = FileDescriptor(static_cast<int>(::syscall(SYS_pidfd_open, child.process_, 0)));
    if (!child.process_fd_) {
        return fail_errno("cannot watch a process");
    }
    return child;
}

Result<int> ChildProcess::wait(std::chrono::milliseconds timeout) {
    pollfd entry{process_fd_.number(), POLLIN, 0};
    int ready = 0;
    do {
        ready = ::poll(&entry, 1, static_cast<int>(timeout.count()));
    } while (ready < 0 && errno == EINTR);
    if (ready == 0) {
        return fail(ErrorCode::timeout, fmt::format("a child process still runs after {} ms", timeout.count()));
    }
    int status = 0;
    if (ready < 0 || ::waitpid(process_, &status, 0) != process_) {
        return fail_errno("cannot wait for a child process");
    }
    process_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Result<int> ChildProcess::end(std::chrono::milliseconds timeout) {
    (void)::kill(process_, SIGTERM);
    return wait(timeout);
}

}  // namespace vutrace::cli
