// What a piece of the in-flight area or of the dirty log says.
#pragma once

#include <vutrace/session/device_state.h>
#include <vutrace/trace/records.h>
#include <vutrace/virtio/dirty_log.h>
#include <vutrace/virtio/inflight.h>

#include <optional>

namespace vutrace::explain {

struct SharedAreaAnnotation {
    std::optional<virtio::InflightArea> inflight;
    std::optional<virtio::DirtyPages> dirty;
};

// Both are empty for a record of any other memory, and where the messages do not say how the area is laid out. Work is
// bounded by what was recorded of it.
[[nodiscard]] SharedAreaAnnotation explain_shared_area(const trace::MemoryRecord& record,
                                                       const session::DeviceState& device);

}  // namespace vutrace::explain
