#include "vutrace/virtio/split_ring.h"

#include "chain_walk.h"

#include <algorithm>
#include <array>

namespace vutrace::virtio {
namespace {

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

class Walk {
  public:
    Walk(const WalkedMemory& memory, const SplitRingLayout& ring, Chain& chain) noexcept
        : memory_(memory), ring_(ring), chain_(chain), notes_(chain) {}

    void run(std::uint16_t head) noexcept {
        if (!is_split_queue_size(ring_.size) || head >= ring_.size) {
            return notes_.stop(ChainProblem::head_out_of_range);
        }
        RingTable table(memory_.ring, ring_);
        follow(table, head, false);
    }

  private:
    template <class Table>
    void follow(Table& table, std::uint32_t index, bool in_table) noexcept {
        Visited visited(table.size());
        for (;;) {
            if (!visited.mark(index)) {
                return notes_.stop(ChainProblem::too_long);
            }
            RingDescriptor descriptor;
            if (!table.fetch(index, descriptor)) {
                return notes_.stop(Table::unreadable);
            }
            chain_.descriptors.push_back(descriptor);
            if ((descriptor.flags & descriptor_indirect) != 0) {
                return in_table ? notes_.stop(ChainProblem::indirect_in_table) : follow_indirect(descriptor);
            }
            if (!notes_.add_buffer(descriptor) || (descriptor.flags & descriptor_next) == 0) {
                return;
            }
            if (descriptor.next >= table.size()) {
                return notes_.stop(ChainProblem::next_out_of_range);
            }
            index = descriptor.next;
        }
    }

    void follow_indirect(const RingDescriptor& descriptor) noexcept {
        if ((descriptor.flags & descriptor_next) != 0) {
            return notes_.stop(ChainProblem::indirect_with_next);
        }
        std::uint32_t entries = 0;
        if (!notes_.check_table(descriptor, ring_.size, entries)) {
            return;
        }
        IndirectTable table(memory_.tables, descriptor.address, entries, chain_.table);
        follow(table, 0, true);
    }

    const WalkedMemory& memory_;
    const SplitRingLayout& ring_;
    Chain& chain_;
    ChainNotes notes_;
};

}  // namespace

void walk_chain(const WalkedMemory& memory, const SplitRingLayout& ring, std::uint16_t head, Chain& chain) noexcept {
    chain.clear();
    Walk(memory, ring, chain).run(head);
}

}  // namespace vutrace::virtio
