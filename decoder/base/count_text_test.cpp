#include <vutrace/base/count_text.h>

#include <gtest/gtest.h>

#include <cstdint>

namespace vutrace {
namespace {

TEST(CountText, OneHasNoEnding) {
    EXPECT_EQ(count_text(1, "record"), "1 record");
    EXPECT_EQ(count_text(1, "entry"), "1 entry");
}

TEST(CountText, NoneAndManyHaveOne) {
    EXPECT_EQ(count_text(0, "chain"), "0 chains");
    EXPECT_EQ(count_text(2, "memory region"), "2 memory regions");
    EXPECT_EQ(count_text(UINT64_MAX, "byte"), "18446744073709551615 bytes");
}

TEST(CountText, AYBehindAConsonantChanges) {
    EXPECT_EQ(count_text(3, "reply"), "3 replies");
    EXPECT_EQ(count_text(0, "entry"), "0 entries");
    EXPECT_EQ(count_text(3, "key"), "3 keys");
    EXPECT_EQ(noun_text(2, "y"), "ys");
    EXPECT_EQ(noun_text(2, ""), "s");
}

}  // namespace
}  // namespace vutrace
