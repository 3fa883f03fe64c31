// The shared words of a split ring in mapped guest memory, with the ordering that both sides rely on, and what rings of
// both layouts need for that.
// Source: virtio specification, "Split Virtqueues".
#pragma once

#include <vutrace/base/error.h>
#include <vutrace/replay/mapped_memory.h>
#include <vutrace/virtio/split_ring.h>

#include <cstdint>

namespace vutrace::replay {

// The place of a ring's part. Errors: bad_input where it does not lie in one region, or not aligned; `what` names it.
[[nodiscard]] Result<std::byte*> locate_part(const MappedMemory& memory, std::uint64_t address, std::uint64_t size,
                                             std::uint64_t alignment, const char* what);

// Words that both sides share: loaded with acquire and stored with release order.
[[nodiscard]] std::uint16_t load_shared(const std::byte* word) noexcept;
void store_shared(std::byte* word, std::uint16_t value) noexcept;

// The three parts of a ring as pointers into mapped memory. Valid for one epoch of the memory.
class RingAccess {
  public:
    using Layout = virtio::SplitRingLayout;

    RingAccess() = default;
    // Errors: bad_input where a part lies outside the regions (each must lie within one), or is not aligned as its
    // integers need (available to 2, used to 4), or the size is not one of a split ring.
    [[nodiscard]] static Result<RingAccess> create(const MappedMemory& memory, const virtio::SplitRingLayout& layout);

    [[nodiscard]] const virtio::SplitRingLayout& layout() const noexcept { return layout_; }
    [[nodiscard]] MutableByteView descriptor(std::uint16_t index) const noexcept;  // empty where out of range

    // Words of the available ring; the index is loaded with acquire and stored with release order.
    [[nodiscard]] std::uint16_t available_flags() const noexcept { return load_shared(available_); }
    [[nodiscard]] std::uint16_t available_index() const noexcept { return load_shared(available_ + 2); }
    [[nodiscard]] std::uint16_t available_head(std::uint16_t index) const noexcept;
    [[nodiscard]] std::uint16_t used_event() const noexcept { return load_shared(available_ + layout_.used_event()); }
    void set_available_flags(std::uint16_t flags) const noexcept { store_shared(available_, flags); }
    void set_available_index(std::uint16_t index) const noexcept { store_shared(available_ + 2, index); }
    void set_available_head(std::uint16_t index, std::uint16_t head) const noexcept;
    void set_used_event(std::uint16_t index) const noexcept { store_shared(available_ + layout_.used_event(), index); }

    // Words of the used ring.
    [[nodiscard]] std::uint16_t used_flags() const noexcept { return load_shared(used_); }
    [[nodiscard]] std::uint16_t used_index() const noexcept { return load_shared(used_ + 2); }
    [[nodiscard]] std::uint16_t available_event() const noexcept {
        return load_shared(used_ + layout_.available_event());
    }
    void set_used_flags(std::uint16_t flags) const noexcept { store_shared(used_, flags); }
    void set_used_index(std::uint16_t index) const noexcept { store_shared(used_ + 2, index); }
    void set_available_event(std::uint16_t index) const noexcept {
        store_shared(used_ + layout_.available_event(), index);
    }

    struct UsedElement {
        std::uint32_t id{0};
        std::uint32_t length{0};
    };
    [[nodiscard]] UsedElement used_element(std::uint16_t index) const noexcept;
    void set_used_element(std::uint16_t index, UsedElement element) const noexcept;

  private:
    virtio::SplitRingLayout layout_;
    std::byte* descriptors_{nullptr};
    std::byte* available_{nullptr};
    std::byte* used_{nullptr};
};

// A ring (RingAccess, PackedRingAccess) that is found again by itself after each update of the memory, which outlives
// it. One thread.
template <class Access>
class FollowedRing {
  public:
    explicit FollowedRing(const MappedMemory& memory) noexcept : memory_(memory) {}

    // Where the ring lies from now on. Errors: as Access::create, and then it lies where it did.
    [[nodiscard]] Status place(const typename Access::Layout& layout) {
        const auto ring = Access::create(memory_, layout);
        if (!ring) {
            return tl::unexpected(ring.error());
        }
        ring_ = *ring;
        epoch_ = memory_.epoch();
        return {};
    }
    // Before the ring is used: the memory may have been updated since. Errors: bad_input where the ring is no longer in
    // it, and then the ring must not be used.
    [[nodiscard]] Status follow() { return epoch_ == memory_.epoch() ? Status{} : place(ring_.layout()); }

    // Valid until the next update of the memory.
    [[nodiscard]] const Access& operator*() const noexcept { return ring_; }
    [[nodiscard]] const Access* operator->() const noexcept { return &ring_; }

  private:
    const MappedMemory& memory_;
    Access ring_;
    std::uint64_t epoch_{0};  // of the memory that `ring_` points into
};

// Between publishing an index and reading whether the other side wants to be notified: without it both sides could
// read the other's old value and sleep for ever. ThreadSanitizer knows no fences and refuses to compile them; two
// mappings of the same memory are different addresses to it anyway.
void full_fence() noexcept;

}  // namespace vutrace::replay
