#include "vutrace/replay/buffer_memory.h"

namespace vutrace::replay {

using virtio::Access;

template <class Visit>
bool BufferMemory::for_each_range(std::uint64_t address, std::uint64_t length, Access needed, Visit visit) const {
    const auto space = state_ == nullptr ? std::nullopt : state_->iova_space();
    if (!space) {
        return visit(address, length, std::uint64_t{0});
    }
    std::size_t budget = virtio::most_pieces_of_chain;
    std::uint64_t offset = 0;
    bool done = true;
    const bool whole = virtio::for_each_piece(*space, address, length, needed, budget, [&](const auto& piece) {
        if (piece.guest_address) {
            done = visit(*piece.guest_address, piece.length, offset) && done;
        }
        offset += piece.length;
    });
    return whole && done;
}

bool BufferMemory::read(std::uint64_t address, MutableByteView out) const noexcept {
    return for_each_range(address, out.size(), Access::write,
                          [&](std::uint64_t guest, std::uint64_t size, std::uint64_t offset) {
                              return physical_.read(guest, out.subspan(offset, size));
                          });
}

bool BufferMemory::write(std::uint64_t address, ByteView bytes) const noexcept {
    return for_each_range(address, bytes.size(), Access::read,
                          [&](std::uint64_t guest, std::uint64_t size, std::uint64_t offset) {
                              return physical_.write(guest, bytes.subspan(offset, size));
                          });
}

bool BufferMemory::zero(std::uint64_t address, std::uint64_t length) const noexcept {
    return for_each_range(
        address, length, Access::read,
        [&](std::uint64_t guest, std::uint64_t size, std::uint64_t /*offset*/) { return physical_.zero(guest, size); });
}

bool BufferMemory::contains(std::uint64_t address, std::uint64_t length, Access needed) const noexcept {
    return for_each_range(address, length, needed,
                          [&](std::uint64_t guest, std::uint64_t size, std::uint64_t /*offset*/) {
                              return physical_.contains(guest, size);
                          });
}

std::vector<AddressRange> BufferMemory::ranges(std::uint64_t address, std::uint64_t length, Access needed) const {
    std::vector<AddressRange> found;
    (void)for_each_range(address, length, needed,
                         [&](std::uint64_t guest, std::uint64_t size, std::uint64_t /*offset*/) {
                             found.push_back(range_of(guest, size));
                             return true;
                         });
    return found;
}

}  // namespace vutrace::replay
