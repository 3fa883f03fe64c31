// What the walkers of both rings share. Private to this room.
#pragma once

#include "vutrace/virtio/chain.h"

#include <algorithm>
#include <array>

namespace vutrace::virtio {

// An indirect table. Pieces of it are read at once, each when the first of its descriptors is needed. A piece that
// cannot be read whole (it crosses the end of a region) is read descriptor by descriptor, so that those before the end
// are seen.
class IndirectTable {
  public:
    // `copy` has at least the table's bytes, `address` + those bytes does not wrap.
    IndirectTable(const GuestMemory& memory, std::uint64_t address, std::uint32_t entries,
                  MutableByteView copy) noexcept
        : memory_(memory), address_(address), entries_(entries), copy_(copy) {
        std::fill_n(pieces_.begin(), (entries + descriptors_per_piece - 1) / descriptors_per_piece, Piece::unread);
    }

    [[nodiscard]] std::uint32_t size() const noexcept { return entries_; }
    bool fetch(std::uint32_t index, RingDescriptor& descriptor) noexcept {
        Piece& piece = pieces_[index / descriptors_per_piece];
        if (piece == Piece::unread) {
            const std::size_t first = index - index % descriptors_per_piece;
            const std::size_t count = std::min(descriptors_per_piece, entries_ - first);
            piece = read(first, count) ? Piece::whole : Piece::broken;
        }
        if (piece == Piece::broken && !read(index, 1)) {
            return false;
        }
        descriptor = parse_descriptor(copy_.subspan(index * descriptor_size, descriptor_size));
        return true;
    }
    static constexpr ChainProblem unreadable = ChainProblem::indirect_unreadable;

  private:
    static constexpr std::size_t descriptors_per_piece = 128;  // fetched by one read

    enum class Piece : std::uint8_t { unread, whole, broken };

    bool read(std::size_t first, std::size_t count) noexcept {
        const std::size_t offset = first * descriptor_size;
        return memory_.read(address_ + offset, copy_.subspan(offset, count * descriptor_size));
    }

    const GuestMemory& memory_;
    std::uint64_t address_;
    std::uint32_t entries_;
    MutableByteView copy_;
    std::array<Piece, max_queue_size / descriptors_per_piece> pieces_;  // NOLINT: filled as far as needed
};

// Adds up a chain on its way, and says what is wrong with it.
class ChainNotes {
  public:
    explicit ChainNotes(Chain& chain) noexcept : chain_(chain) {}

    // What ends a walk outweighs what was only noted on the way; of the latter the first is kept.
    void stop(ChainProblem problem) noexcept { chain_.problem = problem; }
    void note(ChainProblem problem) noexcept {
        if (chain_.problem == ChainProblem::none) {
            chain_.problem = problem;
        }
    }
    // False where the walk ends here.
    bool add_buffer(const RingDescriptor& descriptor) noexcept;
    // May the walk follow this reference to an indirect table? `entries` of it then, and the chain has room for its
    // copy.
    bool check_table(const RingDescriptor& descriptor, std::uint32_t queue_size, std::uint32_t& entries) noexcept;

  private:
    Chain& chain_;
    bool seen_writable_{false};
};

}  // namespace vutrace::virtio
