#include "vutrace/replay/spawned_back_end.h"

#include <vutrace/system/endpoint.h>

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
#include <cstdlib>
#include <filesystem>

namespace vutrace::replay {
namespace {

constexpr std::chrono::milliseconds connect_interval{5};

std::string replace_all(std::string text, const std::string& what, const std::string& with) {
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
        text.replace(at, what.size(), with);
    }
    return text;
}

// In the child: only what is allowed between fork and exec.
[[noreturn]] void become_command(const char* command, pid_t parent) noexcept {
    (void)::setpgid(0, 0);
    // A back-end must not outlive a replay that was killed.
    (void)::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) {
        ::_exit(127);
    }
    const int nothing = ::open("/dev/null", O_RDONLY);
    (void)::dup2(nothing, STDIN_FILENO);
    (void)::dup2(STDERR_FILENO, STDOUT_FILENO);
    ::execl("/bin/sh", "sh", "-c", command, static_cast<char*>(nullptr));
    ::_exit(127);
}

BackEndOutcome outcome_of(int wait_status) {
    BackEndOutcome outcome;
    if (WIFSIGNALED(wait_status)) {
        outcome.state = BackEndOutcome::State::signalled;
        outcome.signal = WTERMSIG(wait_status);
    } else {
        outcome.state = BackEndOutcome::State::exited;
        outcome.status = WEXITSTATUS(wait_status);
    }
    return outcome;
}

}  // namespace

SpawnedBackEnd::SpawnedBackEnd(SpawnedBackEnd&& from) noexcept
    : folder_(std::exchange(from.folder_, {})),
      socket_path_(std::move(from.socket_path_)),
      process_(std::exchange(from.process_, -1)),
      process_fd_(std::move(from.process_fd_)) {}

SpawnedBackEnd::~SpawnedBackEnd() {
    if (process_ > 0) {
        (void)::kill(-process_, SIGKILL);
        (void)::waitpid(process_, nullptr, 0);
    }
    if (!folder_.empty()) {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }
}

Result<SpawnedBackEnd> SpawnedBackEnd::start(const std::string& command) {
    std::string folder = (std::filesystem::temp_directory_path() / "vutrace-XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr) {
        return fail_errno("cannot create a temporary folder");
    }
    SpawnedBackEnd back_end(folder, folder + "/back-end.sock");
    const std::string line = replace_all(command, "{socket}", back_end.socket_path_);
    const pid_t parent = ::getpid();
    const pid_t process = ::fork();
    if (process < 0) {
        return fail_errno("cannot start a process");
    }
    if (process == 0) {
        become_command(line.c_str(), parent);
    }
    (void)::setpgid(process, process);  // also here: whoever comes first
    back_end.process_ = process;
    back_end.process_fd_ = FileDescriptor(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
    if (!back_end.process_fd_) {
        return fail_errno("cannot watch a process");
    }
    return back_end;
}

Result<FileDescriptor> SpawnedBackEnd::connect(Deadline deadline) {
    while (true) {
        auto socket = connect_to(socket_path_);
        if (socket) {
            return socket;
        }
        const int reason = socket.error().errno_value;
        if (reason != ENOENT && reason != ECONNREFUSED && reason != EAGAIN) {
            return socket;
        }
        if (Clock::now() >= deadline) {
            return fail(ErrorCode::timeout, fmt::format("the back-end does not listen on '{}'", socket_path_));
        }
        pollfd entry{process_fd_.number(), POLLIN, 0};
        if (::poll(&entry, 1, static_cast<int>(connect_interval.count())) > 0) {
            return fail(ErrorCode::peer_closed, "the back-end ended before it listened on its socket");
        }
    }
}

std::optional<BackEndOutcome> SpawnedBackEnd::wait_for_end(Deadline deadline) {
    if (process_ <= 0) {
        return std::nullopt;
    }
    pollfd entry{process_fd_.number(), POLLIN, 0};
    int ready = 0;
    do {
        ready = ::poll(&entry, 1, milliseconds_until(deadline));
    } while (ready < 0 && errno == EINTR);
    int status = 0;
    if (ready <= 0 || ::waitpid(process_, &status, 0) != process_) {
        return std::nullopt;
    }
    (void)::kill(-process_, SIGTERM);  // what it started itself
    process_ = -1;
    return outcome_of(status);
}

std::optional<BackEndOutcome> SpawnedBackEnd::finish(std::chrono::milliseconds grace) {
    if (process_ <= 0) {
        return std::nullopt;
    }
    (void)::kill(-process_, SIGTERM);
    auto outcome = wait_for_end(Clock::now() + grace);
    if (!outcome) {
        (void)::kill(-process_, SIGKILL);
        (void)wait_for_end(Clock::now() + grace);
        return std::nullopt;
    }
    const bool crashed = outcome->signal && *outcome->signal != SIGTERM;
    return crashed ? outcome : std::nullopt;
}

}  // namespace vutrace::replay
