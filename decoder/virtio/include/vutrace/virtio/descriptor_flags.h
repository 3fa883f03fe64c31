// The flags of a virtqueue descriptor in the specification's words, for people.
// Source: virtio specification, "The Virtqueue Descriptor Table", "Packed Virtqueues".
#pragma once

#include <cstdint>
#include <string>

namespace vutrace::virtio {

// Where a descriptor lies: in indirect tables, and in split rings, no bit says AVAIL or USED.
enum class DescriptorPlace : std::uint8_t { elsewhere, packed_ring };

[[nodiscard]] constexpr DescriptorPlace place_in_ring(bool packed) noexcept {
    return packed ? DescriptorPlace::packed_ring : DescriptorPlace::elsewhere;
}

// "INDIRECT", "NEXT|WRITE", "WRITE|AVAIL", "0x8" for what has no name, "-" for none.
[[nodiscard]] std::string descriptor_flags_text(std::uint16_t flags, DescriptorPlace place);

// Of the descriptors of one chain, in the order of its walk: those behind one with INDIRECT are in its table.
class DescriptorPlaces {
  public:
    explicit DescriptorPlaces(bool packed) noexcept : place_(place_in_ring(packed)) {}
    // Of the next one, which has these flags.
    [[nodiscard]] DescriptorPlace next(std::uint16_t flags) noexcept;

  private:
    DescriptorPlace place_;
};

}  // namespace vutrace::virtio
