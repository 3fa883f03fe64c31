#include "vutrace/capture/event_loop.h"

#include <vutrace/system/event_descriptor.h>
#include <vutrace/system/unix_socket.h>

#include <gtest/gtest.h>
#include <sys/epoll.h>

#include <thread>
#include <vector>

namespace vutrace::capture {
namespace {

using namespace std::chrono_literals;

class EventLoopTest : public testing::Test {
  protected:
    EventLoop loop_{EventLoop::create().value()};

    static FileDescriptor signalled_event() {
        auto event = create_event_descriptor().value();
        EXPECT_TRUE(signal_event(event));
        return event;
    }
};

TEST_F(EventLoopTest, ServesADescriptorAsLongAsItIsReady) {
    const auto event = signalled_event();
    int calls = 0;
    ASSERT_TRUE(loop_.add(event, EPOLLIN, [&](std::uint32_t events) {
        EXPECT_EQ(events, std::uint32_t{EPOLLIN});
        if (++calls == 3) {
            loop_.stop();
        }
    }));
    ASSERT_TRUE(loop_.run());
    EXPECT_EQ(calls, 3);
}

TEST_F(EventLoopTest, AHandlerMayRemoveItselfAndOthersThatAreReady) {
    const auto first = signalled_event();
    const auto second = signalled_event();
    int calls = 0;
    const auto handler = [&](std::uint32_t) {
        ++calls;
        loop_.remove(first);
        loop_.remove(second);
        loop_.call_after(0ns, [this] { loop_.stop(); });
    };
    ASSERT_TRUE(loop_.add(first, EPOLLIN, handler));
    ASSERT_TRUE(loop_.add(second, EPOLLIN, handler));
    ASSERT_TRUE(loop_.run());
    EXPECT_EQ(calls, 1) << "both were ready, the first served removed the other";
}

TEST_F(EventLoopTest, AHandlerMayReplaceADescriptorByAnotherWithTheSameNumber) {
    auto event = signalled_event();
    const int number = event.number();
    bool second_served = false;
    ASSERT_TRUE(loop_.add(event, EPOLLIN, [&](std::uint32_t) {
        loop_.remove(event);
        event = FileDescriptor();
        event = signalled_event();
        ASSERT_EQ(event.number(), number);
        ASSERT_TRUE(loop_.add(event, EPOLLIN, [&](std::uint32_t) {
            second_served = true;
            loop_.stop();
        }));
    }));
    ASSERT_TRUE(loop_.run());
    EXPECT_TRUE(second_served);
}

TEST_F(EventLoopTest, ServesOnlyTheEventsAskedFor) {
    auto pair = create_socket_pair().value();
    std::vector<std::uint32_t> seen;
    ASSERT_TRUE(loop_.add(pair.first, 0, [&](std::uint32_t events) {
        seen.push_back(events);
        loop_.remove(pair.first);
    }));
    loop_.call_after(0ns, [&] {
        ASSERT_TRUE(loop_.modify(pair.first, EPOLLOUT));
        loop_.call_after(0ns, [&] { loop_.stop(); });
    });
    ASSERT_TRUE(loop_.run());
    EXPECT_EQ(seen, std::vector<std::uint32_t>{EPOLLOUT});
}

TEST_F(EventLoopTest, CallsOnceAfterTheDelayAndTheLastCallCounts) {
    const auto begin = std::chrono::steady_clock::now();
    loop_.call_after(0ns, [] { FAIL() << "was replaced"; });
    loop_.call_after(2ms, [this] { loop_.stop(); });
    ASSERT_TRUE(loop_.run());
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 2ms);
}

TEST_F(EventLoopTest, ACancelledCallIsNotMade) {
    loop_.call_after(0ns, [] { FAIL() << "was cancelled"; });
    loop_.cancel_call();
    const auto event = signalled_event();
    ASSERT_TRUE(loop_.add(event, EPOLLIN, [this](std::uint32_t) { loop_.stop(); }));
    ASSERT_TRUE(loop_.run());
}

TEST_F(EventLoopTest, ADelayForEverDoesNotOverflow) {
    loop_.call_after(std::chrono::nanoseconds::max(), [] { FAIL() << "too early"; });
    loop_.stop();
    ASSERT_TRUE(loop_.run());
}

TEST_F(EventLoopTest, AnotherThreadStopsIt) {
    std::thread other([this] { loop_.stop(); });
    ASSERT_TRUE(loop_.run());
    other.join();
}

TEST_F(EventLoopTest, StoppedBeforeItRunsEndsAtOnceAndRunsAgain) {
    loop_.stop();
    ASSERT_TRUE(loop_.run());
    loop_.call_after(0ns, [this] { loop_.stop(); });
    ASSERT_TRUE(loop_.run());
}

TEST_F(EventLoopTest, SaysWhatCannotBeWatched) {
    const FileDescriptor none;
    EXPECT_EQ(loop_.add(none, EPOLLIN, [](std::uint32_t) {}).error().errno_value, EBADF);
    EXPECT_EQ(loop_.modify(none, EPOLLIN).error().code, ErrorCode::usage);
    loop_.remove(none);
}

}  // namespace
}  // namespace vutrace::capture
