// The ring of a queue as its device works it, whatever its layout. Private to this room: see DeviceQueue.
#pragma once

#include <vutrace/base/error.h>
#include <vutrace/replay/device_queue.h>
#include <vutrace/virtio/chain.h>

#include <cstdint>
#include <memory>

namespace vutrace::replay {

// What a device ring works on; both memories outlive it.
struct DeviceMemory {
    const MappedMemory& physical;
    const virtio::GuestMemory& tables;  // by the addresses that descriptors hold
};

class DeviceRing {
  public:
    DeviceRing(const DeviceRing&) = delete;
    DeviceRing& operator=(const DeviceRing&) = delete;
    virtual ~DeviceRing() = default;

    // Places the ring. Error: bad_input (see RingAccess; a base outside the ring).
    [[nodiscard]] virtual Status start() = 0;
    // Before each use: the memory may have been updated. Error: bad_input.
    [[nodiscard]] virtual Status follow() = 0;
    // Where the device stands, as GET_VRING_BASE says it.
    [[nodiscard]] virtual std::uint32_t base() const noexcept = 0;

    // Error: bad_input where the ring says what cannot be.
    [[nodiscard]] virtual Result<bool> anything_available() = 0;
    // Asks for a kick at the next chain; then `anything_available` must be asked again.
    virtual void enable_kick() = 0;
    // The next chain, which is there.
    [[nodiscard]] virtual TakenChain take(virtio::Chain& chain) = 0;
    // Walks a chain that was taken.
    virtual void walk(const TakenChain& taken, virtio::Chain& chain) const = 0;

    virtual void give_back(const TakenChain& taken, std::uint32_t written) noexcept = 0;
    // Does the driver want to hear of what was given back since the last call of this function?
    [[nodiscard]] virtual bool wants_call() noexcept = 0;

  protected:
    DeviceRing() = default;
};

[[nodiscard]] std::unique_ptr<DeviceRing> make_split_device_ring(const DeviceMemory& memory,
                                                                 const virtio::RingLayout& layout, bool event_index,
                                                                 std::uint32_t base);
[[nodiscard]] std::unique_ptr<DeviceRing> make_packed_device_ring(const DeviceMemory& memory,
                                                                  const virtio::RingLayout& layout, bool event_index,
                                                                  std::uint32_t base);

}  // namespace vutrace::replay
