// Mixed block requests with data that is checked against a model of the image: reads must give what was written.
#pragma once

#include <vutrace/replay/block_driver.h>

#include <cstdint>

namespace vutrace::replay {

struct BlockWorkloadOptions {
    std::uint64_t requests{400};
    std::uint64_t seed{1};
    std::uint16_t queue_count{1};
    // Begins no new burst before the last one is done. With a driver that waits for calls, no chain is then taken or
    // given back without a notification, and a capture in relay mode can prove all it saw.
    bool one_burst_at_a_time{false};
};

struct BlockWorkloadReport {
    std::uint64_t completed{0};
    std::uint64_t bytes_written{0};
    std::uint64_t bytes_read{0};
    std::uint64_t refused{0};     // status other than OK
    std::uint64_t mismatches{0};  // reads that gave other bytes than the model
};

// Runs the requests to their end. The image must be zero where nothing was written by the driver before. Errors as
// BlockDriver's; unsupported where the image is too small (1 MiB at least).
[[nodiscard]] Result<BlockWorkloadReport> run_block_workload(BlockDriver& driver, const BlockWorkloadOptions& options);

}  // namespace vutrace::replay
