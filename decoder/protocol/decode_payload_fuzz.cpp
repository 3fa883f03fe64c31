// libFuzzer target: any message of any channel is decoded and checked. Input: channel and sender, context, number of
// descriptors, then a header and its payload as they go over the socket.
#include <vutrace/protocol/fields.h>

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace vutrace;
    ByteReader reader(std::as_bytes(std::span(data, size)));
    const auto who = reader.read<std::uint8_t>();
    const auto how = reader.read<std::uint8_t>();
    const std::size_t descriptors = reader.read<std::uint8_t>();
    const auto header = protocol::parse_header(reader.take(protocol::header_size));
    if (!header) {
        return 0;
    }
    const ByteView payload = reader.take(reader.remaining());
    const auto channel = static_cast<Channel>(who % 3);
    const auto sender = static_cast<Side>((who / 3) % 2);
    const protocol::PayloadContext context{.xen_mmap = (how & 1) != 0, .postcopy = (how & 2) != 0};
    const auto decoded = protocol::decode_payload(channel, sender, *header, payload, context);
    for (const protocol::Field& field : decoded.fields) {
        if (std::size_t{field.offset} + field.size > payload.size()) {
            std::abort();
        }
    }
    (void)protocol::find_problems(channel, sender, *header, payload, descriptors, context);
    return 0;
}
