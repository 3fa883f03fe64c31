#include "event_poller.h"

#include <vutrace/system/event_descriptor.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace vutrace::capture {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

constexpr int patience_ms = 20'000;
constexpr int more_than_the_ring_holds = 5000;  // wake-ups that end a multishot poll: its completions overflow

struct Maker {
    const char* name;
    Result<std::unique_ptr<EventPoller>> (*create)();
};

// What both ways of polling promise; `Best` is io_uring where the kernel allows it.
class EventPollerTest : public ::testing::TestWithParam<Maker> {
  protected:
    // A new eventfd, watched under `token`: the test keeps a duplicate.
    FileDescriptor watch(std::uint32_t token) {
        auto event = std::move(*create_event_descriptor());
        EXPECT_TRUE(poller->watch(token, std::move(*event.duplicate())));
        return event;
    }
    [[nodiscard]] bool ready(int timeout_ms) const {
        pollfd entry{poller->descriptor().number(), POLLIN, 0};
        return ::poll(&entry, 1, timeout_ms) == 1;
    }
    [[nodiscard]] std::vector<std::uint32_t> drain() const {
        std::vector<std::uint32_t> tokens;
        poller->drain([&](std::uint32_t token) { tokens.push_back(token); });
        return tokens;
    }

    std::unique_ptr<EventPoller> poller{std::move(*GetParam().create())};
};

TEST_P(EventPollerTest, SaysWhichWasWrittenToAndLeavesTheCounters) {
    const auto first = watch(7);
    const auto second = watch(8);
    const auto silent = watch(9);
    EXPECT_FALSE(ready(0));
    ASSERT_TRUE(signal_event(first, 3));
    ASSERT_TRUE(signal_event(second, 5));
    ASSERT_TRUE(ready(patience_ms));
    EXPECT_THAT(drain(), UnorderedElementsAre(7, 8));
    EXPECT_FALSE(ready(0)) << "drained";
    EXPECT_THAT(drain(), IsEmpty());
    EXPECT_EQ(*take_event(first), 3U);
    EXPECT_EQ(*take_event(second), 5U);
}

TEST_P(EventPollerTest, SeesEveryWriteThatItLooksBetween) {
    const auto event = watch(1);
    for (int round = 0; round < 100; ++round) {
        ASSERT_TRUE(signal_event(event));
        ASSERT_TRUE(ready(patience_ms)) << round << ": whether or not the owner took the last one";
        EXPECT_THAT(drain(), ElementsAre(1));
        if (round % 2 == 0) {
            EXPECT_GE(*take_event(event), 1U);
        }
    }
}

TEST_P(EventPollerTest, SeesWhatWasWrittenBeforeItWatched) {
    auto event = std::move(*create_event_descriptor());
    ASSERT_TRUE(signal_event(event));
    ASSERT_TRUE(poller->watch(4, std::move(*event.duplicate())));
    ASSERT_TRUE(ready(patience_ms));
    EXPECT_THAT(drain(), ElementsAre(4));
}

TEST_P(EventPollerTest, GoesOnAfterMoreWakeUpsThanItCanHold) {
    const auto event = watch(2);
    for (int i = 0; i < more_than_the_ring_holds; ++i) {
        ASSERT_TRUE(signal_event(event));
    }
    ASSERT_TRUE(ready(patience_ms));
    for (auto tokens = drain(); !tokens.empty(); tokens = drain()) {
        EXPECT_THAT(tokens, Each(2U));
    }
    EXPECT_EQ(*take_event(event), std::uint64_t{more_than_the_ring_holds});
    ASSERT_TRUE(signal_event(event));
    ASSERT_TRUE(ready(patience_ms)) << "the poll that ended was not renewed";
    EXPECT_THAT(drain(), Not(IsEmpty()));
}

TEST_P(EventPollerTest, ForgetsAndTakesTheTokenForAnother) {
    const auto old = watch(3);
    ASSERT_TRUE(signal_event(old));  // seen, and not looked at before it is forgotten
    poller->forget(3);
    poller->forget(99);
    const auto fresh = watch(3);
    EXPECT_THAT(drain(), IsEmpty()) << "the old one's wake-up is not the new one's";
    ASSERT_TRUE(signal_event(old));
    ASSERT_TRUE(signal_event(fresh));
    ASSERT_TRUE(ready(patience_ms));
    EXPECT_THAT(drain(), ElementsAre(3));
    EXPECT_THAT(drain(), IsEmpty());
}

TEST_P(EventPollerTest, SeesNothingWhileItIsMuted) {
    const auto event = watch(5);
    for (int round = 0; round < 3; ++round) {
        ASSERT_TRUE(signal_event(event));
        poller->mute(true);
        poller->mute(true);
        ASSERT_TRUE(signal_event(event));
        EXPECT_FALSE(ready(0));
        EXPECT_THAT(drain(), IsEmpty());
        EXPECT_EQ(*take_event(event), 2U);
        poller->mute(false);
        poller->mute(false);
        EXPECT_FALSE(ready(0)) << "what was taken meanwhile is past";
        ASSERT_TRUE(signal_event(event));
        ASSERT_TRUE(ready(patience_ms));
        EXPECT_THAT(drain(), ElementsAre(5)) << "watched once";
        EXPECT_EQ(*take_event(event), 1U);
    }
}

TEST_P(EventPollerTest, StaysMutedThoughItIsMutedInAStorm) {
    const auto event = watch(5);
    std::atomic<bool> stop{false};
    std::thread storm([&] {
        while (!stop) {
            EXPECT_TRUE(signal_event(event));
        }
    });
    for (int round = 0; round < 300; ++round) {
        ASSERT_TRUE(ready(patience_ms));
        poller->mute(true);
        for (int late = 0; late < 3 && ready(0); ++late) {  // what was under way may still arrive, of nobody's event
            EXPECT_THAT(drain(), IsEmpty()) << round;
        }
        EXPECT_FALSE(ready(0)) << round;
        EXPECT_THAT(drain(), IsEmpty()) << round;
        poller->mute(false);
    }
    stop = true;
    storm.join();
}

TEST_P(EventPollerTest, SeesWhatStillWaitsWhenItListensAgain) {
    const auto event = watch(5);
    poller->mute(true);
    ASSERT_TRUE(signal_event(event));
    poller->mute(false);
    ASSERT_TRUE(ready(patience_ms));
    EXPECT_THAT(drain(), ElementsAre(5));
}

TEST_P(EventPollerTest, TakesAndForgetsWhileItIsMuted) {
    poller->mute(true);
    const auto kept = watch(6);
    const auto dropped = watch(7);
    ASSERT_TRUE(signal_event(kept));
    ASSERT_TRUE(signal_event(dropped));
    EXPECT_FALSE(ready(0));
    poller->forget(7);
    poller->mute(false);
    ASSERT_TRUE(ready(patience_ms));
    EXPECT_THAT(drain(), ElementsAre(6));
}

TEST_P(EventPollerTest, WatchesMoreThanOneBatch) {
    std::vector<FileDescriptor> events;
    for (std::uint32_t token = 0; token < 200; ++token) {
        events.push_back(watch(token));
        ASSERT_TRUE(signal_event(events.back()));
    }
    std::vector<std::uint32_t> all;
    while (ready(0)) {
        const auto tokens = drain();
        ASSERT_THAT(tokens, Not(IsEmpty()));
        all.insert(all.end(), tokens.begin(), tokens.end());
    }
    std::sort(all.begin(), all.end());
    ASSERT_EQ(all.size(), 200U);
    for (std::uint32_t token = 0; token < 200; ++token) {
        EXPECT_EQ(all[token], token);
    }
}

INSTANTIATE_TEST_SUITE_P(Both, EventPollerTest,
                         ::testing::Values(Maker{"Best", EventPoller::create},
                                           Maker{"Epoll", EventPoller::create_with_epoll}),
                         [](const auto& parameter) { return std::string(parameter.param.name); });

TEST(EventPoller, TheFallbackIsEpoll) {
    EXPECT_FALSE((*EventPoller::create_with_epoll())->uses_io_uring());
}

TEST(EventPoller, EpollSaysWhatCannotBeWatched) {
    const auto poller = std::move(*EventPoller::create_with_epoll());
    const Status status = poller->watch(1, FileDescriptor());
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, ErrorCode::system);
}

}  // namespace
}  // namespace vutrace::capture
