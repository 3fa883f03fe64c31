// Test double: the device's end of a split ring that lies in shadow memory, as a back-end sees it: through the file
// that it was given and the addresses that it was told.
#pragma once

#include "../shadow/shadow_memory.h"

#include <vutrace/protocol/payloads.h>
#include <vutrace/system/mapping.h>
#include <vutrace/virtio/split_ring.h>

#include <cstdint>
#include <cstring>
#include <optional>

namespace vutrace::capture::testing {

class ShadowDevice {
  public:
    // A device that begins at the used index that it finds.
    ShadowDevice(const FileDescriptor& file, std::uint64_t offset, std::uint32_t size)
        : mapping_(Mapping::create(file, offset, ShadowMemory::bytes_per_queue, Mapping::Access::read_write).value()) {
        layout_.size = size;
        layout_.available = ShadowMemory::available_offset;
        layout_.used = ShadowMemory::used_offset;
        next_take = next_use = get<std::uint16_t>(layout_.used + 2);
    }

    [[nodiscard]] virtio::RingDescriptor descriptor(std::uint16_t index) const {
        return virtio::parse_descriptor(mapping_.bytes().subspan(index * virtio::descriptor_size));
    }
    [[nodiscard]] std::uint16_t available_index() const { return get<std::uint16_t>(layout_.available + 2); }
    [[nodiscard]] std::uint16_t available_flags() const { return get<std::uint16_t>(layout_.available); }
    [[nodiscard]] std::uint16_t used_event() const {
        return get<std::uint16_t>(layout_.available + layout_.used_event());
    }
    void set_flags(std::uint16_t flags) { put(layout_.used, flags); }
    void set_available_event(std::uint16_t index) { put(layout_.used + layout_.available_event(), index); }

    [[nodiscard]] std::optional<std::uint16_t> take() {
        if (available_index() == next_take) {
            return std::nullopt;
        }
        return get<std::uint16_t>(layout_.available + layout_.available_slot(next_take++));
    }
    void use(std::uint32_t id, std::uint32_t length) {
        const std::uint64_t slot = layout_.used + layout_.used_slot(next_use);
        put(slot, id);
        put(slot + 4, length);
        publish_used(static_cast<std::uint16_t>(next_use + 1));
    }
    void publish_used(std::uint16_t index) {
        next_use = index;
        put(layout_.used + 2, index);
    }
    // With IN_ORDER: one element for `count` chains.
    void use_batch(std::uint32_t last_id, std::uint32_t length, std::uint16_t count) {
        const std::uint64_t slot = layout_.used + layout_.used_slot(next_use);
        put(slot, last_id);
        put(slot + 4, length);
        publish_used(static_cast<std::uint16_t>(next_use + count));
    }

    std::uint16_t next_take{0};
    std::uint16_t next_use{0};

  private:
    template <PlainInteger T>
    void put(std::uint64_t at, T value) {
        __atomic_store_n(reinterpret_cast<T*>(mapping_.data() + at), value, __ATOMIC_RELEASE);
    }
    template <PlainInteger T>
    [[nodiscard]] T get(std::uint64_t at) const {
        return __atomic_load_n(reinterpret_cast<const T*>(mapping_.data() + at), __ATOMIC_ACQUIRE);
    }

    Mapping mapping_;
    virtio::SplitRingLayout layout_;
};

}  // namespace vutrace::capture::testing
