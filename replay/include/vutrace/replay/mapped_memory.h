// Guest memory that both emulations (driver and device) work on: the regions of a session, mapped read-write.
#pragma once

#include <vutrace/base/error.h>
#include <vutrace/session/device_state.h>
#include <vutrace/system/mapping.h>
#include <vutrace/virtio/guest_memory.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace vutrace::replay {

// One thread. Pointers given out stay valid until the next `update` that drops their region: compare `epoch()`.
class MappedMemory final : public virtio::GuestMemory {
  public:
    // Finds the open file of a region by the number its descriptor has in the session; null where there is none.
    using FindFile = std::function<const FileDescriptor*(std::uint32_t descriptor_id)>;

    // Brings the mappings in line with `regions`; one that stays the same keeps its mapping. A region whose file is
    // missing or shorter than the region is left out, and the first such case is the error, after all others were
    // mapped. Errors: bad_input (no file, file too short), system (mmap).
    [[nodiscard]] Status update(const std::vector<session::KnownRegion>& regions, const FindFile& find_file);

    // The bytes [address, address + length), guest physical; null where one region does not hold all of them.
    [[nodiscard]] std::byte* at(std::uint64_t address, std::uint64_t length) const noexcept;
    // Copies across neighbouring regions. False where any byte is outside: then a part may be done.
    [[nodiscard]] bool read(std::uint64_t address, MutableByteView out) const noexcept override;
    [[nodiscard]] bool write(std::uint64_t address, ByteView bytes) const noexcept;
    [[nodiscard]] bool zero(std::uint64_t address, std::uint64_t length) const noexcept;
    [[nodiscard]] bool contains(std::uint64_t address, std::uint64_t length) const noexcept;
    // The longest piece of [address, address + length) that begins at `address` and lies in one region.
    [[nodiscard]] MutableByteView piece(std::uint64_t address, std::uint64_t length) const noexcept;

    [[nodiscard]] std::uint64_t epoch() const noexcept { return epoch_; }  // grows with each update
    [[nodiscard]] std::size_t region_count() const noexcept { return regions_.size(); }

  private:
    struct MappedRegion {
        session::KnownRegion known;
        Mapping mapping;
    };
    std::vector<MappedRegion> regions_;
    std::uint64_t epoch_{0};
};

}  // namespace vutrace::replay
