// The memory of our own in which a back-end's rings lie in mode `shadow`: a sealed memfd that the back-end gets as one
// more memory region. Nothing of it is taken until a ring uses it.
//
// Each queue has a place of a fixed size, large enough for the largest ring, so that no order or repetition of messages
// can make two rings overlap.
#pragma once

#include <vutrace/protocol/payloads.h>
#include <vutrace/system/file_descriptor.h>
#include <vutrace/system/mapping.h>
#include <vutrace/virtio/guest_memory.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace vutrace::capture {

class ShadowMemory {
  public:
    static constexpr std::uint64_t bytes_per_queue = std::uint64_t{1} << 20U;
    static constexpr std::uint32_t fewest_queues = 16;
    static constexpr std::uint32_t most_queues = 256;  // SET_VRING_KICK knows no more

    // For so many queues, within the bounds above. Error: system.
    [[nodiscard]] static Result<ShadowMemory> create(std::uint32_t queues);

    // An address at which this memory touches none of the regions, neither where the guest sees them nor where the
    // front-end does: it is used for both, so that it does not matter which of them a ring's address is looked up by.
    // It lies where neither real guests nor processes have memory. Empty where the regions leave none.
    [[nodiscard]] std::optional<std::uint64_t> find_address(const std::vector<virtio::Region>& regions) const;
    void place(std::uint64_t address) noexcept { address_ = address; }
    // Does it touch any of these regions where it lies now?
    [[nodiscard]] bool collides_with(const std::vector<virtio::Region>& regions) const noexcept;

    [[nodiscard]] protocol::MemoryRegion region() const noexcept {
        return {address_, mapping_.size(), address_, 0, 0, 0};
    }
    [[nodiscard]] const FileDescriptor& file() const noexcept { return file_; }
    [[nodiscard]] std::uint32_t queues() const noexcept {
        return static_cast<std::uint32_t>(mapping_.size() / bytes_per_queue);
    }

    // The parts of one queue's ring, of any size that rings may have. `queue` is below queues().
    struct Parts {
        std::uint64_t address;  // of the first of bytes_per_queue bytes
        std::byte* bytes;
    };
    static constexpr std::uint64_t available_offset = 0x80000;  // behind 32768 descriptors
    static constexpr std::uint64_t used_offset = 0xa0000;
    [[nodiscard]] Parts parts(std::uint32_t queue) const noexcept {
        return {address_ + queue * bytes_per_queue, mapping_.data() + queue * bytes_per_queue};
    }

  private:
    FileDescriptor file_;
    Mapping mapping_;
    std::uint64_t address_{0};
};

}  // namespace vutrace::capture
