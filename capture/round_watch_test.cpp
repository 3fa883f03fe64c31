#include "round_watch.h"

#include <gtest/gtest.h>

namespace vutrace::capture {
namespace {

using namespace std::chrono_literals;

class RoundWatchTest : public ::testing::Test {
  protected:
    RoundWatchTest() { watch.set_round(65536); }
    // A load that comes `before` after the look began, and `after` later the clock is read.
    bool look(std::chrono::nanoseconds before = 0ns, std::chrono::nanoseconds after = 0ns) {
        watch.begin();
        now += before + after;
        return watch.looked();
    }

    std::chrono::nanoseconds now{1h};
    RoundWatch watch{[this] { return now; }};
};

TEST_F(RoundWatchTest, TheFirstLookKnowsNothingOfWhatWasBefore) {
    EXPECT_TRUE(look());
    now += 1us;
    EXPECT_FALSE(look());
}

TEST_F(RoundWatchTest, IsLateFromTheTimeOnThatARoundTakes) {
    (void)look();
    now += watch.shortest_round() - 1ns;
    EXPECT_FALSE(look());
    now += watch.shortest_round();
    EXPECT_TRUE(look());
    EXPECT_EQ(watch.shortest_round(), 655360ns);
}

// A thread of low priority may stand still between reading the ring and reading the clock.
TEST_F(RoundWatchTest, CountsTheTimeOfBothLoads) {
    (void)look();
    now += 500us;
    EXPECT_FALSE(look(0us, 100us));
    now += 500us;
    EXPECT_FALSE(look(10us, 40us)) << "at the most 650 µs";
    now += 500us;
    EXPECT_TRUE(look(60us, 50us));
}

TEST_F(RoundWatchTest, LoadsOfOneLookBeginWhereTheOneBeforeEnded) {
    (void)look();
    now += 400us;
    EXPECT_TRUE(look(0us, 600us));
    now += 300us;
    EXPECT_TRUE(watch.looked()) << "the load before may be 600 µs older than its clock";
    now += 300us;
    EXPECT_FALSE(watch.looked());
}

TEST_F(RoundWatchTest, ADoubtIsToldOnceAndTheLongestKept) {
    (void)look();
    now += 5ms;
    ASSERT_TRUE(look());
    EXPECT_FALSE(watch.in_doubt()) << "who looks knows whether the ring moved";
    watch.doubt();
    EXPECT_TRUE(watch.in_doubt());
    EXPECT_TRUE(watch.tell_doubt());
    EXPECT_TRUE(watch.tell_doubt()) << "of the same look";
    EXPECT_FALSE(watch.in_doubt());
    EXPECT_FALSE(look());
    EXPECT_FALSE(watch.tell_doubt());
    EXPECT_EQ(watch.longest(), 5ms);
}

TEST_F(RoundWatchTest, ADoubtThatNobodyToldStays) {
    watch.doubt();
    for (int i = 0; i < 3; ++i) {
        now += 1us;
        (void)look();
    }
    EXPECT_TRUE(watch.in_doubt());
    (void)watch.tell_doubt();
    watch.doubt();  // a new one, in the same look
    (void)look();
    EXPECT_TRUE(watch.in_doubt());
}

}  // namespace
}  // namespace vutrace::capture
