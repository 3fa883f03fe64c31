// Stands between front-ends and back-ends: meets both at their endpoints, pairs them, and relays and records each
// session on a thread of its own.
#pragma once

#include <vutrace/base/error.h>
#include <vutrace/capture/data_path.h>
#include <vutrace/capture/event_loop.h>
#include <vutrace/capture/recorder.h>
#include <vutrace/system/endpoint.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace vutrace::capture {

// Which of a session's sockets are stood in: the main one, or also those that its messages hand over
// (SET_BACKEND_REQ_FD, GPU_SET_SOCKET).
enum class RelayedChannels : std::uint8_t { all, main };

// Whether the content of the pipes that a device's state goes through (SET_DEVICE_STATE_FD) is recorded: `tee` puts a
// pipe of ours between, as large as theirs; `pass` leaves theirs alone.
enum class DeviceStatePipes : std::uint8_t { pass, tee };

struct CaptureOptions {
    Endpoint front_end;
    Endpoint back_end;
    DataPathOptions data_path;
    RelayedChannels channels{RelayedChannels::all};
    DeviceStatePipes device_state{DeviceStatePipes::pass};
    bool once{false};                             // end after the first session
    std::chrono::milliseconds patience{5000};     // how long a peer that we connect to may take to appear
    std::string version;                          // of the program, for the session records
    std::function<void(const std::string&)> log;  // one line each, from any thread; may be empty
};

class Capture {
  public:
    // Creates the listening sockets and takes over inherited ones: peers may connect from here on, and wait for `run`.
    // Errors: usage (an endpoint that makes no sense), system.
    [[nodiscard]] static Result<std::unique_ptr<Capture>> create(CaptureOptions options);
    virtual ~Capture() = default;

    // The loop that `run` serves, for what else the caller must watch (signals).
    [[nodiscard]] virtual EventLoop& loop() noexcept = 0;
    // Serves sessions until `stop`, the end of the first (`once`), or until no further one can come (inherited
    // sockets). Then ends those that still run, with everything recorded. Errors: system (cannot wait for events, or
    // the only peer there could be was not met). Once. `recorder` outlives the call.
    [[nodiscard]] virtual Status run(Recorder& recorder) = 0;
    virtual void stop() noexcept = 0;                                   // any thread
    [[nodiscard]] virtual std::uint32_t sessions() const noexcept = 0;  // begun so far
};

}  // namespace vutrace::capture
