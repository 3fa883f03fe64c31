// A small vhost-user-blk back-end on one image file: the other half of the demo and of the tests.
#pragma once

#include <vutrace/base/error.h>
#include <vutrace/replay/device_queue.h>
#include <vutrace/replay/mapped_memory.h>
#include <vutrace/replay/message.h>
#include <vutrace/session/device_state.h>
#include <vutrace/system/file_descriptor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace vutrace::replay {

struct BlockBackendOptions {
    std::string image;  // a file; its size in whole sectors is the capacity
    bool read_only{false};
    std::uint16_t queue_count{2};
    std::uint32_t memory_slots{32};  // CONFIGURE_MEM_SLOTS with so many; 0: the feature is not offered
    bool packed{false};              // RING_PACKED is offered
    std::string serial{"vutrace"};   // answer to GET_ID, at most 20 bytes
    // Called on the serving thread after each request, with the number served so far; may be empty.
    std::function<void(std::uint64_t)> served;
};

// The image and what is done to it, without queues and sockets.
class BlockImage {
  public:
    [[nodiscard]] static Result<BlockImage> open(const BlockBackendOptions& options);  // error: system
    [[nodiscard]] std::uint64_t sectors() const noexcept { return sectors_; }

    // Serves one request whose buffers are given as pieces of mapped memory, in order: the readable ones begin with
    // the header, the last writable byte is the status. Gives the number of bytes written; 0 where the chain has no
    // header or no room for a status.
    [[nodiscard]] std::uint32_t serve(std::vector<MutableByteView> readable, std::vector<MutableByteView> writable);

  private:
    struct Request;
    using Operation = std::uint8_t (BlockImage::*)(Request& request);
    struct OperationRow;
    static const OperationRow* find_operation(std::uint32_t type) noexcept;
    std::uint8_t read_data(Request& request);
    std::uint8_t write_data(Request& request);
    std::uint8_t flush(Request& request);
    std::uint8_t get_id(Request& request);
    std::uint8_t discard(Request& request);
    std::uint8_t write_zeroes(Request& request);
    std::uint8_t punch_segments(Request& request, int mode, std::uint32_t allowed_flags);
    [[nodiscard]] bool in_range(std::uint64_t sector, std::uint64_t bytes) const noexcept;

    FileDescriptor file_;
    std::uint64_t sectors_{0};
    bool read_only_{false};
    std::string serial_;
};

// One thread serves one session at a time.
class BlockBackend {
  public:
    [[nodiscard]] static Result<BlockBackend> open(BlockBackendOptions options);  // error: system

    // Serves a session until the front-end closes it (success) or `stop` becomes readable (success). Errors:
    // bad_input (a message or a ring that cannot be followed; the session is over), system.
    [[nodiscard]] Status serve(FileDescriptor connection, const FileDescriptor& stop);

    [[nodiscard]] std::uint64_t requests_served() const noexcept { return requests_served_; }

  private:
    struct Session;
    BlockBackend(BlockBackendOptions options, BlockImage image)
        : options_(std::move(options)), image_(std::move(image)) {}
    BlockBackendOptions options_;
    BlockImage image_;
    std::uint64_t requests_served_{0};
};

}  // namespace vutrace::replay
