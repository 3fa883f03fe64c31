// The channel that SET_BACKEND_REQ_FD hands over: relayed by the main channel's rules, and recorded beside it.
#include "make_data_path.h"
#include "testing/handed_over_channel.h"
#include "testing/message_stream.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <thread>

namespace vutrace::capture {
namespace {

using namespace testing;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class BackEndChannel : public ChannelTest {};

TEST_F(BackEndChannel, PassesBothWaysWithDescriptorsAndIsRecordedInOrder) {
    start();
    const Ends ends = hand_over();
    const Files files(1);
    const Bytes map = message(9, need_reply, pattern(40, 1));
    expect_passes(ends.back_end, ends.front_end, map, files.numbers(0, 1));
    expect_passes(back_end_, front_end_, message(1, reply, pattern(8, 2)));
    const Bytes answer = message(9, reply, pattern(8, 3));
    expect_passes(ends.front_end, ends.back_end, answer);
    stop();

    const auto records = recorder_.all<trace::MessageRecord>();
    ASSERT_EQ(records.size(), 4U);
    EXPECT_EQ(records[0].channel, Channel::front_end);
    EXPECT_EQ(records[0].descriptors[0].description.kind, DescriptorKind::socket);
    EXPECT_EQ(records[1].channel, Channel::back_end);
    EXPECT_EQ(records[1].sender, Side::back_end);
    EXPECT_EQ(records[1].bytes, map);
    ASSERT_EQ(records[1].descriptors.size(), 1U);
    EXPECT_EQ(records[1].descriptors[0].id, 2U) << "numbered across the channels";
    EXPECT_EQ(records[1].descriptors[0].description.inode, inode_of(files.numbers(0, 1)[0]));
    EXPECT_EQ(records[2].channel, Channel::front_end);
    EXPECT_EQ(records[3].channel, Channel::back_end);
    EXPECT_EQ(records[3].sender, Side::front_end);
    EXPECT_EQ(records[3].bytes, answer);
    EXPECT_THAT(notes(), ElementsAre(HasSubstr("replaced by one of ours")));
}

TEST_F(BackEndChannel, PassesAHeaderThatLiesAndAMessageThatComesByteByByte) {
    start();
    const Ends ends = hand_over();
    const Bytes sent = message(1, 1, pattern(32, 4));
    for (std::size_t i = 0; i < sent.size(); ++i) {
        ASSERT_TRUE(send_all(ends.back_end, ByteView(sent).subspan(i, 1), {}));
    }
    EXPECT_EQ(read_message(ends.front_end), (Message{sent, {}}));
    Bytes lie = message(2, 1, pattern(10, 5));
    store<std::uint32_t>(lie, 8, UINT32_MAX);
    ASSERT_TRUE(send_all(ends.back_end, lie, {}));
    Bytes received(lie.size());
    std::vector<FileDescriptor> none;
    ASSERT_TRUE(receive_exactly(ends.front_end, received, none, patience_ms));
    EXPECT_EQ(received, lie);
    expect_main_channel_works();
    stop();
    const auto records = messages_on(Channel::back_end);
    ASSERT_EQ(records.size(), 2U);
    EXPECT_FALSE(records[0].incomplete);
    EXPECT_TRUE(records[1].incomplete);
    EXPECT_EQ(records[1].bytes, lie);
}

TEST_F(BackEndChannel, IsAlikeToTheSocketThatCame) {
    start();
    for (const int flag : {0, O_NONBLOCK}) {
        auto pair = create_socket_pair().value();
        const int room = 20'000;
        ASSERT_EQ(::setsockopt(pair.second.number(), SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
        ASSERT_EQ(::fcntl(pair.second.number(), F_SETFL, O_RDWR | flag), 0);
        const auto received = pass(Request::SET_BACKEND_REQ_FD, {pair.second.number()});
        ASSERT_EQ(received.size(), 1U);
        EXPECT_EQ(::fcntl(received[0].number(), F_GETFL) & O_NONBLOCK, flag);
        int given = 0;
        socklen_t size = sizeof(given);
        ASSERT_EQ(::getsockopt(received[0].number(), SOL_SOCKET, SO_SNDBUF, &given, &size), 0);
        EXPECT_EQ(given, 2 * room);
    }
}

TEST_F(BackEndChannel, ItsEndIsSeenByTheOtherSideAndTheSessionGoesOn) {
    start();
    const std::size_t before = open_descriptors();
    for (const bool front_end_first : {true, false}) {
        Ends ends = hand_over();
        const Bytes last = message(2, 1, {});
        FileDescriptor& first = front_end_first ? ends.front_end : ends.back_end;
        const FileDescriptor& second = front_end_first ? ends.back_end : ends.front_end;
        ASSERT_TRUE(send_all(first, last, {}));
        first.reset();
        EXPECT_EQ(read_message(second), (Message{last, {}}));
        EXPECT_EQ(end_of(second), ErrorCode::peer_closed);
        expect_main_channel_works();
    }
    EXPECT_EQ(open_descriptors(), before);
    EXPECT_FALSE(relay_->over());
    stop();
    EXPECT_THAT(notes(), ElementsAre(HasSubstr("replaced"), HasSubstr("ended: front-end closed (messages: 1)"),
                                     HasSubstr("replaced"), HasSubstr("ended: back-end closed (messages: 1)")));
}

TEST_F(BackEndChannel, PassesOnAHalfClose) {
    start();
    const Ends ends = hand_over();
    ASSERT_EQ(::shutdown(ends.front_end.number(), SHUT_WR), 0);
    EXPECT_EQ(end_of(ends.back_end), ErrorCode::peer_closed);
    expect_passes(ends.back_end, ends.front_end, message(2, 1, {}));
    stop();
    EXPECT_THAT(notes(), Contains(HasSubstr("the front-end sends no more")));
    EXPECT_THAT(recorder_.all<trace::SessionRecord>(), ::testing::SizeIs(1)) << "the session itself is not half closed";
}

TEST_F(BackEndChannel, PassesOnAReset) {
    start();
    Ends ends = hand_over();
    ASSERT_TRUE(send_all(ends.back_end, message(2, 1, {}), {}));
    pollfd entry{ends.front_end.number(), POLLIN, 0};
    ASSERT_EQ(::poll(&entry, 1, patience_ms), 1);
    ends.front_end.reset();  // without having read
    EXPECT_EQ(end_of(ends.back_end), ErrorCode::peer_closed);
    expect_main_channel_works();
    stop();
    EXPECT_THAT(notes(), Contains(HasSubstr("ended: reset")));
}

TEST_F(BackEndChannel, ANewOneTakesItsPlaceAndTheOldOneEndsByItself) {
    start();
    Ends old = hand_over();
    const Ends next = hand_over();
    expect_passes(old.back_end, old.front_end, message(2, 1, {}));  // the back-end has not let go yet
    expect_passes(next.back_end, next.front_end, message(2, 1, {}));
    old.back_end.reset();  // as libvhost-user does when it gets a new one
    EXPECT_EQ(end_of(old.front_end), ErrorCode::peer_closed);
    expect_passes(next.back_end, next.front_end, message(2, need_reply, {}));
    expect_passes(next.front_end, next.back_end, message(2, reply, pattern(8, 1)));
    stop();
    EXPECT_EQ(messages_on(Channel::back_end).size(), 4U);
    EXPECT_THAT(notes(), Contains(HasSubstr("the one before is relayed until it ends")));
}

TEST_F(BackEndChannel, EndsWithTheSessionAfterWhatWasSent) {
    start();
    const Ends ends = hand_over();
    expect_main_channel_works();
    const Bytes last = message(2, 1, {});
    ASSERT_TRUE(send_all(ends.back_end, last, {}));
    back_end_.reset();
    wait_for_end();
    EXPECT_EQ(read_message(ends.front_end), (Message{last, {}}));
    EXPECT_EQ(end_of(ends.front_end), ErrorCode::peer_closed);
    EXPECT_EQ(end_of(ends.back_end), ErrorCode::peer_closed);
    EXPECT_EQ(messages_on(Channel::back_end).size(), 1U);
}

TEST_F(BackEndChannel, ThatIsFullDoesNotHoldUpTheMainChannel) {
    start();
    const Ends ends = hand_over();
    const Bytes flood = message(2, 1, pattern(5U << 20U, 6));
    std::thread writer([&] { EXPECT_TRUE(send_all(ends.back_end, flood, {})); });
    pollfd entry{ends.front_end.number(), POLLIN, 0};
    ASSERT_EQ(::poll(&entry, 1, patience_ms), 1);
    for (int i = 0; i < 100; ++i) {
        expect_main_channel_works();
    }
    EXPECT_EQ(read_message(ends.front_end), (Message{flood, {}}));
    writer.join();
}

// Each side waits for an answer on another channel: the front-end for one of the main channel, which the back-end gives
// only when its own request was answered.
TEST_F(BackEndChannel, PassesRequestsThatWaitForEachOther) {
    start();
    const Ends ends = hand_over();
    for (unsigned i = 0; i < 1000; ++i) {
        const Bytes config = message(24, 1, pattern(12, i));
        const Bytes changed = message(2, need_reply, {});
        const Bytes changed_answer = message(2, reply, pattern(8, i));
        const Bytes config_answer = message(24, reply, pattern(72, i));
        std::thread back_end([&] {
            EXPECT_EQ(read_message(back_end_), (Message{config, {}}));
            expect_passes(ends.back_end, ends.front_end, changed);
        });
        ASSERT_TRUE(send_all(front_end_, config, {}));
        back_end.join();
        expect_passes(ends.front_end, ends.back_end, changed_answer);
        expect_passes(back_end_, front_end_, config_answer);
    }
    stop();
    const auto records = recorder_.all<trace::MessageRecord>();
    ASSERT_EQ(records.size(), 1U + 4U * 1000U);
    for (std::size_t i = 1; i < records.size(); i += 4) {  // an answer comes after what it answers
        EXPECT_EQ(records[i].channel, Channel::front_end);
        EXPECT_EQ(records[i + 1].channel, Channel::back_end);
        EXPECT_EQ(records[i + 2].channel, Channel::back_end);
        EXPECT_EQ(records[i + 2].sender, Side::front_end);
        EXPECT_EQ(records[i + 3].channel, Channel::front_end);
    }
}

// --- What cannot be followed

struct Unfollowable {
    const char* name;
    std::vector<FileDescriptor> (*make)();
    const char* reason;
};

FileDescriptor socket_of(int domain, int type) {
    return FileDescriptor(::socket(domain, type | SOCK_CLOEXEC, 0));
}
template <class... Descriptors>
std::vector<FileDescriptor> list(Descriptors... descriptors) {
    std::vector<FileDescriptor> all;
    (all.push_back(std::move(descriptors)), ...);
    return all;
}

class PassesUntouched : public ChannelTest, public ::testing::WithParamInterface<Unfollowable> {};

TEST_P(PassesUntouched, AndTheTraceSaysWhy) {
    start();
    const auto sent = GetParam().make();
    std::vector<int> numbers;
    for (const FileDescriptor& descriptor : sent) {
        numbers.push_back(descriptor.number());
    }
    EXPECT_EQ(inodes(pass(Request::SET_BACKEND_REQ_FD, numbers)), inodes(numbers));
    expect_main_channel_works();
    stop();
    EXPECT_THAT(notes(), ElementsAre(::testing::AllOf(HasSubstr("passed on untouched"), HasSubstr(GetParam().reason))));
}

INSTANTIATE_TEST_SUITE_P(
    Descriptors, PassesUntouched,
    ::testing::Values(
        Unfollowable{"None", [] { return list(); }, "without a descriptor"},
        Unfollowable{"Two",
                     [] {
                         auto pair = create_socket_pair().value();
                         return list(std::move(pair.first), std::move(pair.second));
                     },
                     "with 2 descriptors"},
        Unfollowable{"File", [] { return list(FileDescriptor(::memfd_create("test", MFD_CLOEXEC))); },
                     "no stream socket"},
        Unfollowable{"Datagram", [] { return list(socket_of(AF_UNIX, SOCK_DGRAM)); }, "no stream socket"},
        Unfollowable{"Sequenced", [] { return list(socket_of(AF_UNIX, SOCK_SEQPACKET)); }, "no stream socket"},
        Unfollowable{"Internet", [] { return list(socket_of(AF_INET, SOCK_STREAM)); }, "no stream socket"},
        Unfollowable{"Unconnected", [] { return list(socket_of(AF_UNIX, SOCK_STREAM)); }, "not connected"}),
    [](const auto& which) { return which.param.name; });

TEST_F(BackEndChannel, PassesUntouchedWhereNoDescriptorCanBeHad) {
    start();
    auto pair = create_socket_pair().value();
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const FileDescriptor highest(::fcntl(pair.first.number(), F_DUPFD_CLOEXEC, 0));
    // One for the descriptor that is received and two more: too few for a copy of it and a pair.
    const rlimit tight{static_cast<rlim_t>(highest.number()) + 4, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
    const Bytes sent = message(static_cast<std::uint32_t>(Request::SET_BACKEND_REQ_FD), 1, {});
    const bool passed = send_all(front_end_, sent, std::vector<int>{pair.second.number()}).has_value();
    pollfd entry{back_end_.number(), POLLIN, 0};
    const int ready = ::poll(&entry, 1, patience_ms);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_TRUE(passed && ready == 1);
    EXPECT_EQ(read_message(back_end_), (Message{sent, {inode_of(pair.second.number())}}));
    stop();
    EXPECT_THAT(notes(), ElementsAre(HasSubstr("Too many open files")));
}

TEST_F(BackEndChannel, PassesUntouchedBeyondTheMostThatAreFollowed) {
    start();
    std::vector<Ends> all;
    for (std::size_t i = 0; i < SideChannels::most_channels; ++i) {
        all.push_back(hand_over());
    }
    auto pair = create_socket_pair().value();
    const std::vector<int> number{pair.second.number()};
    EXPECT_EQ(inodes(pass(Request::SET_BACKEND_REQ_FD, number)), inodes(number));
    all.front().back_end.reset();
    EXPECT_EQ(end_of(all.front().front_end), ErrorCode::peer_closed);
    expect_main_channel_works();
    const Ends again = hand_over();
    expect_passes(again.back_end, again.front_end, message(2, 1, {}));
}

TEST_F(BackEndChannel, IsLeftAloneWhereAskedTo) {
    channels_ = RelayedChannels::main;
    start();
    const std::size_t before = open_descriptors();
    auto pair = create_socket_pair().value();
    auto received = pass(Request::SET_BACKEND_REQ_FD, {pair.second.number()});
    EXPECT_EQ(inodes(received), (std::vector{inode_of(pair.second.number())}));
    pair.second.reset();
    expect_main_channel_works();
    received.clear();
    EXPECT_EQ(end_of(pair.first), ErrorCode::peer_closed) << "no copy of ours keeps it open";
    pair.first.reset();
    EXPECT_EQ(open_descriptors(), before);
    stop();
    EXPECT_THAT(notes(), ElementsAre(HasSubstr("as asked for")));
}

// Takes over every descriptor that it is offered.
class KeepingDataPath final : public DataPath {
  public:
    void replace_descriptors(Side, const protocol::Header&, const std::vector<FileDescriptor>&,
                             std::vector<int>&) override {}
    void before_reply(const protocol::Header&, ByteView) override {}
    void forwarded(ForwardedMessage message, const session::Change&) override {
        std::move(message.descriptors->begin(), message.descriptors->end(), std::back_inserter(kept_));
    }
    void session_ended() override {}

  private:
    std::vector<FileDescriptor> kept_;
};

// A copy of ours would keep a connection or a pipe open for its other end.
TEST_F(BackEndChannel, TheDataPathGetsNoDescriptorThatItHasNoUseFor) {
    start([](const session::DeviceState&) { return std::make_unique<KeepingDataPath>(); });
    for (const Request request : {Request::SET_BACKEND_REQ_FD, Request::SET_DEVICE_STATE_FD}) {
        auto pair = create_socket_pair().value();
        auto received = pass(request, {pair.second.number()});
        pair.second.reset();
        received.clear();
        EXPECT_EQ(end_of(pair.first), ErrorCode::peer_closed);
    }
}

// --- Many

class BackEndChannelInEveryMode : public ChannelTest, public ::testing::WithParamInterface<DataPathOptions> {};

TEST_P(BackEndChannelInEveryMode, PassesTwentyThousandRandomMessagesBesideTheMainOnes) {
    constexpr int count = 20'000;
    constexpr int main_count = 5'000;
    const Files files(64);
    recorder_.count_only();
    start([this](const session::DeviceState& state) { return make_data_path(GetParam(), 1, recorder_, loop_, state); });
    const Ends ends = hand_over();
    std::vector<std::thread> peers;
    const auto run = [&](Channel channel, Side sender, const FileDescriptor& from, const FileDescriptor& to,
                         int messages) {
        peers.emplace_back([&files, channel, sender, &from, messages] {
            MessageStream(channel, sender, files).write_all(from, messages);
        });
        peers.emplace_back([&files, channel, sender, &to, messages] {
            MessageStream(channel, sender, files).expect_all(to, messages);
        });
    };
    run(Channel::back_end, Side::back_end, ends.back_end, ends.front_end, count);
    run(Channel::back_end, Side::front_end, ends.front_end, ends.back_end, count);
    // Among them announcements of further channels, with files that are no sockets.
    run(Channel::front_end, Side::front_end, front_end_, back_end_, main_count);
    run(Channel::front_end, Side::back_end, back_end_, front_end_, main_count);
    for (std::thread& peer : peers) {
        peer.join();
    }
    expect_main_channel_works();
    stop();
}

INSTANTIATE_TEST_SUITE_P(Modes, BackEndChannelInEveryMode,
                         ::testing::Values(DataPathOptions{DataPathMode::off, MemoryMode::none},
                                           DataPathOptions{DataPathMode::tap, MemoryMode::buffers},
                                           DataPathOptions{DataPathMode::relay, MemoryMode::buffers}));

// --- The gpu channel

class GpuChannel : public ChannelTest {};

TEST_F(GpuChannel, PassesPicturesAndAnswersAndIsRecordedAsItsOwn) {
    start();
    const Ends gpu = hand_over(Request::GPU_SET_SOCKET);
    const Ends back_end = hand_over();
    expect_passes(gpu.back_end, gpu.front_end, message(1, 0, {}));  // GET_PROTOCOL_FEATURES: no version in the flags
    expect_passes(gpu.front_end, gpu.back_end, message(1, protocol::reply_flag, pattern(8, 1)));
    const Files files(1);
    expect_passes(gpu.back_end, gpu.front_end, message(9, 0, pattern(40, 2)), files.numbers(0, 1));
    expect_passes(back_end.back_end, back_end.front_end, message(2, 1, {}));
    const Bytes picture = message(8, 0, pattern(20U + 1024U * 768U * 4U, 3));  // UPDATE
    std::thread writer([&] { EXPECT_TRUE(send_all(gpu.back_end, picture, {})); });
    EXPECT_EQ(read_message(gpu.front_end), (Message{picture, {}}));
    writer.join();
    stop();
    Bytes recorded;
    const auto records = messages_on(Channel::gpu);
    ASSERT_GT(records.size(), 3U);
    EXPECT_EQ(records[1].sender, Side::front_end);
    EXPECT_EQ(records[2].descriptors.size(), 1U);
    for (std::size_t i = 3; i < records.size(); ++i) {
        EXPECT_EQ(records[i].offset, recorded.size());
        recorded.insert(recorded.end(), records[i].bytes.begin(), records[i].bytes.end());
    }
    EXPECT_EQ(recorded, picture);
    EXPECT_EQ(messages_on(Channel::back_end).size(), 1U);
    EXPECT_THAT(notes(), Contains(HasSubstr("gpu channel")));
}

}  // namespace
}  // namespace vutrace::capture
