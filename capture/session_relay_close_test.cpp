// How a relayed session ends.
#include "off_data_path.h"
#include "testing/relayed_session.h"

#include <gmock/gmock.h>

#include <filesystem>

namespace vutrace::capture {
namespace {

using ::testing::Contains;
using ::testing::Pair;
using namespace testing;

TEST_F(SessionRelayTest, PassesOnAHalfCloseEitherWay) {
    for (const bool front_end_first : {true, false}) {
        start();
        const FileDescriptor& first = front_end_first ? front_end_ : back_end_;
        const FileDescriptor& second = front_end_first ? back_end_ : front_end_;
        ASSERT_TRUE(send_all(first, ByteView(message(1, 1, {})).first(7), {}));
        ASSERT_EQ(::shutdown(first.number(), SHUT_WR), 0);
        Bytes begun(7);
        std::vector<FileDescriptor> none;
        ASSERT_TRUE(receive_exactly(second, begun, none, patience_ms)) << "half a header is passed on too";
        EXPECT_EQ(end_of(second), ErrorCode::peer_closed);
        const Bytes answer = message(1, 5, pattern(8, 8));
        ASSERT_TRUE(send_all(second, answer, {}));
        EXPECT_EQ(read_message(first), (Message{answer, {}}));
        ASSERT_EQ(::shutdown(second.number(), SHUT_WR), 0);
        wait_for_end();
        EXPECT_EQ(end_of(first), ErrorCode::peer_closed);
    }
    const auto records = recorder_.all<trace::SessionRecord>();
    ASSERT_EQ(records.size(), 4U);
    EXPECT_EQ(records[0].kind, trace::SessionRecord::Kind::half_closed);
    EXPECT_THAT(records[0].attributes, Contains(Pair("side", "front-end")));
    EXPECT_THAT(records[1].attributes, Contains(Pair("reason", "back-end closed")));
    EXPECT_THAT(records[2].attributes, Contains(Pair("side", "back-end")));
    EXPECT_THAT(records[3].attributes, Contains(Pair("reason", "front-end closed")));
}

TEST_F(SessionRelayTest, PassesOnACloseEitherWayWithWhatWasSentBefore) {
    for (const bool front_end_first : {true, false}) {
        start();
        FileDescriptor& first = front_end_first ? front_end_ : back_end_;
        const FileDescriptor& second = front_end_first ? back_end_ : front_end_;
        const Bytes last = message(9, 1, pattern(40, 9));
        ASSERT_TRUE(send_all(first, last, {}));
        first.reset();
        EXPECT_EQ(read_message(second), (Message{last, {}}));
        EXPECT_EQ(end_of(second), ErrorCode::peer_closed);
        wait_for_end();
    }
}

TEST_F(SessionRelayTest, ACloseAfterAHalfCloseIsSeenByTheOtherSide) {
    start();
    ASSERT_EQ(::shutdown(front_end_.number(), SHUT_WR), 0);
    EXPECT_EQ(end_of(back_end_), ErrorCode::peer_closed);
    front_end_.reset();
    wait_for_end();
    pollfd entry{back_end_.number(), 0, 0};
    ASSERT_EQ(::poll(&entry, 1, patience_ms), 1);
    EXPECT_NE(entry.revents & POLLHUP, 0);
}

TEST_F(SessionRelayTest, AResetIsRecordedAndResetsTheOtherSide) {
    // More than the front-end's socket and the relay hold between them: however far the relay got, something of it is
    // unread on both sides.
    start_with_little_room_to_the_front_end();
    const Bytes flood = message(1, 5, pattern(trace::max_message_piece + 4U * little_room, 10));
    ASSERT_TRUE(send_all(back_end_, flood, {}));
    pollfd entry{front_end_.number(), POLLIN, 0};
    ASSERT_EQ(::poll(&entry, 1, patience_ms), 1);
    front_end_.reset();
    wait_for_end();
    int errno_value = 0;
    EXPECT_EQ(end_of(back_end_, &errno_value), ErrorCode::peer_closed);
    EXPECT_EQ(errno_value, ECONNRESET);
    EXPECT_THAT(closed(), Contains(Pair("side", "front-end")));
}

TEST_F(SessionRelayTest, AResetWithoutUnreadDataIsACloseToTheOtherSide) {
    start();
    ASSERT_TRUE(send_all(back_end_, message(1, 5, pattern(8, 11)), {}));
    pollfd entry{front_end_.number(), POLLIN, 0};
    ASSERT_EQ(::poll(&entry, 1, patience_ms), 1);
    front_end_.reset();
    wait_for_end();
    EXPECT_EQ(end_of(back_end_), ErrorCode::peer_closed);
    EXPECT_THAT(closed(), Contains(Pair("reason", "reset")));
    EXPECT_THAT(closed(), Contains(Pair("side", "front-end")));
    EXPECT_THAT(closed(), Contains(Pair("first", "front-end")));
    EXPECT_THAT(closed(), Contains(Pair("errno", std::to_string(ECONNRESET))));
}

std::size_t open_descriptors() {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
}

TEST(SessionRelay, LeavesNoDescriptorOpenHoweverASessionEnds) {
    const Files files(5);
    const std::size_t before = open_descriptors();
    for (int round = 0; round < 30; ++round) {
        FakeRecorder recorder;
        EventLoop loop = EventLoop::create().value();
        auto front = create_socket_pair().value();
        auto back = create_socket_pair().value();
        ASSERT_TRUE(send_all(front.first, message(5, 1, pattern(70'000, 1)), files.numbers(0, 5)));
        const Bytes cut = message(5, 1, pattern(100, 1));
        const auto part = static_cast<std::size_t>(round);
        ASSERT_TRUE(send_all(front.first, ByteView(cut).first(1 + part), files.numbers(0, 3)));
        (round % 2 == 0 ? front.first : back.first).reset();
        SessionRelay relay(std::move(front.second), std::move(back.second), 1, recorder, loop,
                           [](const session::DeviceState&) { return std::make_unique<OffDataPath>(); });
        ASSERT_TRUE(relay.start());
        ASSERT_TRUE(loop.run());
        relay.finish({"stopped", std::nullopt, {}, 0});
        EXPECT_EQ(relay.end().side, round % 2 == 0 ? Side::front_end : Side::back_end);
    }
    EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace vutrace::capture
