// Any bytes as guest memory with a packed ring in it: the walk must end, stay in bounds, read every byte at most once
// and keep its promises about the chain.
#include "fuzzed_memory.h"

#include <vutrace/virtio/packed_ring.h>

using namespace vutrace;
using virtio::FuzzedMemory;
using virtio::require;

namespace {

void check_positions(virtio::PackedPosition position, std::uint16_t count, std::uint32_t size) {
    if (!virtio::is_packed_queue_size(size) || position.offset >= size) {
        return;
    }
    const std::uint32_t steps = count % (2 * size);
    const virtio::PackedPosition there = position.plus(steps, size);
    require(there.offset < size && position.distance_to(there, size) == steps && there.minus(steps, size) == position);
    require(virtio::PackedPosition::parse(position.value()) == position);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes = std::as_bytes(std::span(data, size));
    ByteReader reader(bytes);
    virtio::PackedRingLayout ring;
    ring.size = reader.read<std::uint8_t>() % 8 == 0 ? reader.read<std::uint32_t>() : reader.read<std::uint8_t>();
    ring.descriptor = reader.read<std::uint8_t>() % 8 == 0 ? reader.read<std::uint64_t>() : 0;
    const auto position = virtio::PackedPosition::parse(reader.read<std::uint16_t>());
    check_positions(position, reader.read<std::uint16_t>(), ring.size);
    const ByteView guest = reader.take(reader.remaining());

    virtio::PackedChain walked;
    virtio::walk_packed_chain(FuzzedMemory(guest), ring, position, walked);
    const virtio::Chain& chain = walked.chain;
    require(chain.descriptors.size() <= std::size_t{ring.size} + virtio::max_indirect_descriptors(ring.size));
    require(walked.slots <= ring.size && walked.slots <= chain.descriptors.size());
    require(walked.slots != 0 || chain.problem != virtio::ChainProblem::none);
    std::uint64_t readable = 0;
    virtio::for_each_buffer(chain.descriptors, false,
                            [&](std::uint64_t /*address*/, std::uint32_t length) { readable += length; });
    require(chain.readable_bytes <= readable);
    return 0;
}
