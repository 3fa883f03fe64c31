#include "poll_pace.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <vector>

namespace vutrace::capture {
namespace {

using namespace std::chrono_literals;
using Need = PollPace::Need;
using Found = PollPace::Found;
using Action = PollPace::Action;
using Nanoseconds = PollPace::Nanoseconds;

class PollPaceTest : public ::testing::Test {
  protected:
    void ask(Need need, Found found, Nanoseconds rest = 0ns) { pace.ask({need, found, rest, {}, 0ns}, now); }
    // What is done next, and how long that takes to come.
    Action next() {
        const auto at = pace.next();
        if (!at) {
            return Action::nothing;
        }
        waited = *at - now;
        now = std::max(now, *at);
        return pace.take(now);
    }

    PollPace pace;
    Nanoseconds now{1h};
    Nanoseconds waited{0};
};

TEST_F(PollPaceTest, DoesNothingUntilSomethingIsNeeded) {
    EXPECT_FALSE(pace.next());
    ask(Need::poll, Found::nothing);
    ask(Need::none, Found::something);
    EXPECT_FALSE(pace.next());
    EXPECT_EQ(pace.take(now + 1h), Action::nothing);
}

TEST_F(PollPaceTest, LooksAtOnceAtAPolledRingThatMovesFast) {
    ask(Need::poll, Found::much);
    EXPECT_EQ(next(), Action::look);
    EXPECT_EQ(waited, 0ns);
    ask(Need::poll, Found::something);
    EXPECT_EQ(next(), Action::look);
    EXPECT_EQ(waited, PollPace::shortest_poll);
}

TEST_F(PollPaceTest, LeavesAFastRingThatNotifiesToItsNotifications) {
    ask(Need::watch, Found::much);
    EXPECT_EQ(next(), Action::look);
    EXPECT_EQ(waited, PollPace::shortest_watch);
    ask(Need::slow_watch, Found::much);
    EXPECT_EQ(next(), Action::look);
    EXPECT_EQ(waited, PollPace::longest);
}

TEST_F(PollPaceTest, LooksAtOnceWhereTheLastLookStoppedAtABound) {
    ask(Need::now, Found::nothing);
    EXPECT_EQ(next(), Action::look);
    EXPECT_EQ(waited, 0ns);
}

TEST_F(PollPaceTest, LooksLessAndLessOftenWhileNothingIsFound) {
    ask(Need::poll, Found::something);
    Nanoseconds before{0};
    for (int i = 0; i < 20; ++i) {
        ASSERT_EQ(next(), Action::look);
        ASSERT_EQ(waited, std::min(i == 0 ? PollPace::shortest_poll : before * 2, PollPace::longest)) << i;
        before = waited;
        ask(Need::poll, Found::nothing);
    }
    ask(Need::poll, Found::something);  // a notification: at once as short as ever
    EXPECT_EQ(next(), Action::look);
    EXPECT_EQ(waited, PollPace::shortest_poll);
}

TEST_F(PollPaceTest, NeverLooksBeforeTheBudgetAllows) {
    ask(Need::poll, Found::much, 3ms);
    EXPECT_EQ(next(), Action::look);
    EXPECT_EQ(waited, 3ms);
    ask(Need::now, Found::much, 0ns);
    ask(Need::now, Found::much, 2ms);  // the budget was spent meanwhile
    EXPECT_EQ(next(), Action::look);
    EXPECT_EQ(waited, 2ms);
}

TEST_F(PollPaceTest, ABusyQueueDoesNotPutTheLookOff) {
    ask(Need::poll, Found::something);
    for (int i = 0; i < 4; ++i) {
        now += 10us;
        ask(Need::poll, Found::something);  // notified
    }
    EXPECT_EQ(next(), Action::look);
    EXPECT_EQ(waited, 10us);
}

TEST_F(PollPaceTest, CountsWhileTheBudgetHoldsALookBack) {
    const PollPace::Demand demand{Need::poll, Found::much, 5ms, 490us, 0ns};
    pace.ask(demand, now);
    std::vector<Nanoseconds> counted;
    const Nanoseconds begin = now;
    while (next() == Action::count) {
        counted.push_back(now - begin);
        pace.ask({Need::poll, Found::nothing, begin + 5ms - now, 490us, 0ns}, now);
    }
    EXPECT_EQ(now - begin, 5ms) << "the look";
    ASSERT_EQ(counted.size(), 10U);
    for (std::size_t i = 0; i < counted.size(); ++i) {
        EXPECT_EQ(counted[i], (i + 1) * 490us);
    }
}

TEST_F(PollPaceTest, CountsNoOftenerThanTheBudgetAllows) {
    pace.ask({Need::poll, Found::nothing, 50ms, 490us, 7ms}, now);
    EXPECT_EQ(next(), Action::count);
    EXPECT_EQ(waited, 7ms);
}

TEST_F(PollPaceTest, ALookCounts) {
    pace.ask({Need::poll, Found::something, 400us, 490us, 0ns}, now);
    EXPECT_EQ(next(), Action::look);
    pace.ask({Need::poll, Found::something, 400us, 490us, 0ns}, now);
    EXPECT_EQ(next(), Action::look);
    EXPECT_EQ(waited, 400us);
}

TEST_F(PollPaceTest, ALookAtOneQueueDoesNotPutCountingTheOthersOff) {
    pace.ask({Need::poll, Found::nothing, 9ms, 490us, 0ns}, now);
    now += 400us;
    pace.ask({Need::poll, Found::something, 9ms, 490us, 0ns}, now);  // notified of one queue
    EXPECT_EQ(next(), Action::count);
    EXPECT_EQ(waited, 90us);
}

}  // namespace
}  // namespace vutrace::capture
