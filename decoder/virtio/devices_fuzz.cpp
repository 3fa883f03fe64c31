// libFuzzer target: any bytes as a chain of any device. Input: device type (the first byte), queue, what of it is used
// and captured, features, lengths, then what the driver gave and what the device wrote.
#include <vutrace/virtio/devices/decoder.h>

#include <algorithm>
#include <cstdlib>

namespace {

using namespace vutrace;

void require(bool holds) {
    if (!holds) {
        std::abort();
    }
}

// What is inside of a field is inside of those around it, too.
void require_tree(const std::vector<virtio::RequestField>& fields, std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last;) {
        require(fields[i].info != nullptr && i + 1 + fields[i].inside <= last);
        require_tree(fields, i + 1, i + 1 + fields[i].inside);
        i += 1 + fields[i].inside;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    ByteReader reader(std::as_bytes(std::span(data, size)));
    virtio::DeviceContext device;
    virtio::ChainView chain;
    device.type = reader.read<std::uint8_t>();
    chain.queue = reader.read<std::uint8_t>();
    const auto how = reader.read<std::uint8_t>();
    device.features = reader.read<std::uint64_t>();
    const auto configuration = reader.read<std::uint8_t>();
    const std::uint64_t extra = how & 4U ? reader.read<std::uint64_t>() : 0;
    const auto readable = reader.read<std::uint16_t>();
    if (!reader.ok()) {
        return 0;
    }
    device.configuration = reader.take(std::min<std::size_t>(configuration, reader.remaining()));
    chain.readable.bytes = reader.take(std::min<std::size_t>(readable, reader.remaining()));
    chain.written.bytes = reader.take(reader.remaining());
    chain.used = (how & 1U) != 0;
    chain.readable.total = chain.readable.bytes.size() + extra;
    chain.written.total = chain.written.bytes.size() + (how & 8U ? extra : 0);
    chain.writable_total = chain.written.total + (how & 16U ? extra : 0);
    chain.readable.shortened = chain.written.shortened = (how & 2U) != 0;
    chain.tail = chain.written.bytes.last(std::min<std::size_t>(chain.written.bytes.size(), 16));
    virtio::QueueMemory memory{how & 32U ? 2U : 0U};
    const auto request = virtio::decode_request(device, chain, memory);
    if (request) {
        require(!request->fields.empty() && request->fields.size() < 4096);
        require_tree(request->fields, 0, request->fields.size());
    }
    return 0;
}
