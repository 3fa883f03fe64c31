#include <vutrace/protocol/header.h>

#include <gtest/gtest.h>

#include <array>

namespace vutrace::protocol {
namespace {

TEST(Header, round_trips) {
    const Header header{.request = 37, .flags = 0x9, .size = 40};
    std::array<std::byte, header_size> bytes{};
    serialise_header(header, bytes);
    EXPECT_EQ(parse_header(bytes).value(), header);
    EXPECT_EQ(header.version(), version_1);
    EXPECT_TRUE(header.needs_reply());
    EXPECT_FALSE(header.is_reply());
}

TEST(Header, any_twelve_bytes_are_one) {
    std::array<std::byte, header_size> bytes{};
    bytes.fill(std::byte{0xff});
    EXPECT_EQ(parse_header(bytes).value(), (Header{.request = ~0U, .flags = ~0U, .size = ~0U}));
}

TEST(Header, is_torn_at_every_shorter_length) {
    const std::array<std::byte, header_size> bytes{};
    for (std::size_t size = 0; size < header_size; ++size) {
        const auto header = parse_header(ByteView(bytes).first(size));
        ASSERT_FALSE(header);
        EXPECT_EQ(header.error().code, ErrorCode::torn);
    }
}

TEST(Header, is_not_written_past_the_end) {
    std::array<std::byte, 8> bytes{};
    serialise_header({.request = 1, .flags = 1, .size = 7}, bytes);
    EXPECT_EQ(load<std::uint32_t>(bytes, 4), 1U);
}

}  // namespace
}  // namespace vutrace::protocol
