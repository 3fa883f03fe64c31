#include <vutrace/render/phrases.h>

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace vutrace::render {
namespace {

TEST(SizeText, UsesAUnitOnlyWhereNothingIsLost) {
    EXPECT_EQ(size_text(0), "0");
    EXPECT_EQ(size_text(1023), "1023");
    EXPECT_EQ(size_text(4096), "4K");
    EXPECT_EQ(size_text(4097), "4097");
    EXPECT_EQ(size_text(std::uint64_t{64} << 30U), "64G");
    EXPECT_EQ(size_text(std::uint64_t{1} << 63U), "8E");
}

TEST(DurationText, KeepsThreeDigits) {
    EXPECT_EQ(duration_text(0), "0ns");
    EXPECT_EQ(duration_text(999), "999ns");
    EXPECT_EQ(duration_text(1234), "1.23µs");
    EXPECT_EQ(duration_text(145'400), "145µs");
    EXPECT_EQ(duration_text(-2'000'000'000), "-2.00s");
    EXPECT_NE(duration_text(std::numeric_limits<std::int64_t>::min()), "");
}

TEST(TimeText, CoversEveryTime) {
    EXPECT_EQ(absolute_time_text(0), "1970-01-01 00:00:00.000000000Z");
    EXPECT_EQ(absolute_time_text(-1), "1969-12-31 23:59:59.999999999Z");
    EXPECT_EQ(absolute_time_text(1'700'000'000'123'456'789), "2023-11-14 22:13:20.123456789Z");
    EXPECT_EQ(seconds_text(std::numeric_limits<std::int64_t>::min()), "-9223372036.854775808");
    EXPECT_EQ(seconds_text(1'000'000'001), "1.000000001");
}

TEST(Printable, LeavesNothingThatSteersATerminal) {
    EXPECT_EQ(printable("plain é ☃"), "plain é ☃");
    EXPECT_EQ(printable("\x1b[31m"), "\\x1b[31m");
    EXPECT_EQ(printable("a\nb\\"), "a\\x0ab\\\\");
    EXPECT_EQ(printable("\xc2\x9b"
                        "1m"),
              "\\xc2\\x9b1m");                                // CSI as one character
    EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // a surrogate
    EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf");           // overlong
    EXPECT_EQ(printable("\xe2\x98"), "\\xe2\\x98");           // cut off
}

TEST(Printable, CutsWhatIsTooLong) {
    EXPECT_EQ(printable("abcdef", 3), "abc…");
}

}  // namespace
}  // namespace vutrace::render
