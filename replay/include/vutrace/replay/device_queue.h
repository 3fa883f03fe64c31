// The device's half of one split virtqueue: takes chains, gives them back, calls as the driver asks for it.
#pragma once

#include <vutrace/base/error.h>
#include <vutrace/replay/ring_access.h>
#include <vutrace/system/file_descriptor.h>
#include <vutrace/virtio/split_ring.h>

#include <cstdint>
#include <optional>

namespace vutrace::replay {

// One thread. The driver is hostile: all it wrote is checked before use. The memory outlives the queue.
class DeviceQueue {
  public:
    explicit DeviceQueue(const MappedMemory& memory) : memory_(memory) {}

    // Begins at `base` (SET_VRING_BASE). Error: bad_input (see RingAccess).
    [[nodiscard]] Status start(const virtio::SplitRingLayout& layout, bool event_index, std::uint16_t base);
    // Gives the index of the next chain not taken (the answer to GET_VRING_BASE).
    std::uint16_t stop() noexcept;
    [[nodiscard]] bool started() const noexcept { return started_; }

    void set_kick(FileDescriptor kick) noexcept { kick_ = std::move(kick); }
    void set_call(FileDescriptor call) noexcept { call_ = std::move(call); }
    [[nodiscard]] const FileDescriptor& kick() const noexcept { return kick_; }

    // The next chain; empty where there is none, and then a kick is asked for. The chain is walked as far as it is
    // valid: `chain.problem` says where it was not. Error: bad_input where the available index ran ahead of the ring's
    // size or the ring left the memory: the queue is stopped.
    [[nodiscard]] Result<std::optional<std::uint16_t>> take(virtio::Chain& chain);

    // Gives a chain back with the number of bytes written.
    void give_back(std::uint16_t head, std::uint32_t written) noexcept;
    // Calls the driver where it wants to hear of what was given back since the last call of this function. Error:
    // system.
    [[nodiscard]] Status notify();

  private:
    [[nodiscard]] Status find_ring();
    [[nodiscard]] Result<bool> anything_available();

    const MappedMemory& memory_;
    FollowedRing ring_{memory_};
    bool started_{false};
    bool event_index_{false};
    std::uint16_t next_available_{0};
    std::uint16_t next_used_{0};
    std::uint16_t notified_{0};  // used index at the last `notify`
    FileDescriptor kick_;
    FileDescriptor call_;
};

}  // namespace vutrace::replay
