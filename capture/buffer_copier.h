// Copies the buffers of a chain out of guest memory, as far as the memory mode and the bounds allow.
#pragma once

#include <vutrace/capture/data_path.h>
#include <vutrace/trace/content.h>
#include <vutrace/virtio/guest_memory.h>
#include <vutrace/virtio/split_ring.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace vutrace::capture {

// Told of each range of guest memory whose content went into a record; may be empty.
using RecordedRange = std::function<void(std::uint64_t address, std::uint64_t length)>;
// The first `length` bytes of those buffers that the device reads (or writes).
void tell_recorded(const RecordedRange& told, const std::vector<virtio::RingDescriptor>& buffers, bool writable,
                   std::uint64_t length);

class BufferCopier {
  public:
    // `snap_length`: bytes kept of each buffer.
    BufferCopier(MemoryMode memory, std::uint64_t snap_length);

    struct Job {
        const virtio::GuestMemory& memory;
        const std::vector<virtio::RingDescriptor>& descriptors;
        bool writable{false};     // which of the buffers
        std::uint64_t length{0};  // bytes wanted, in the order of the buffers
        std::uint64_t most{0};    // bytes to read at the most; the rest is missing
    };
    // Appends exactly min(length, bytes of the buffers) to `content`, missing bytes included. False where a buffer
    // was not readable.
    bool copy(const Job& job, trace::Content& content);

    // What the content proves at the most: verified where nothing is missing.
    [[nodiscard]] static trace::Proof limit_of(const trace::Content& content) noexcept;

  private:
    bool copy_buffer(const virtio::GuestMemory& memory, std::uint64_t address, std::uint64_t length,
                     trace::Content& content);

    bool copies_;
    std::uint64_t snap_length_;
    Bytes scratch_;  // stays in the cache between reading from the guest and compacting
};

}  // namespace vutrace::capture
