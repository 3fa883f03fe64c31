#include "framing.h"

#include <algorithm>

namespace vutrace::trace {
namespace {

constexpr std::array<std::byte, tags_size> make_tags() noexcept {
    // Tag 12 (name of the dissector) with 8 bytes, padded with NUL; tag 0 (end of options) with none. Big-endian.
    constexpr char text[] = "\0\x0c\0\x08vutrace\0\0\0\0";
    static_assert(sizeof(text) == tags_size);
    std::array<std::byte, tags_size> tags{};
    std::transform(std::begin(text), std::end(text), tags.begin(), [](char c) { return static_cast<std::byte>(c); });
    return tags;
}

constexpr std::array<std::byte, tags_size> tags = make_tags();

}  // namespace

std::array<std::byte, prefix_size> make_prefix(const RecordHeader& header) noexcept {
    std::array<std::byte, prefix_size> prefix{};
    std::copy(tags.begin(), tags.end(), prefix.begin());
    const MutableByteView out = MutableByteView(prefix).subspan(tags_size);
    store(out, 0, header.version);
    store(out, 1, header.type);
    store(out, 4, header.session);
    store(out, 8, header.body_length);
    store(out, 12, header.fragment_offset);
    return prefix;
}

std::optional<RecordHeader> parse_prefix(ByteView packet) noexcept {
    if (packet.size() < prefix_size || !std::equal(tags.begin(), tags.end(), packet.begin())) {
        return std::nullopt;
    }
    const ByteView header = packet.subspan(tags_size, record_header_size);
    return RecordHeader{load<std::uint8_t>(header, 0), load<std::uint8_t>(header, 1), load<std::uint32_t>(header, 4),
                        load<std::uint32_t>(header, 8), load<std::uint32_t>(header, 12)};
}

const std::array<std::byte, file_header_size>& file_header() noexcept {
    static const auto header = [] {
        std::array<std::byte, file_header_size> bytes{};
        store(MutableByteView(bytes), 0, std::uint32_t{0xa1b23c4d});  // nanoseconds
        store(MutableByteView(bytes), 4, std::uint16_t{2});
        store(MutableByteView(bytes), 6, std::uint16_t{4});
        store(MutableByteView(bytes), 16, static_cast<std::uint32_t>(max_packet));
        store(MutableByteView(bytes), 20, static_cast<std::uint32_t>(link_type));
        return bytes;
    }();
    return header;
}

}  // namespace vutrace::trace
