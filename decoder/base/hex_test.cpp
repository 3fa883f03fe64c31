#include <vutrace/base/hex.h>

#include <gtest/gtest.h>

#include <array>

namespace vutrace {
namespace {

constexpr std::array sample{std::byte{0x00}, std::byte{0x1f}, std::byte{0xa0}};

TEST(Hex, HasTwoLowerCaseDigitsForEachByte) {
    EXPECT_EQ(hex(sample), "001fa0");
    EXPECT_EQ(hex({}), "");
}

TEST(Hex, SeparatesBytes) {
    EXPECT_EQ(hex(sample, ":"), "00:1f:a0");
    EXPECT_EQ(hex(ByteView(sample).first(1), ":"), "00");
}

TEST(Hex, AppendsWithoutASeparatorBefore) {
    std::string text = "x";
    append_hex(text, sample, "-");
    EXPECT_EQ(text, "x00-1f-a0");
}

}  // namespace
}  // namespace vutrace
