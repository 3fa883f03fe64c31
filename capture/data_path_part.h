// One of the threads among which a session's queues are shared out (TapThreads), each with a data path of its own.
#pragma once

#include "tap_budget.h"

#include <vutrace/capture/data_path.h>

#include <cstdint>
#include <memory>

namespace vutrace::capture {

// Which queues are looked at. The first part also records what belongs to no queue: shared areas, the snapshot.
struct DataPathPart {
    unsigned number{0};  // below `count`
    unsigned count{1};
    std::shared_ptr<TapAllowances> allowances;  // of the session; null: its own

    [[nodiscard]] bool is_first() const noexcept { return number == 0; }
    // Queues go in pairs: those of a network device have much to do at the same time.
    [[nodiscard]] static unsigned owner_of(std::uint32_t queue, unsigned count) noexcept { return queue / 2 % count; }
    [[nodiscard]] bool has(std::uint32_t queue) const noexcept { return owner_of(queue, count) == number; }
};

// As DataPath::create.
[[nodiscard]] std::unique_ptr<DataPath> make_data_path_part(const DataPathOptions& options, std::uint32_t session,
                                                            Recorder& recorder, EventLoop& loop,
                                                            const session::DeviceState& state, DataPathPart part);

}  // namespace vutrace::capture
