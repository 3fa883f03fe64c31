// Any messages to a table of translations, and any memory behind it: every range stays in bounds, pieces add up, and
// the walk of a ring whose descriptors go through them ends.
#include "fuzzed_memory.h"

#include <vutrace/virtio/iotlb.h>
#include <vutrace/virtio/packed_ring.h>
#include <vutrace/virtio/split_ring.h>

using namespace vutrace;
using virtio::Access;
using virtio::require;

namespace {

void check_pieces(const virtio::IovaSpace& space, std::uint64_t address, std::uint64_t length, Access needed) {
    std::uint64_t seen = 0;
    bool each = true;
    std::size_t budget = virtio::most_pieces_of_chain;
    const bool whole =
        virtio::for_each_piece(space, address, length, needed, budget, [&](const virtio::IovaSpace::Piece& piece) {
            require(piece.length != 0 && piece.length <= length - seen);
            require(!piece.guest_address || piece.length - 1 <= UINT64_MAX - *piece.guest_address);
            seen += piece.length;
            each = each && piece.guest_address.has_value();
        });
    require(!whole || (each && seen == length));
    require(!space.translate_whole(address, length, needed) || whole);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    ByteReader reader(std::as_bytes(std::span(data, size)));
    virtio::Iotlb table;
    virtio::RegionTable regions;
    const auto region_count = reader.read<std::uint8_t>() % 4;
    for (int i = 0; i < region_count; ++i) {
        regions.regions.push_back(
            {reader.read<std::uint64_t>(), reader.read<std::uint64_t>(), reader.read<std::uint64_t>(), 0});
    }
    const auto flags = reader.read<std::uint8_t>();
    const virtio::IovaSpace space(table, regions, (flags & 1U) != 0);
    const auto steps = reader.read<std::uint8_t>();
    for (int i = 0; i < steps && reader.remaining() != 0; ++i) {
        const auto kind = reader.read<std::uint8_t>();
        const auto address = reader.read<std::uint64_t>();
        const auto length = reader.read<std::uint64_t>();
        const auto needed = static_cast<Access>(kind >> 4U & 3U);
        if (kind % 4 == 0) {
            table.invalidate(address, length);
        } else if (kind % 16 == 1) {
            table.age();
        } else {
            table.update(address, length, reader.read<std::uint64_t>(), needed);
        }
        require(table.size() <= virtio::Iotlb::most_entries);
        check_pieces(space, address, length, needed);
    }
    const virtio::FuzzedMemory memory(reader.take(reader.remaining()));
    const virtio::DescriptorMemory tables(memory, space, Access::read);
    virtio::Chain chain;
    virtio::walk_chain({memory, tables}, {16, 0, 0x400, 0x800}, 0, chain);
    require(chain.descriptors.size() <= 16 + virtio::max_indirect_descriptors(16));
    virtio::PackedChain packed;
    virtio::walk_packed_chain({memory, tables}, {16, 0, 0x400, 0x800}, {}, packed);
    require(packed.chain.descriptors.size() <= 16 + virtio::max_indirect_descriptors(16));
    return 0;
}
