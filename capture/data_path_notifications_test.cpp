// Mode `relay`: the notification descriptors are ours.
#include "poll_pacer.h"
#include "testing/data_path_fixture.h"

#include <vutrace/system/pipe.h>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>

namespace vutrace::capture {
namespace {

using protocol::FrontEndRequest;
using testing::DataPathTest;
using testing::RingPair;

TEST_F(DataPathTest, RelaysKicksAndCallsWithTheirCountsAfterLookingAtTheRing) {
    RingPair ring(16);
    open(DataPathMode::relay);
    set_up_ring(ring);
    const Ends call = send_eventfd(FrontEndRequest::SET_VRING_CALL);
    const Ends kick = send_eventfd(FrontEndRequest::SET_VRING_KICK);
    run_with([&] {
        for (std::uint16_t round = 0; round < 200; ++round) {
            const auto head = static_cast<std::uint16_t>(round % 16);
            ring.describe_chain(head, {{RingPair::buffers, 8, false}, {RingPair::buffers + 64, 8, true}});
            ring.offer(head);
            ASSERT_TRUE(signal_event(kick.first, round + 1U));
            EXPECT_EQ(wait_for_event(kick.second), round + 1U);
            EXPECT_EQ(recorder.counts().offers, round + 1U);
            EXPECT_EQ(ring.take(), head);
            ring.use(head, 8);
            ASSERT_TRUE(signal_event(call.second, 3));
            EXPECT_EQ(wait_for_event(call.first), 3U);
            EXPECT_EQ(recorder.counts().completions, round + 1U);
        }
    });
    const auto counts = recorder.counts();
    EXPECT_EQ(counts.verified, 400U);
    EXPECT_EQ(counts.kicks, 200U * 201 / 2);
    EXPECT_EQ(counts.calls, 600U);
    EXPECT_EQ(counts.chains_lost + counts.completions_lost + counts.notes, 0U);
}

// The back-end's bug that is looked for: nothing but time shows it.
TEST_F(DataPathTest, SeesACompletionWhoseCallIsNeverSent) {
    RingPair ring(16);
    open(DataPathMode::relay);
    set_up_ring(ring);
    const Ends call = send_eventfd(FrontEndRequest::SET_VRING_CALL);
    const Ends kick = send_eventfd(FrontEndRequest::SET_VRING_KICK);
    run_with([&] {
        ring.describe_chain(0, {{RingPair::buffers, 8, false}, {RingPair::buffers + 64, 8, true}});
        ring.offer(0);
        ASSERT_TRUE(signal_event(kick.first));
        EXPECT_EQ(wait_for_event(kick.second), 1U);
        EXPECT_EQ(recorder.counts().completions, 0U);
        ring.use(0, 8);
        wait_until([&] { return recorder.counts().completions; });
    });
    EXPECT_EQ(recorder.counts().calls, 0U);
    EXPECT_EQ(recorder.counts().verified, 2U);
    EXPECT_EQ(recorder.counts().completions_lost + recorder.counts().notes, 0U);
}

// However much it finds: a notification that comes is quicker anyhow.
TEST(PollPacer, WatchesSlowlyWhereNotificationsComeThroughUs) {
    auto loop = std::move(*EventLoop::create());
    int looks = 0;
    PollPacer* pacing = nullptr;
    const auto look = [&] {
        if (++looks == 3) {
            loop.stop();
        }
        pacing->need({PollPacer::Need::slow_watch, PollPacer::Found::something, {}, {}, {}});
    };
    PollPacer pacer(loop, look, [] { FAIL() << "there is nothing to count"; });
    pacing = &pacer;
    const auto begin = std::chrono::steady_clock::now();
    pacer.need({PollPacer::Need::slow_watch, PollPacer::Found::something, {}, {}, {}});
    ASSERT_TRUE(loop.run());
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 3 * PollPace::longest);
    EXPECT_GE(PollPace::longest, std::chrono::milliseconds{10});
}

TEST_F(DataPathTest, RelaysBeforeAQueueIsStartedAndAfterItStopped) {
    RingPair ring(16);
    open(DataPathMode::relay);
    const Ends kick = send_eventfd(FrontEndRequest::SET_VRING_KICK);
    const Ends call = send_eventfd(FrontEndRequest::SET_VRING_CALL);
    run_with([&] {
        ASSERT_TRUE(signal_event(kick.first, 2));
        EXPECT_EQ(wait_for_event(kick.second), 2U);
    });
    set_up_ring(ring);
    (void)send(FrontEndRequest::GET_VRING_BASE, protocol::serialise(protocol::VringState{0, 0}));
    answer(FrontEndRequest::GET_VRING_BASE, protocol::serialise(protocol::VringState{0, 0}));
    run_with([&] {
        ASSERT_TRUE(signal_event(kick.first));
        EXPECT_EQ(wait_for_event(kick.second), 1U);
        ASSERT_TRUE(signal_event(call.second));
        EXPECT_EQ(wait_for_event(call.first), 1U);
    });
}

TEST_F(DataPathTest, PassesOnWhatAReplacedEventfdStillGets) {
    open(DataPathMode::relay);
    const Ends old_call = send_eventfd(FrontEndRequest::SET_VRING_CALL);
    ASSERT_TRUE(signal_event(old_call.second, 5));
    const Ends new_call = send_eventfd(FrontEndRequest::SET_VRING_CALL);
    EXPECT_EQ(*take_event(old_call.first), 5U);  // before the loop ran
    run_with([&] {
        ASSERT_TRUE(signal_event(old_call.second, 2));
        EXPECT_EQ(wait_for_event(old_call.first), 2U);
        ASSERT_TRUE(signal_event(new_call.second, 7));
        EXPECT_EQ(wait_for_event(new_call.first), 7U);
    });
    ASSERT_TRUE(signal_event(new_call.second, 4));
    path.reset();
    EXPECT_EQ(*take_event(new_call.first), 4U);
}

TEST_F(DataPathTest, SwapsEventfdsOftenWithoutLeakingThem) {
    open(DataPathMode::relay);
    const auto open_descriptors = [] {
        std::size_t count = 0;
        for (int number = 0; number < 1024; ++number) {
            count += ::fcntl(number, F_GETFD) >= 0 ? 1U : 0U;
        }
        return count;
    };
    const std::size_t before = open_descriptors();
    for (int i = 0; i < 200; ++i) {
        const Ends call = send_eventfd(FrontEndRequest::SET_VRING_CALL);
        ASSERT_TRUE(signal_event(call.second));
    }
    EXPECT_LT(open_descriptors(), before + 40);
    path.reset();
    EXPECT_EQ(open_descriptors(), before);
}

TEST_F(DataPathTest, GivesReplacementsTheModeOfTheOriginal) {
    open(DataPathMode::relay);
    for (const bool blocking : {false, true}) {
        auto original = std::move(*create_event_descriptor());
        const int flags = ::fcntl(original.number(), F_GETFL);
        ASSERT_EQ(::fcntl(original.number(), F_SETFL, blocking ? flags & ~O_NONBLOCK : flags), 0);
        const int number = original.number();
        const auto received =
            send(FrontEndRequest::SET_VRING_CALL, protocol::serialise_u64(0), one(std::move(original)));
        ASSERT_EQ(received.size(), 1U);
        EXPECT_NE(received.front().number(), number);
        EXPECT_EQ((::fcntl(received.front().number(), F_GETFL) & O_NONBLOCK) == 0, blocking);
    }
}

TEST_F(DataPathTest, LetsWhatIsNoEventfdPassUntouched) {
    open(DataPathMode::relay);
    auto [reader, writer] = create_pipe().value();
    const auto received = send(FrontEndRequest::SET_VRING_KICK, protocol::serialise_u64(0), one(std::move(writer)));
    ASSERT_EQ(received.size(), 1U);
    EXPECT_EQ(::write(received.front().number(), "x", 1), 1);
    char byte = 0;
    EXPECT_EQ(::read(reader.number(), &byte, 1), 1);
    EXPECT_EQ(recorder.counts().notes, 1U);
}

}  // namespace
}  // namespace vutrace::capture
