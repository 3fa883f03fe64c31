#include "vutrace/virtio/split_ring.h"

#include <algorithm>
#include <array>

namespace vutrace::virtio {
namespace {

constexpr std::size_t descriptors_per_piece = 128;  // of an indirect table, fetched by one read
constexpr std::uint64_t most_bytes = UINT32_MAX;    // used.len has 32 bits

// Which of the entries of a table were taken already. Only the words that the table needs are cleared, so that a short
// queue costs a few bytes and not four kilobytes.
class Visited {
  public:
    explicit Visited(std::uint32_t entries) noexcept {
        std::fill_n(words_.begin(), (std::size_t{entries} + 63) / 64, std::uint64_t{0});
    }
    // False where it had been marked before.
    bool mark(std::uint32_t entry) noexcept {
        const std::uint64_t bit = std::uint64_t{1} << (entry % 64);
        std::uint64_t& word = words_[entry / 64];
        const bool fresh = (word & bit) == 0;
        word |= bit;
        return fresh;
    }

  private:
    std::array<std::uint64_t, max_queue_size / 64> words_;  // NOLINT: cleared as far as needed
};

// The descriptor table of a ring: descriptors lie anywhere in it, so each is read for itself.
class RingTable {
  public:
    RingTable(const GuestMemory& memory, const SplitRingLayout& ring) noexcept : memory_(memory), ring_(ring) {}

    [[nodiscard]] std::uint32_t size() const noexcept { return ring_.size; }
    bool fetch(std::uint32_t index, RingDescriptor& descriptor) const noexcept {
        const std::uint64_t offset = descriptor_size * std::uint64_t{index};
        std::array<std::byte, descriptor_size> bytes{};
        if (ring_.descriptor > UINT64_MAX - offset - descriptor_size ||
            !memory_.read(ring_.descriptor + offset, bytes)) {
            return false;
        }
        descriptor = parse_descriptor(bytes);
        return true;
    }
    static constexpr ChainProblem unreadable = ChainProblem::descriptor_unreadable;

  private:
    const GuestMemory& memory_;
    const SplitRingLayout& ring_;
};

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

class Walk {
  public:
    Walk(const GuestMemory& memory, const SplitRingLayout& ring, Chain& chain) noexcept
        : memory_(memory), ring_(ring), chain_(chain) {}

    void run(std::uint16_t head) noexcept {
        if (!is_split_queue_size(ring_.size) || head >= ring_.size) {
            return stop(ChainProblem::head_out_of_range);
        }
        RingTable table(memory_, ring_);
        follow(table, head, false);
    }

  private:
    template <class Table>
    void follow(Table& table, std::uint32_t index, bool in_table) noexcept {
        Visited visited(table.size());
        for (;;) {
            if (!visited.mark(index)) {
                return stop(ChainProblem::too_long);
            }
            RingDescriptor descriptor;
            if (!table.fetch(index, descriptor)) {
                return stop(Table::unreadable);
            }
            chain_.descriptors.push_back(descriptor);
            if ((descriptor.flags & descriptor_indirect) != 0) {
                return in_table ? stop(ChainProblem::indirect_in_table) : follow_indirect(descriptor);
            }
            if (!add_buffer(descriptor) || (descriptor.flags & descriptor_next) == 0) {
                return;
            }
            if (descriptor.next >= table.size()) {
                return stop(ChainProblem::next_out_of_range);
            }
            index = descriptor.next;
        }
    }

    void follow_indirect(const RingDescriptor& descriptor) noexcept {
        if ((descriptor.flags & descriptor_next) != 0) {
            return stop(ChainProblem::indirect_with_next);
        }
        if (descriptor.length == 0 || descriptor.length % descriptor_size != 0) {
            return stop(ChainProblem::indirect_bad_length);
        }
        const auto entries = static_cast<std::uint32_t>(descriptor.length / descriptor_size);
        if (entries > max_indirect_descriptors(ring_.size)) {
            return stop(ChainProblem::indirect_too_long);
        }
        if (descriptor.address > UINT64_MAX - descriptor.length) {
            return stop(ChainProblem::address_overflow);
        }
        if (chain_.table.size() < descriptor.length) {
            chain_.table.resize(descriptor.length);
        }
        IndirectTable table(memory_, descriptor.address, entries, chain_.table);
        follow(table, 0, true);
    }

    // False where the walk ends here.
    bool add_buffer(const RingDescriptor& descriptor) noexcept {
        if (descriptor.address > UINT64_MAX - descriptor.length) {
            stop(ChainProblem::address_overflow);
            return false;
        }
        if ((descriptor.flags & descriptor_write) != 0) {
            chain_.writable_bytes += descriptor.length;
        } else {
            chain_.readable_bytes += descriptor.length;
            if (seen_writable_) {
                note(ChainProblem::readable_after_writable);
            }
        }
        seen_writable_ = seen_writable_ || (descriptor.flags & descriptor_write) != 0;
        if (chain_.readable_bytes + chain_.writable_bytes > most_bytes) {
            note(ChainProblem::length_overflow);
        }
        return true;
    }

    // What ends a walk outweighs what was only noted on the way; of the latter the first is kept.
    void stop(ChainProblem problem) noexcept { chain_.problem = problem; }
    void note(ChainProblem problem) noexcept {
        if (chain_.problem == ChainProblem::none) {
            chain_.problem = problem;
        }
    }

    const GuestMemory& memory_;
    const SplitRingLayout& ring_;
    Chain& chain_;
    bool seen_writable_{false};
};

constexpr std::array<const char*, 14> problem_names{
    "none",
    "head out of range",
    "next out of range",
    "too long or a loop",
    "INDIRECT together with NEXT",
    "INDIRECT inside an indirect table",
    "bad length of an indirect table",
    "indirect table too long",
    "descriptor table not readable",
    "indirect table not readable",
    "readable descriptor after a writable one",
    "address and length wrap",
    "buffer outside guest memory",
    "lengths add up to more than 32 bits",
};

}  // namespace

RingDescriptor parse_descriptor(ByteView bytes) noexcept {
    return {load<std::uint64_t>(bytes, 0), load<std::uint32_t>(bytes, 8), load<std::uint16_t>(bytes, 12),
            load<std::uint16_t>(bytes, 14)};
}

void serialise_descriptor(const RingDescriptor& descriptor, MutableByteView out) noexcept {
    store(out, 0, descriptor.address);
    store(out, 8, descriptor.length);
    store(out, 12, descriptor.flags);
    store(out, 14, descriptor.next);
}

const char* name_of(ChainProblem problem) noexcept {
    const auto number = static_cast<std::size_t>(problem);
    return number < problem_names.size() ? problem_names[number] : "unknown problem";
}

void Chain::clear() noexcept {
    descriptors.clear();
    problem = ChainProblem::none;
    readable_bytes = 0;
    writable_bytes = 0;
}

void walk_chain(const GuestMemory& memory, const SplitRingLayout& ring, std::uint16_t head, Chain& chain) noexcept {
    chain.clear();
    Walk(memory, ring, chain).run(head);
}

}  // namespace vutrace::virtio
