// Proves that a skipped test fails where it must: run by CTest with and without CI=true.
#include <gtest/gtest.h>

TEST(SkipProbe, HasNoPeer) {
    GTEST_SKIP() << "a peer that nobody has";
}

TEST(SkipProbe, IsNotSkipped) {}
