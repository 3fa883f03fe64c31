#include "vutrace/base/bytes.h"

#include <gtest/gtest.h>

#include <array>

namespace vutrace {
namespace {

TEST(ByteReader, FailsForGoodAtTheFirstReadThatDoesNotFit) {
    const std::array<std::byte, 6> bytes{std::byte{1}, std::byte{2}, std::byte{3},
                                         std::byte{4}, std::byte{5}, std::byte{6}};
    ByteReader reader(bytes);
    EXPECT_EQ(reader.read<std::uint32_t>(), 0x04030201U);
    EXPECT_EQ(reader.read<std::uint32_t>(), 0U);
    EXPECT_FALSE(reader.ok());
    EXPECT_EQ(reader.read<std::uint8_t>(), 0U) << "a failed reader gives nothing more";
    EXPECT_EQ(reader.remaining(), 0U);
}

TEST(Load, GivesZeroWhereTheIntegerDoesNotFit) {
    const std::array<std::byte, 3> bytes{std::byte{9}, std::byte{9}, std::byte{9}};
    EXPECT_EQ(load<std::uint16_t>(bytes, 1), 0x0909U);
    EXPECT_EQ(load<std::uint16_t>(bytes, 2), 0U);
    EXPECT_EQ(load<std::uint16_t>(bytes, SIZE_MAX), 0U);
}

TEST(ByteWriter, AppendsWhatAReaderReads) {
    Bytes bytes;
    ByteWriter writer(bytes);
    writer.write<std::uint16_t>(0x1234);
    writer.zeros(2);
    writer.write<std::uint64_t>(0xfedcba9876543210U);
    ByteReader reader(bytes);
    EXPECT_EQ(reader.read<std::uint16_t>(), 0x1234U);
    reader.skip(2);
    EXPECT_EQ(reader.read<std::uint64_t>(), 0xfedcba9876543210U);
    EXPECT_TRUE(reader.ok());
    EXPECT_EQ(reader.remaining(), 0U);
}

}  // namespace
}  // namespace vutrace
