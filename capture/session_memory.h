// A session's guest memory as the data path uses it: the mappings of the table that is in force and, in memory mode
// `full`, the snapshot of what they show. One thread, the data path's.
#pragma once

#include "buffer_copier.h"
#include "guest_mappings.h"
#include "memory_snapshot.h"

#include <vutrace/capture/data_path.h>
#include <vutrace/capture/recorder.h>
#include <vutrace/session/device_state.h>

#include <cstdint>
#include <memory>

namespace vutrace::capture {

class SessionMemory {
  public:
    // `recorder` and `state` outlive the object.
    SessionMemory(const DataPathOptions& options, std::uint32_t session, Recorder& recorder,
                  const session::DeviceState& state);
    SessionMemory(const SessionMemory&) = delete;
    SessionMemory& operator=(const SessionMemory&) = delete;
    ~SessionMemory();  // waits for the snapshot, within its patience

    // A message changed the table: takes over the descriptors of the regions. False where nobody wants them.
    [[nodiscard]] bool change(ForwardedMessage& message);
    [[nodiscard]] const std::shared_ptr<const GuestMappings>& mappings() const noexcept { return mappings_; }

    // To be called with what goes into the trace with a chain; empty where nobody needs to know.
    [[nodiscard]] RecordedRange recorded_callback();
    void pause(bool paused);
    // The session ended: the snapshot looks at all of it once more or, where memory must not be touched, says what it
    // has not seen.
    void end(bool without_memory);

  private:
    void add_to_snapshot(const GuestMappings* previous);

    const DataPathOptions options_;
    std::uint32_t session_;
    Recorder& recorder_;
    const session::DeviceState& state_;
    std::shared_ptr<const GuestMappings> mappings_;
    std::unique_ptr<MemorySnapshot> snapshot_;  // memory mode `full`
};

}  // namespace vutrace::capture
