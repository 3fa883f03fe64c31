// A split ring in shared memory, read and written: the driver's, in guest memory, or ours, in the shadow memory. Each
// access is guarded and happens once; what is read may be nonsense, and who calls checks it. Functions give false after
// a fault: the memory is gone.
#pragma once

#include <vutrace/base/bytes.h>
#include <vutrace/trace/records.h>
#include <vutrace/virtio/split_ring.h>

#include <cstdint>

namespace vutrace::capture {

class SplitRingMemory {
  public:
    static constexpr std::size_t available_entry = 2;
    static constexpr std::size_t used_entry = 8;

    struct Parts {
        std::byte* descriptor{nullptr};
        std::byte* available{nullptr};
        std::byte* used{nullptr};
    };

    SplitRingMemory() = default;
    // `size` is a power of two; the parts have the sizes of `SplitRingLayout`.
    SplitRingMemory(std::uint32_t size, Parts parts, bool event_index) noexcept;

    [[nodiscard]] bool placed() const noexcept { return parts_.descriptor != nullptr; }
    [[nodiscard]] std::uint32_t size() const noexcept { return layout_.size; }
    [[nodiscard]] bool has_event_index() const noexcept { return event_index_; }

    // The fields beside the entries; event fields are 0 without EVENT_IDX.
    [[nodiscard]] bool sample(trace::RingFields& fields) const noexcept;
    [[nodiscard]] bool available_index(std::uint16_t& index) const noexcept;
    [[nodiscard]] bool used_index(std::uint16_t& index) const noexcept;

    // Entries from a free-running index on, as many as fit into (or are in) the bytes: at most the queue's size.
    [[nodiscard]] bool read_available(std::uint16_t from, MutableByteView entries) const noexcept;
    [[nodiscard]] bool write_available(std::uint16_t from, ByteView entries) const noexcept;
    [[nodiscard]] bool read_used(std::uint16_t from, MutableByteView entries) const noexcept;
    [[nodiscard]] bool write_used(std::uint16_t from, ByteView entries) const noexcept;
    [[nodiscard]] bool read_descriptors(MutableByteView table) const noexcept;
    [[nodiscard]] bool write_descriptors(ByteView table) const noexcept;
    [[nodiscard]] bool write_descriptor(std::uint16_t index, const virtio::RingDescriptor& descriptor) const noexcept;

    // What was written before is seen by who sees the index.
    [[nodiscard]] bool publish_available(std::uint16_t index) const noexcept;
    [[nodiscard]] bool publish_used(std::uint16_t index) const noexcept;

    [[nodiscard]] bool set_available_flags(std::uint16_t flags) const noexcept;
    [[nodiscard]] bool set_used_event(std::uint16_t index) const noexcept;
    [[nodiscard]] bool set_used_flags(std::uint16_t flags) const noexcept;
    [[nodiscard]] bool set_available_event(std::uint16_t index) const noexcept;

  private:
    virtio::SplitRingLayout layout_;  // for offsets only: its addresses are 0
    Parts parts_;
    bool event_index_{false};
};

}  // namespace vutrace::capture
