// Test double: the two ends of a split ring in a memfd, as a driver and a device see it. Writes the rings with the
// barriers of the specification, so that it may run on threads of its own.
#pragma once

#include <vutrace/session/device_state.h>
#include <vutrace/system/file_descriptor.h>
#include <vutrace/system/mapping.h>
#include <vutrace/virtio/split_ring.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace vutrace::capture::testing {

class RingPair {
  public:
    static constexpr std::uint64_t guest_address = 0x40000000;
    static constexpr std::uint64_t user_address = 0x7f0000000000;
    static constexpr std::uint64_t memory_size = 4U << 20U;
    static constexpr std::uint64_t buffers = guest_address + (1U << 20U);  // free for the test from here on

    explicit RingPair(std::uint32_t size);

    [[nodiscard]] FileDescriptor file() const;  // a duplicate of the memfd
    void truncate(std::uint64_t size);
    [[nodiscard]] session::KnownRegion region(std::uint32_t descriptor_id) const;
    [[nodiscard]] const virtio::SplitRingLayout& layout() const noexcept { return layout_; }

    // Guest memory.
    void write(std::uint64_t address, ByteView bytes);
    void write(std::uint64_t address, std::string_view text) { write(address, as_bytes(text)); }
    void read(std::uint64_t address, MutableByteView bytes) const;
    template <PlainInteger T>
    void put(std::uint64_t address, T value) {
        __atomic_store_n(at<T>(address), value, __ATOMIC_RELEASE);
    }
    template <PlainInteger T>
    [[nodiscard]] T get(std::uint64_t address) const {
        return __atomic_load_n(at<T>(address), __ATOMIC_ACQUIRE);
    }

    // Elsewhere in guest memory, `by` bytes further on: first a copy of all three parts, then both ends go on there.
    void copy_ring(std::uint64_t by);
    void move_ring(std::uint64_t by);

    // Driver.
    struct Buffer {
        std::uint64_t address;
        std::uint32_t length;
        bool writable;
    };
    void describe(std::uint16_t index, const virtio::RingDescriptor& descriptor);
    // Writes a direct chain from descriptor `head` on.
    void describe_chain(std::uint16_t head, const std::vector<Buffer>& buffers);
    void describe_indirect(std::uint16_t head, std::uint64_t table, const std::vector<Buffer>& buffers);
    void offer(std::uint16_t head);                              // and publishes
    void set_indices(std::uint16_t index);                       // both ends begin here
    [[nodiscard]] std::optional<virtio::RingDescriptor> reap();  // id in `next`, length

    // Device.
    [[nodiscard]] std::optional<std::uint16_t> take();
    void use(std::uint32_t id, std::uint32_t length);
    void publish_used(std::uint16_t index) { put<std::uint16_t>(layout_.used + 2, index); }

    std::uint16_t next_offer{0};
    std::uint16_t next_take{0};
    std::uint16_t next_use{0};
    std::uint16_t next_reap{0};

  private:
    template <class T>
    [[nodiscard]] T* at(std::uint64_t address) const {
        return reinterpret_cast<T*>(mapping_.data() + (address - guest_address));
    }

    FileDescriptor file_;
    Mapping mapping_;
    virtio::SplitRingLayout layout_;
};

}  // namespace vutrace::capture::testing
