// A vhost-user-blk front-end with a driver of its own: negotiates, sets up memory and rings, and does requests that
// its caller makes up. For the demo, the benchmarks and load without a trace.
#pragma once

#include <vutrace/base/error.h>
#include <vutrace/protocol/requests.h>
#include <vutrace/replay/connection.h>
#include <vutrace/replay/mapped_memory.h>
#include <vutrace/replay/queue_driver.h>
#include <vutrace/session/device_state.h>
#include <vutrace/virtio/devices/block.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

namespace vutrace::replay {

struct BlockDriverOptions {
    std::uint16_t queue_count{1};
    std::uint16_t queue_size{128};  // at least 4; of a split ring a power of two
    bool packed{false};             // packed rings
    std::uint32_t max_data{65536};  // bytes of data that a request may carry
    bool event_index{true};         // both only where the back-end offers them
    bool indirect{true};
    bool only_when_called{false};  // looks at a used ring only after its call, as an interrupt-driven guest does
    std::chrono::milliseconds timeout{10'000};  // without any answer or completion
};

struct BlockRequest {
    std::uint32_t type{0};  // virtio::block::RequestType
    std::uint64_t sector{0};
    ByteView data;                 // that the device reads
    std::uint32_t read_length{0};  // bytes that the device writes, without the status
    std::uint64_t token{0};        // the caller's
};

struct BlockResult {
    std::uint64_t token{0};
    std::uint16_t queue{0};
    std::uint8_t status{0xff};
    std::uint32_t used_length{0};
    Bytes data;  // what the device wrote, without the status
};

// One thread.
class BlockDriver {
  public:
    // Negotiates with the back-end until the queues run. Errors: timeout, peer_closed, system, unsupported (the
    // back-end lacks VERSION_1, PROTOCOL_FEATURES or the RING_PACKED that is wanted, or has too few queues), bad_input
    // (an answer makes no sense, or a request was refused).
    [[nodiscard]] static Result<std::unique_ptr<BlockDriver>> start(Connection connection, BlockDriverOptions options,
                                                                    Observer* observer = nullptr);

    [[nodiscard]] std::uint64_t sectors() const noexcept;
    [[nodiscard]] std::uint64_t features() const noexcept { return state_.features().value_or(0); }
    [[nodiscard]] bool can_submit(std::uint16_t queue) const noexcept { return !free_slots_[queue].empty(); }
    [[nodiscard]] std::size_t in_flight() const noexcept;

    // Puts a request into the ring; the device sees it after `publish`. Errors: usage (too much data), limit (no slot
    // free: wait for a completion).
    [[nodiscard]] Status submit(std::uint16_t queue, const BlockRequest& request);
    [[nodiscard]] Status publish();
    // Publishes and waits until at least one request is complete. Errors: timeout, peer_closed, bad_input (the device
    // completed what it does not have), usage (nothing in flight).
    [[nodiscard]] Result<std::vector<BlockResult>> wait();

    // Stops the queues as a guest's shutdown does. Errors as for `start`.
    [[nodiscard]] Status stop();

    [[nodiscard]] std::uint64_t kicks() const noexcept;

  private:
    BlockDriver(Connection connection, BlockDriverOptions options, Observer* observer);
    [[nodiscard]] Status negotiate();
    [[nodiscard]] Status share_memory();
    [[nodiscard]] Status start_queue(std::uint16_t queue);
    [[nodiscard]] Result<Message> ask(protocol::FrontEndRequest request, ByteView payload);
    [[nodiscard]] Result<std::uint64_t> ask_number(protocol::FrontEndRequest request);
    [[nodiscard]] Status tell(protocol::FrontEndRequest request, ByteView payload, std::span<const int> numbers = {},
                              bool acknowledged = false);
    [[nodiscard]] Status take_completions(std::vector<BlockResult>& results);
    [[nodiscard]] trace::ChainEntry build_chain(std::uint16_t queue, std::uint16_t slot,
                                                const BlockRequest& request) const;
    void link(trace::ChainEntry& entry, std::uint16_t slot, std::uint64_t table,
              std::vector<trace::ChainDescriptor> buffers) const;
    [[nodiscard]] Deadline deadline() const { return Clock::now() + options_.timeout; }
    [[nodiscard]] std::uint16_t slot_count() const noexcept;
    [[nodiscard]] std::uint64_t header_address(std::uint16_t queue, std::uint16_t slot) const noexcept;
    [[nodiscard]] std::uint64_t data_address(std::uint16_t queue, std::uint16_t slot) const noexcept;
    [[nodiscard]] std::uint64_t ring_address(std::uint16_t queue) const noexcept;

    Connection connection_;
    BlockDriverOptions options_;
    Observer* observer_;
    session::DeviceState state_;
    FileDescriptor file_;
    MappedMemory memory_;
    std::vector<QueueDriver> queues_;
    std::vector<std::vector<std::uint16_t>> free_slots_;    // by queue
    std::vector<std::vector<BlockRequest>> slot_requests_;  // by queue and slot; `data` is not kept
    std::vector<bool> more_used_;  // by queue: completions came while the call was being asked for
    std::uint64_t ring_bytes_{0};
    std::uint64_t memory_size_{0};
};

}  // namespace vutrace::replay
