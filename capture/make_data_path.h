// The data path that the options want, on the thread that suits its mode.
#pragma once

#include <vutrace/capture/data_path.h>

#include <memory>

namespace vutrace::capture {

// `relay` and `shadow` run on the session's loop, because a notification or a chain must wait for the copy; `tap` and
// `off` in the background, or on the session's loop where no thread can be had. All arguments outlive the data path.
[[nodiscard]] std::unique_ptr<DataPath> make_data_path(const DataPathOptions& options, std::uint32_t session,
                                                       Recorder& recorder, EventLoop& loop,
                                                       const session::DeviceState& state);

// Says in the trace that a data path threw, and that the session goes on without it. Any thread.
void report_data_path_failure(Recorder& recorder, std::uint32_t session, const char* what);

}  // namespace vutrace::capture
