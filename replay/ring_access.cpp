#include "vutrace/replay/ring_access.h"

#include <vutrace/base/count_text.h>

#include <fmt/format.h>

#include <atomic>
#include <cstring>

namespace vutrace::replay {

Result<std::byte*> locate_part(const MappedMemory& memory, std::uint64_t address, std::uint64_t size,
                               std::uint64_t alignment, const char* what) {
    std::byte* place = memory.at(address, size);
    if (place == nullptr) {
        return fail(ErrorCode::bad_input, fmt::format("{} at {:#x} with {} lies in no single memory region", what,
                                                      address, count_text(size, "byte")));
    }
    if (reinterpret_cast<std::uintptr_t>(place) % alignment != 0) {
        return fail(ErrorCode::bad_input, fmt::format("{} at {:#x} is not aligned to {}", what, address, alignment));
    }
    return place;
}

std::uint16_t load_shared(const std::byte* word) noexcept {
    // atomic_ref of a const object comes with C++26; loading does not write
    auto* place = reinterpret_cast<std::uint16_t*>(const_cast<std::byte*>(word));
    return std::atomic_ref(*place).load(std::memory_order_acquire);
}

void store_shared(std::byte* word, std::uint16_t value) noexcept {
    std::atomic_ref(*reinterpret_cast<std::uint16_t*>(word)).store(value, std::memory_order_release);
}

Result<RingAccess> RingAccess::create(const MappedMemory& memory, const virtio::SplitRingLayout& layout) {
    if (!virtio::is_split_queue_size(layout.size)) {
        return fail(ErrorCode::bad_input, fmt::format("{} is no size of a split ring", layout.size));
    }
    // Descriptors are copied, never accessed as integers, so that their alignment does not matter here.
    const auto descriptors = locate_part(memory, layout.descriptor, layout.descriptor_bytes(), 1, "descriptor table");
    const auto available = locate_part(memory, layout.available, layout.available_bytes(), 2, "available ring");
    const auto used = locate_part(memory, layout.used, layout.used_bytes(), 4, "used ring");
    for (const auto* part : {&descriptors, &available, &used}) {
        if (!*part) {
            return tl::unexpected(part->error());
        }
    }
    RingAccess access;
    access.layout_ = layout;
    access.descriptors_ = *descriptors;
    access.available_ = *available;
    access.used_ = *used;
    return access;
}

MutableByteView RingAccess::descriptor(std::uint16_t index) const noexcept {
    if (index >= layout_.size) {
        return {};
    }
    return {descriptors_ + std::size_t{index} * virtio::descriptor_size, virtio::descriptor_size};
}

std::uint16_t RingAccess::available_head(std::uint16_t index) const noexcept {
    return load_shared(available_ + layout_.available_slot(index));
}

void RingAccess::set_available_head(std::uint16_t index, std::uint16_t head) const noexcept {
    store_shared(available_ + layout_.available_slot(index), head);
}

RingAccess::UsedElement RingAccess::used_element(std::uint16_t index) const noexcept {
    UsedElement element;
    std::memcpy(&element, used_ + layout_.used_slot(index), sizeof(element));
    return element;
}

void RingAccess::set_used_element(std::uint16_t index, UsedElement element) const noexcept {
    std::memcpy(used_ + layout_.used_slot(index), &element, sizeof(element));
}

void full_fence() noexcept {
#ifdef VUTRACE_THREAD_SANITIZER
    static std::atomic<int> order{0};
    order.fetch_add(1, std::memory_order_seq_cst);
#else
    std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

}  // namespace vutrace::replay
