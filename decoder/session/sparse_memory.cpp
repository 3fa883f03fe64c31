#include "vutrace/session/sparse_memory.h"

#include <algorithm>
#include <array>
#include <type_traits>

namespace vutrace::session {
namespace {

constexpr std::uint64_t page_size = 4096;
constexpr unsigned page_bits = 12;
constexpr unsigned level_bits =
    6;  // small nodes: a lone page costs 9 KiB of tree, and so does changing one after a copy
constexpr unsigned top_level = 9;
static_assert(page_bits + top_level * level_bits >= 64 && page_bits + (top_level - 1) * level_bits < 64);

class Page {
  public:
    void write(std::size_t offset, ByteView bytes) noexcept {
        std::copy(bytes.begin(), bytes.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
        mark(offset, bytes.size(), true);
    }
    void zero(std::size_t offset, std::size_t size) noexcept {
        std::fill_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), size, std::byte{0});
        mark(offset, size, true);
    }
    void forget(std::size_t offset, std::size_t size) noexcept {
        std::fill_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), size, std::byte{0});
        mark(offset, size, false);
    }
    [[nodiscard]] bool knows(std::size_t offset) const noexcept {
        return whole_ || ((known_[offset / 64] >> (offset % 64)) & 1U) != 0;
    }
    [[nodiscard]] bool knows(std::size_t offset, std::size_t size) const noexcept {
        for (std::size_t i = offset; !whole_ && i < offset + size; ++i) {
            if (!knows(i)) {
                return false;
            }
        }
        return true;
    }
    [[nodiscard]] ByteView bytes() const noexcept { return bytes_; }  // unknown ones are 0

  private:
    void mark(std::size_t offset, std::size_t size, bool known) noexcept {
        if (known && whole_) {
            return;
        }
        for (std::size_t i = offset; i < offset + size;) {  // by words of 64 bytes
            const std::size_t in_word = std::min(64 - i % 64, offset + size - i);
            const std::uint64_t bits = (in_word == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << in_word) - 1)
                                       << (i % 64);
            known_[i / 64] = known ? known_[i / 64] | bits : known_[i / 64] & ~bits;
            i += in_word;
        }
        whole_ =
            std::all_of(known_.begin(), known_.end(), [](std::uint64_t word) { return word == ~std::uint64_t{0}; });
    }

    std::array<std::byte, page_size> bytes_{};
    std::array<std::uint64_t, page_size / 64> known_{};
    bool whole_{false};
};

template <unsigned Level>
struct Node;
template <unsigned Level>
struct ItemOf {
    using Type = Node<Level>;
};
template <>
struct ItemOf<0> {
    using Type = Page;
};
template <unsigned Level>
using Item = typename ItemOf<Level>::Type;  // a page, or a node above pages

template <unsigned Level>
struct Node {
    std::array<std::shared_ptr<Item<Level - 1>>, std::size_t{1} << level_bits> children;
};

// Bytes under one child of a node of that level, as a shift.
template <unsigned Level>
constexpr unsigned child_shift = page_bits + level_bits*(Level - 1);

template <unsigned Level>
constexpr std::size_t child_index(std::uint64_t address) noexcept {
    return static_cast<std::size_t>((address >> child_shift<Level>)&((1U << level_bits) - 1));
}

// The shared page or node of which every byte is known to be zero. Always has an owner here, so it is never changed in
// place.
template <unsigned Level>
const std::shared_ptr<Item<Level>>& zeros() {
    static const std::shared_ptr<Item<Level>> shared = [] {
        auto item = std::make_shared<Item<Level>>();
        if constexpr (Level == 0) {
            item->zero(0, page_size);
        } else {
            item->children.fill(zeros<Level - 1>());
        }
        return item;
    }();
    return shared;
}

// Makes an item this tree's own, to be changed: a new one, or a copy where others share it. What that takes is added
// to `grown`.
template <class T>
T& own(std::shared_ptr<T>& item, std::uint64_t& grown) {
    if (!item) {
        item = std::make_shared<T>();
        grown += sizeof(T);
    } else if (item.use_count() > 1) {
        item = std::make_shared<T>(*item);
        grown += sizeof(T);
    }
    return *item;
}

enum class Fill : std::uint8_t { zero, forget };

// Fills [first, last], both inside `item`. A child that is covered whole is replaced, so at most two children of each
// level are entered.
template <unsigned Level>
void fill(std::shared_ptr<Item<Level>>& item, std::uint64_t first, std::uint64_t last, Fill what,
          std::uint64_t& grown) {
    if (what == Fill::forget && !item) {
        return;
    }
    auto& owned = own(item, grown);
    if constexpr (Level == 0) {
        const auto offset = static_cast<std::size_t>(first % page_size);
        const auto size = static_cast<std::size_t>(last - first + 1);
        what == Fill::zero ? owned.zero(offset, size) : owned.forget(offset, size);
    } else {
        constexpr std::uint64_t child_last = (std::uint64_t{1} << child_shift<Level>)-1;  // offset in a child
        const std::uint64_t base = first & ~child_last;
        const std::size_t end = child_index<Level>(last);
        std::uint64_t child_base = base;
        for (std::size_t i = child_index<Level>(first); i <= end; ++i, child_base += child_last + 1) {
            const std::uint64_t from = std::max(first, child_base);
            const std::uint64_t to = std::min(last, child_base + child_last);
            auto& child = owned.children[i];
            if (to - from == child_last) {
                child = what == Fill::zero ? zeros<Level - 1>() : nullptr;
            } else {
                fill<Level - 1>(child, from, to, what, grown);
            }
        }
    }
}

template <unsigned Level>
Page& own_page(Node<Level>& node, std::uint64_t address, std::uint64_t& grown) {
    auto& child = own(node.children[child_index<Level>(address)], grown);
    if constexpr (Level == 1) {
        return child;
    } else {
        return own_page<Level - 1>(child, address, grown);
    }
}

template <unsigned Level>
const Page* find_page(const Node<Level>& node, std::uint64_t address) noexcept {
    const auto* child = node.children[child_index<Level>(address)].get();
    if constexpr (Level == 1) {
        return child;
    } else {
        return child == nullptr ? nullptr : find_page<Level - 1>(*child, address);
    }
}

template <unsigned Level>
SparseMemory::Extent extent_in(const Node<Level>& node, std::uint64_t address) noexcept {
    using Kind = SparseMemory::Extent::Kind;
    constexpr std::uint64_t child_last = (std::uint64_t{1} << child_shift<Level>)-1;  // offset in a child
    const auto& child = node.children[child_index<Level>(address)];
    if (!child || child == zeros<Level - 1>()) {
        return {child ? Kind::zeros : Kind::unknown, address | child_last};
    }
    if constexpr (Level == 1) {
        return {Kind::mixed, address | child_last};
    } else {
        return extent_in<Level - 1>(*child, address);
    }
}

template <unsigned Level>
std::uint64_t storage(const std::shared_ptr<Item<Level>>& item, std::unordered_set<const void*>& seen) {
    if (!item || item == zeros<Level>() || !seen.insert(item.get()).second) {
        return 0;
    }
    std::uint64_t bytes = sizeof(Item<Level>);
    if constexpr (Level > 0) {
        for (const auto& child : item->children) {
            bytes += storage<Level - 1>(child, seen);
        }
    }
    return bytes;
}

// Calls `visit(page base, offset in the page, offset in the range, size)` for each page's part of a range. The size is
// cut at the end of the address space.
template <class Visit>
void for_each_page(std::uint64_t address, std::size_t size, Visit visit) {
    if (size == 0) {
        return;
    }
    const std::size_t room =
        UINT64_MAX - address < size - 1 ? static_cast<std::size_t>(UINT64_MAX - address) + 1 : size;
    for (std::size_t done = 0; done < room;) {
        const auto offset = static_cast<std::size_t>((address + done) % page_size);
        const std::size_t part = std::min(static_cast<std::size_t>(page_size) - offset, room - done);
        visit(address + done - offset, offset, done, part);
        done += part;
    }
}

// The last address of a range, cut at the end of the address space. `length` is not 0.
std::uint64_t last_of(std::uint64_t address, std::uint64_t length) noexcept {
    return address > UINT64_MAX - (length - 1) ? UINT64_MAX : address + (length - 1);
}

}  // namespace

struct SparseMemory::Root {
    std::shared_ptr<Node<top_level>> top;

    [[nodiscard]] const Page* page(std::uint64_t address) const noexcept {
        return top ? find_page<top_level>(*top, address) : nullptr;
    }
};

// `grown_` counts too much: what was given back, and copies of what checkpoints share. So it only says when to count.
void SparseMemory::keep_bound() {
    const std::uint64_t limit = allowance_ + 4 * written_;
    if (grown_ <= limit) {
        return;
    }
    grown_ = resident_bytes();
    if (grown_ > limit - limit / 8) {  // closer than that, it would have to be counted again and again
        root_.reset();
        gave_up_ = true;
    }
}

void SparseMemory::write(std::uint64_t address, ByteView bytes) {
    if (gave_up_) {
        return;
    }
    for_each_page(address, bytes.size(),
                  [&](std::uint64_t base, std::size_t offset, std::size_t done, std::size_t size) {
                      own_page<top_level>(own(own(root_, grown_).top, grown_), base, grown_)
                          .write(offset, bytes.subspan(done, size));
                  });
    written_ += bytes.size();
    keep_bound();
}

void SparseMemory::zero(std::uint64_t address, std::uint64_t length) {
    if (length != 0 && !gave_up_) {
        fill<top_level>(own(root_, grown_).top, address, last_of(address, length), Fill::zero, grown_);
        keep_bound();
    }
}

void SparseMemory::forget(std::uint64_t address, std::uint64_t length) {
    if (length != 0 && root_) {
        fill<top_level>(own(root_, grown_).top, address, last_of(address, length), Fill::forget, grown_);
        keep_bound();
    }
}

void SparseMemory::apply(std::uint64_t address, const trace::Content& content) {
    std::size_t literal = 0;
    for (const trace::Run& run : content.runs()) {
        if (run.kind == trace::RunKind::literal) {
            const auto size = static_cast<std::size_t>(run.length);
            write(address, content.literal().subspan(literal, size));
            literal += size;
        } else if (run.kind == trace::RunKind::zeros) {
            zero(address, run.length);
        }
        if (run.length > UINT64_MAX - address) {
            return;
        }
        address += run.length;
    }
}

bool SparseMemory::read(std::uint64_t address, MutableByteView out) const noexcept {
    if (out.empty()) {
        return true;
    }
    if (!root_ || out.size() - 1 > UINT64_MAX - address) {
        return false;
    }
    bool known = true;
    for_each_page(address, out.size(), [&](std::uint64_t base, std::size_t offset, std::size_t done, std::size_t size) {
        const Page* page = known ? root_->page(base) : nullptr;
        known = page != nullptr && page->knows(offset, size);
        if (known) {
            std::ranges::copy(page->bytes().subspan(offset, size), out.subspan(done).begin());
        }
    });
    return known;
}

void SparseMemory::read_known(std::uint64_t address, MutableByteView out, std::vector<bool>& known) const {
    std::ranges::fill(out, std::byte{0});
    known.assign(out.size(), false);
    for_each_page(address, out.size(), [&](std::uint64_t base, std::size_t offset, std::size_t done, std::size_t size) {
        const Page* page = root_ ? root_->page(base) : nullptr;
        if (page == nullptr) {
            return;
        }
        std::ranges::copy(page->bytes().subspan(offset, size), out.subspan(done).begin());
        for (std::size_t i = 0; i < size; ++i) {
            known[done + i] = page->knows(offset + i);
        }
    });
}

SparseMemory::Extent SparseMemory::extent_at(std::uint64_t address) const noexcept {
    return root_ && root_->top ? extent_in<top_level>(*root_->top, address) : Extent{Extent::Kind::unknown, UINT64_MAX};
}

std::uint64_t SparseMemory::resident_bytes() const {
    std::unordered_set<const void*> seen;
    return resident_bytes(seen);
}

std::uint64_t SparseMemory::resident_bytes(std::unordered_set<const void*>& seen) const {
    return root_ ? storage<top_level>(root_->top, seen) : 0;
}

}  // namespace vutrace::session
