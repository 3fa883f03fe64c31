// Guest memory as a driver reaches it by the addresses in its descriptors: guest physical ones or, behind an IOMMU,
// those that the session's IOTLB messages lead to.
#pragma once

#include <vutrace/replay/mapped_memory.h>
#include <vutrace/replay/memory_restore.h>
#include <vutrace/session/device_state.h>
#include <vutrace/virtio/iotlb.h>

#include <cstdint>
#include <vector>

namespace vutrace::replay {

// A view: memory and state outlive it, and what it gives holds until the next message. One thread. The driver writes
// what the device is to read and reads what the device wrote, so each needs the device's permission for the other.
class BufferMemory {
  public:
    // `state` null: there is no IOMMU.
    // NOLINTNEXTLINE(google-explicit-constructor): a memory is buffer memory
    BufferMemory(const MappedMemory& physical, const session::DeviceState* state = nullptr) noexcept
        : physical_(physical), state_(state) {}

    [[nodiscard]] const MappedMemory& physical() const noexcept { return physical_; }

    // False where any byte has no place, or no translation: then a part may be done.
    [[nodiscard]] bool read(std::uint64_t address, MutableByteView out) const noexcept;
    [[nodiscard]] bool write(std::uint64_t address, ByteView bytes) const noexcept;
    [[nodiscard]] bool zero(std::uint64_t address, std::uint64_t length) const noexcept;
    [[nodiscard]] bool contains(std::uint64_t address, std::uint64_t length, virtio::Access needed) const noexcept;

    // Where [address, address + length) lies in guest physical memory, as far as that is known.
    [[nodiscard]] std::vector<AddressRange> ranges(std::uint64_t address, std::uint64_t length,
                                                   virtio::Access needed) const;

  private:
    // Calls `visit(guest_address, length, offset)` for each piece that has a guest physical address; false where one
    // has none, or `visit` gave false.
    template <class Visit>
    bool for_each_range(std::uint64_t address, std::uint64_t length, virtio::Access needed, Visit visit) const;

    const MappedMemory& physical_;
    const session::DeviceState* state_;
};

}  // namespace vutrace::replay
