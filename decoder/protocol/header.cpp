#include <vutrace/protocol/header.h>

#include <fmt/format.h>

namespace vutrace::protocol {

Result<Header> parse_header(ByteView bytes) {
    if (bytes.size() < header_size) {
        return fail(ErrorCode::torn, fmt::format("message header: {} of {} bytes are there", bytes.size(), header_size),
                    bytes.size());
    }
    return Header{.request = load<std::uint32_t>(bytes, 0),
                  .flags = load<std::uint32_t>(bytes, 4),
                  .size = load<std::uint32_t>(bytes, 8)};
}

void serialise_header(const Header& header, MutableByteView out) noexcept {
    store(out, 0, header.request);
    store(out, 4, header.flags);
    store(out, 8, header.size);
}

Bytes serialise_message(const Header& header, ByteView payload) {
    Bytes bytes(header_size);
    serialise_header(header, bytes);
    bytes.insert(bytes.end(), payload.begin(), payload.end());
    return bytes;
}

}  // namespace vutrace::protocol
