// The device's half of one virtqueue, split or packed: takes chains, gives them back, calls as the driver asks for it.
#pragma once

#include <vutrace/base/error.h>
#include <vutrace/replay/mapped_memory.h>
#include <vutrace/system/file_descriptor.h>
#include <vutrace/virtio/chain.h>
#include <vutrace/virtio/ring_layout.h>

#include <cstdint>
#include <memory>
#include <optional>

namespace vutrace::replay {

class DeviceRing;

// A chain that the device has.
struct TakenChain {
    std::uint16_t head{0};   // packed: the buffer's id
    std::uint16_t index{0};  // where it was offered: available index, or position of a packed ring
    std::uint32_t slots{1};  // descriptors that it takes of a packed ring
};

// One thread. The driver is hostile: all it wrote is checked before use. The memories outlive the queue.
class DeviceQueue {
  public:
    explicit DeviceQueue(const MappedMemory& memory) : DeviceQueue(memory, memory) {}
    // `tables`: where indirect tables are read from, by the addresses that descriptors hold.
    DeviceQueue(const MappedMemory& memory, const virtio::GuestMemory& tables);
    DeviceQueue(const DeviceQueue&) = delete;
    DeviceQueue& operator=(const DeviceQueue&) = delete;
    ~DeviceQueue();

    // Begins at `base` (SET_VRING_BASE; a virtio::PackedBase). Errors: bad_input (see RingAccess; a base outside the
    // ring).
    [[nodiscard]] Status start(const virtio::RingLayout& layout, bool event_index, std::uint32_t base);
    // Gives the answer to GET_VRING_BASE, where the next chain would have been taken; empty where it never started.
    std::optional<std::uint32_t> stop() noexcept;
    [[nodiscard]] bool started() const noexcept { return started_; }

    void set_kick(FileDescriptor kick) noexcept { kick_ = std::move(kick); }
    void set_call(FileDescriptor call) noexcept { call_ = std::move(call); }
    [[nodiscard]] const FileDescriptor& kick() const noexcept { return kick_; }

    // The next chain; empty where there is none, and then a kick is asked for. The chain is walked as far as it is
    // valid: `chain.problem` says where it was not. Error: bad_input where the available index ran ahead of the ring's
    // size or the ring left the memory: the queue is stopped.
    [[nodiscard]] Result<std::optional<TakenChain>> take(virtio::Chain& chain);
    // Walks a chain again that was taken, before any other is given back: its table may have come into reach. Error:
    // bad_input where the ring left the memory.
    [[nodiscard]] Status walk(const TakenChain& taken, virtio::Chain& chain);

    // Gives a chain back with the number of bytes written, in any order.
    void give_back(const TakenChain& taken, std::uint32_t written) noexcept;
    // Calls the driver where it wants to hear of what was given back since the last call of this function. Error:
    // system.
    [[nodiscard]] Status notify();

  private:
    [[nodiscard]] Status find_ring();

    const MappedMemory& memory_;
    const virtio::GuestMemory& tables_;
    std::unique_ptr<DeviceRing> ring_;  // null before the first start
    bool started_{false};
    FileDescriptor kick_;
    FileDescriptor call_;
};

}  // namespace vutrace::replay
