// Guest memory as far as a trace tells it: known bytes, known zeros, and what is not known. A radix tree like a page
// table: 4 KiB pages, 64 of them in a node, 64 nodes in the next, and so on up to 64 bits. Copies share everything
// until one of them is written, and known zeros share one page or node of each size, so that a checkpoint and a hole of
// any size cost next to nothing. Copies that share belong to one thread.
#pragma once

#include <vutrace/trace/content.h>
#include <vutrace/virtio/guest_memory.h>

#include <cstdint>
#include <memory>
#include <unordered_set>
#include <vector>

namespace vutrace::session {

// Ranges that would go past the end of the 64-bit address space end there.
//
// A byte here and there in each page costs a thousand times its size, so a hostile trace of some megabytes could ask
// for all memory there is. Storage is therefore bounded by an allowance and four times the bytes written; beyond that
// everything is given up and nothing is known any more, which `gave_up` tells.
class SparseMemory final : public virtio::GuestMemory {
  public:
    void write(std::uint64_t address, ByteView bytes);
    void zero(std::uint64_t address, std::uint64_t length);            // known to be zero; 64 GiB at once is cheap
    void forget(std::uint64_t address, std::uint64_t length);          // no longer known
    void apply(std::uint64_t address, const trace::Content& content);  // missing runs leave what is known

    [[nodiscard]] bool read(std::uint64_t address, MutableByteView out) const noexcept override;
    // Like read, but says byte by byte what is known: unknown bytes are 0 in `out` and false in `known`.
    void read_known(std::uint64_t address, MutableByteView out, std::vector<bool>& known) const;
    // What is known from `address` on, as far as the tree has it in one piece: at least to the end of the page. For
    // going through a range of any size without visiting what is the same all over.
    struct Extent {
        enum class Kind : std::uint8_t {
            unknown,
            zeros,  // every byte is known to be zero
            mixed,  // a page: see `read_known`
        };
        Kind kind{Kind::unknown};
        std::uint64_t last{0};  // address of its last byte
    };
    [[nodiscard]] Extent extent_at(std::uint64_t address) const noexcept;
    // Bytes of storage (pages and the tree above them) held by this copy, shared with others or not.
    [[nodiscard]] std::uint64_t resident_bytes() const;
    // The same without what is in `seen` already, to which it is added: the storage of several copies together.
    [[nodiscard]] std::uint64_t resident_bytes(std::unordered_set<const void*>& seen) const;

    static constexpr std::uint64_t default_allowance = std::uint64_t{1} << 30U;
    void set_allowance(std::uint64_t bytes) noexcept { allowance_ = bytes; }
    [[nodiscard]] bool gave_up() const noexcept { return gave_up_; }

    struct Root;  // of the tree, defined where it is used

  private:
    void keep_bound();

    std::shared_ptr<Root> root_;
    std::uint64_t allowance_{default_allowance};
    std::uint64_t written_{0};  // bytes, those written again too
    std::uint64_t grown_{0};    // storage at the last count, and all that was made or copied since
    bool gave_up_{false};
};

}  // namespace vutrace::session
