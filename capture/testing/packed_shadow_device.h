// Test double: the device's end of a packed ring that lies in shadow memory.
#pragma once

#include "../shadow/shadow_memory.h"

#include <vutrace/system/mapping.h>
#include <vutrace/virtio/packed_ring.h>

#include <cstdint>
#include <optional>

namespace vutrace::capture::testing {

class PackedShadowDevice {
  public:
    using Position = virtio::PackedPosition;

    PackedShadowDevice(const ShadowMemory& memory, std::uint32_t size, Position begin)
        : next_take(begin),
          next_use(begin),
          size_(size),
          mapping_(
              Mapping::create(memory.file(), 0, ShadowMemory::bytes_per_queue, Mapping::Access::read_write).value()) {}

    struct Taken {
        std::uint16_t id{0};
        std::uint32_t slots{0};
        std::uint64_t address{0};  // of the first descriptor
    };
    [[nodiscard]] std::optional<Taken> take() {
        if (!virtio::is_available(get<std::uint16_t>(at(next_take) + virtio::packed_flags_at), next_take.wrap)) {
            return std::nullopt;
        }
        Taken taken{0, 0, get<std::uint64_t>(at(next_take))};
        bool more = true;
        while (more) {
            taken.id = get<std::uint16_t>(at(next_take) + virtio::packed_id_at);
            more = (get<std::uint16_t>(at(next_take) + virtio::packed_flags_at) & virtio::descriptor_next) != 0;
            next_take = next_take.plus(1, size_);
            ++taken.slots;
        }
        return taken;
    }
    // `slots`: of the chain, or of all that the descriptor stands for.
    void use(std::uint16_t id, std::uint32_t length, std::uint32_t slots) { use(id, length, slots, length != 0); }
    // `writes`: WRITE is set, which says that the length means something.
    void use(std::uint16_t id, std::uint32_t length, std::uint32_t slots, bool writes) {
        put<std::uint32_t>(at(next_use) + 8, length);
        put<std::uint16_t>(at(next_use) + virtio::packed_id_at, id);
        const auto written = static_cast<std::uint16_t>(writes ? virtio::descriptor_write : 0);
        put<std::uint16_t>(at(next_use) + virtio::packed_flags_at,
                           static_cast<std::uint16_t>(virtio::used_flags(next_use.wrap) | written));
        next_use = next_use.plus(slots, size_);
    }
    void set_event(std::uint16_t mode) { put<std::uint16_t>(ShadowMemory::used_offset + 2, mode); }
    [[nodiscard]] std::uint16_t driver_event() const { return get<std::uint16_t>(ShadowMemory::available_offset + 2); }
    void put_noise(std::uint64_t offset, std::uint16_t value) { put(offset, value); }

    Position next_take;
    Position next_use;

  private:
    static std::uint64_t at(Position position) { return position.offset * std::uint64_t{virtio::descriptor_size}; }
    template <PlainInteger T>
    void put(std::uint64_t offset, T value) {
        __atomic_store_n(reinterpret_cast<T*>(mapping_.data() + offset), value, __ATOMIC_RELEASE);
    }
    template <PlainInteger T>
    [[nodiscard]] T get(std::uint64_t offset) const {
        return __atomic_load_n(reinterpret_cast<const T*>(mapping_.data() + offset), __ATOMIC_ACQUIRE);
    }

    std::uint32_t size_;
    Mapping mapping_;
};

}  // namespace vutrace::capture::testing
