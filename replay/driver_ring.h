// The ring of a queue as its driver works it, whatever its layout. Private to this room: see QueueDriver.
#pragma once

#include <vutrace/base/error.h>
#include <vutrace/replay/queue_driver.h>
#include <vutrace/trace/records.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace vutrace::replay {

class DriverRing {
  public:
    struct Used {
        std::uint32_t id{0};
        std::uint32_t length{0};
        std::uint16_t index{0};
    };

    DriverRing(const DriverRing&) = delete;
    DriverRing& operator=(const DriverRing&) = delete;
    virtual ~DriverRing() = default;

    // Places the ring and writes its indices, flags and event fields. Error: bad_input (see RingAccess; an index
    // outside the ring).
    [[nodiscard]] virtual Status start() = 0;
    // Heads of the chains that are in flight after `start`, as far as the ring's memory tells.
    [[nodiscard]] virtual std::vector<std::uint16_t> from_before() const = 0;
    // One of them is the driver's again, whatever the device does with it. What it takes of the ring stays taken.
    virtual void forget_from_before(std::uint16_t head) = 0;
    // Before each use: the memory may have been updated. Error: bad_input.
    [[nodiscard]] virtual Status follow() = 0;
    // The ring is elsewhere from now on. Error: bad_input, and then it is where it was.
    [[nodiscard]] virtual Status move(const virtio::RingLayout& layout) = 0;
    [[nodiscard]] virtual virtio::RingLayout layout() const noexcept = 0;

    [[nodiscard]] virtual std::uint32_t size() const noexcept = 0;
    [[nodiscard]] virtual bool has_room(const trace::ChainEntry& entry, std::size_t in_flight) const noexcept = 0;
    // Where the next chain goes, as a trace has it.
    [[nodiscard]] virtual std::uint16_t next_available() const noexcept = 0;
    // Writes the descriptors; the device does not see them yet. False where some have no place.
    [[nodiscard]] virtual bool offer(const trace::ChainEntry& entry) = 0;
    [[nodiscard]] virtual std::uint16_t unpublished() const noexcept = 0;
    // Shows the device what was offered. True where it wants a kick for that.
    [[nodiscard]] virtual bool publish() = 0;

    // Appends what was used since the last call. Error: bad_input, where that cannot be.
    [[nodiscard]] virtual Status take_used(std::size_t in_flight, std::vector<Used>& used) = 0;
    // Asks for a call at the next completion. True where one is there.
    [[nodiscard]] virtual bool enable_call() = 0;

    [[nodiscard]] virtual trace::RingFields fields() const noexcept = 0;
    // Guest memory that belongs to the ring.
    [[nodiscard]] virtual std::vector<RingRange> ranges() const = 0;

  protected:
    DriverRing() = default;
};

[[nodiscard]] std::unique_ptr<DriverRing> make_split_driver_ring(const BufferMemory& memory, std::uint16_t queue,
                                                                 const QueueDriver::Start& start);
[[nodiscard]] std::unique_ptr<DriverRing> make_packed_driver_ring(const BufferMemory& memory, std::uint16_t queue,
                                                                  const QueueDriver::Start& start);

}  // namespace vutrace::replay
