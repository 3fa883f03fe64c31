// Any bytes as guest memory: the walk must end, stay in bounds and keep its promises about the chain.
#include "fuzzed_memory.h"

#include <vutrace/virtio/devices/block.h>
#include <vutrace/virtio/split_ring.h>

using namespace vutrace;
using virtio::FuzzedMemory;
using virtio::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes = std::as_bytes(std::span(data, size));
    ByteReader reader(bytes);
    virtio::SplitRingLayout ring;
    ring.size =
        reader.read<std::uint8_t>() % 2 == 0 ? 1U << (reader.read<std::uint8_t>() % 16) : reader.read<std::uint32_t>();
    ring.descriptor = reader.read<std::uint8_t>() % 4 == 0 ? reader.read<std::uint64_t>() : 0;
    const auto head = reader.read<std::uint16_t>();
    const ByteView guest = reader.take(reader.remaining());

    virtio::Chain chain;
    virtio::walk_chain(FuzzedMemory(guest), ring, head, chain);
    require(chain.descriptors.size() <= std::size_t{ring.size} + virtio::max_indirect_descriptors(ring.size));
    std::uint64_t readable = 0;
    virtio::for_each_buffer(chain.descriptors, false,
                            [&](std::uint64_t /*address*/, std::uint32_t length) { readable += length; });
    require(chain.readable_bytes <= readable);

    if (auto request = virtio::block::parse_request(guest, chain.readable_bytes, chain.writable_bytes)) {
        virtio::block::add_result(*request, guest, chain.writable_bytes);
        require(request->segments.size() <= 256 && request->id.size() <= 20);
    }
    (void)virtio::block::looks_like_configuration(guest);
    return 0;
}
