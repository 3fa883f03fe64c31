// A back-end that the replay starts itself, so that it knows how it ended.
#pragma once

#include <vutrace/base/error.h>
#include <vutrace/replay/message.h>
#include <vutrace/replay/report.h>
#include <vutrace/system/file_descriptor.h>

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>

namespace vutrace::replay {

class SpawnedBackEnd {
  public:
    // Runs `command` with /bin/sh -c in a process group of its own, its standard output joined to our standard error;
    // `{socket}` in it becomes a path in a fresh folder that only we can enter. Error: system.
    [[nodiscard]] static Result<SpawnedBackEnd> start(const std::string& command);
    SpawnedBackEnd(SpawnedBackEnd&& from) noexcept;
    SpawnedBackEnd& operator=(SpawnedBackEnd&&) = delete;
    SpawnedBackEnd(const SpawnedBackEnd&) = delete;
    SpawnedBackEnd& operator=(const SpawnedBackEnd&) = delete;
    ~SpawnedBackEnd();  // kills what is left and removes the folder

    // Connects as soon as the back-end listens. Many back-ends serve one connection only, so there is no trial.
    // Errors: timeout, peer_closed (it ended first; `collect` says how), system.
    [[nodiscard]] Result<FileDescriptor> connect(Deadline deadline);

    // How it ended by itself; empty where it still runs at the deadline.
    [[nodiscard]] std::optional<BackEndOutcome> wait_for_end(Deadline deadline);
    // Asks it to end (SIGTERM), and kills it after `grace`. Gives how it ended where that was not our doing: a crash on
    // the way out.
    [[nodiscard]] std::optional<BackEndOutcome> finish(std::chrono::milliseconds grace);

    [[nodiscard]] const std::string& socket_path() const noexcept { return socket_path_; }

  private:
    SpawnedBackEnd(std::string folder, std::string socket_path)
        : folder_(std::move(folder)), socket_path_(std::move(socket_path)) {}
    std::string folder_;
    std::string socket_path_;
    pid_t process_{-1};          // -1 once it was collected
    FileDescriptor process_fd_;  // readable when it ended
};

}  // namespace vutrace::replay
