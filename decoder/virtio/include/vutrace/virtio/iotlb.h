// I/O virtual addresses: with VIRTIO_F_ACCESS_PLATFORM a driver's addresses go through an IOMMU, of which a device
// knows the translations that it was told. Here are those that the messages of a session tell, by byte ranges. Sources:
// QEMU docs/interop/vhost-user.rst, "IOMMU support"; Linux UAPI linux/vhost_types.h, struct vhost_iotlb_msg.
#pragma once

#include <vutrace/virtio/guest_memory.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

namespace vutrace::virtio {

// What a translation allows the device, and what an access needs.
enum class Access : std::uint8_t { none = 0, read = 1, write = 2, both = 3 };
[[nodiscard]] constexpr bool allows(Access permission, Access needed) noexcept {
    return (static_cast<unsigned>(permission) & static_cast<unsigned>(needed)) == static_cast<unsigned>(needed);
}

// Ranges never wrap: one that would is refused. Copyable. An address for which the messages leave open where it leads
// has no translation:
// - The specification does not say what an update means for addresses that have another translation already: DPDK keeps
//   the one before. So where two differ there is none, until the range is invalidated or, after `age`, updated anew.
// - Which one of more entries than anybody needs gives way is not guessed either: then all are forgotten.
class Iotlb {
  public:
    static constexpr std::size_t most_entries = 65536;

    // Where [address, address + length) leads. Ignored: a length of 0, a range that wraps at either end.
    void update(std::uint64_t address, std::uint64_t length, std::uint64_t target, Access permission);
    // Forgets the range. Where it wraps, everything from `address` on; a length of 0 at address 0 is what becomes of
    // the 2^64 bytes of the whole address space.
    void invalidate(std::uint64_t address, std::uint64_t length);
    // Devices may have forgotten what they knew, and ask again (a queue stopped, a reset): until they do the
    // translations hold, and then the new ones count.
    void age() noexcept;

    // The longest piece of [address, address + length), which must not wrap or be empty, that begins at `address` and
    // has one translation, or none: then the permission is `none`.
    struct Piece {
        std::uint64_t target{0};
        std::uint64_t length{0};
        Access permission{Access::none};
    };
    [[nodiscard]] Piece find(std::uint64_t address, std::uint64_t length) const noexcept;
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

  private:
    struct Entry {
        std::uint64_t last{0};  // the last byte's address
        std::uint64_t target{0};
        Access permission{Access::none};
        bool aged{false};
        bool disputed{false};  // it was given different targets
    };
    using Entries = std::map<std::uint64_t, Entry>;  // by the first byte's address, disjoint

    void split_at(std::uint64_t address);

    Entries entries_;
};

// The addresses that descriptors hold, and rings where messages give them as such, as guest physical ones. A view: what
// it refers to outlives it.
class IovaSpace {
  public:
    // `guest_targets`: translations lead to guest physical addresses (protocol feature GPA_ADDRESSES) and not to the
    // front-end's.
    IovaSpace(const Iotlb& iotlb, const RegionTable& regions, bool guest_targets) noexcept
        : iotlb_(&iotlb), regions_(&regions), guest_targets_(guest_targets) {}

    struct Piece {
        std::optional<std::uint64_t> guest_address;  // none: no translation with that permission, or one to no region
        std::uint64_t length{0};
    };
    // The longest piece of [address, address + length), which must not wrap or be empty, that begins at `address` and
    // lies together in one region, or nowhere.
    [[nodiscard]] Piece translate(std::uint64_t address, std::uint64_t length, Access needed) const noexcept;
    // The guest physical address of the whole range, which lies together in one region.
    [[nodiscard]] std::optional<std::uint64_t> translate_whole(std::uint64_t address, std::uint64_t length,
                                                               Access needed) const noexcept;

  private:
    const Iotlb* iotlb_;
    const RegionTable* regions_;
    bool guest_targets_;
};

// The most pieces that the buffers of one chain are taken apart into: what a hostile chain has beyond counts as not
// translated. 16 MiB in pages of 4096 bytes.
inline constexpr std::size_t most_pieces_of_chain = 4096;

// Goes through [address, address + length) piece by piece as long as there is budget, and calls `visit(piece)` for
// each. False where some bytes lie nowhere, or the range wraps, or the budget ended: then the rest was not visited.
template <class Visit>
bool for_each_piece(const IovaSpace& space, std::uint64_t address, std::uint64_t length, Access needed,
                    std::size_t& budget, Visit visit) {
    if (length != 0 && length - 1 > UINT64_MAX - address) {
        return false;
    }
    bool whole = true;
    while (length != 0 && budget != 0) {
        const IovaSpace::Piece piece = space.translate(address, length, needed);
        visit(piece);
        whole = whole && piece.guest_address.has_value();
        address += piece.length;
        length -= piece.length;
        --budget;
    }
    return whole && length == 0;
}

// Guest memory by the addresses that descriptors hold: guest physical ones, or IOVAs. A view: the memory outlives it,
// and so does what an IovaSpace refers to.
class DescriptorMemory final : public GuestMemory {
  public:
    DescriptorMemory(const GuestMemory& physical, const std::optional<IovaSpace>& space, Access needed) noexcept
        : physical_(physical), space_(space), needed_(needed) {}
    [[nodiscard]] bool read(std::uint64_t address, MutableByteView out) const noexcept override;

  private:
    const GuestMemory& physical_;
    std::optional<IovaSpace> space_;
    Access needed_;
};

}  // namespace vutrace::virtio
