#include "testing/relayed_session.h"

#include <vutrace/protocol/requests.h>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>

namespace vutrace::capture {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using namespace testing;

TEST_F(SessionRelayTest, PassesAMessageWithItsDescriptorsAndRecordsIt) {
    start();
    const Files files(2);
    const Bytes sent = message(13, 9, pattern(8, 1));
    ASSERT_TRUE(send_all(front_end_, sent, files.numbers(0, 2)));
    const auto received = read_message(back_end_);
    ASSERT_TRUE(received);
    EXPECT_EQ(received->bytes, sent);
    EXPECT_EQ(received->files, inodes(files.numbers(0, 2)));
    stop();
    const auto records = recorder_.all<trace::MessageRecord>();
    ASSERT_EQ(records.size(), 1U);
    EXPECT_EQ(records[0].bytes, sent);
    EXPECT_EQ(records[0].sender, Side::front_end);
    ASSERT_EQ(records[0].descriptors.size(), 2U);
    EXPECT_EQ(records[0].descriptors[1].id, 2U);
    EXPECT_EQ(records[0].descriptors[1].description.kind, DescriptorKind::memfd);
    EXPECT_EQ(records[0].descriptors[1].description.inode, inode_of(files.numbers(1, 1)[0]));
    EXPECT_THAT(closed(), ElementsAre(Pair("reason", "stopped"), Pair("messages", "1")));
}

TEST_F(SessionRelayTest, PassesAMessageThatComesByteByByte) {
    start();
    const Files files(1);
    const Bytes sent = message(5, 1, pattern(30, 2));
    for (std::size_t i = 0; i < sent.size(); ++i) {
        const auto numbers = i == 0 ? files.numbers(0, 1) : std::vector<int>{};
        ASSERT_TRUE(send_all(front_end_, ByteView(sent).subspan(i, 1), numbers));
    }
    EXPECT_EQ(read_message(back_end_), (Message{sent, inodes(files.numbers(0, 1))}));
    stop();
    const auto records = recorder_.all<trace::MessageRecord>();
    ASSERT_EQ(records.size(), 1U) << "one message is one record however it comes";
    EXPECT_EQ(records[0].bytes, sent);
}

TEST_F(SessionRelayTest, PassesAHeaderBeforeItsPayloadIsThere) {
    start();
    const Bytes sent = message(4, 5, pattern(8, 3));
    ASSERT_TRUE(send_all(back_end_, ByteView(sent).first(protocol::header_size), {}));
    Bytes header(protocol::header_size);
    std::vector<FileDescriptor> none;
    ASSERT_TRUE(receive_exactly(front_end_, header, none, patience_ms));
    ASSERT_TRUE(send_all(back_end_, ByteView(sent).subspan(protocol::header_size), {}));
    Bytes payload(8);
    ASSERT_TRUE(receive_exactly(front_end_, payload, none, patience_ms));
    EXPECT_EQ(payload, pattern(8, 3));
}

// What killed a QEMU session behind a relay that reads as much as there is.
TEST_F(SessionRelayTest, KeepsDescriptorsOnTheirMessageAmongManyWithout) {
    const Files files(3);
    std::vector<Message> expected;
    auto front = create_socket_pair().value();
    auto back = create_socket_pair().value();
    // All are there before the relay looks.
    for (unsigned i = 0; i < 40; ++i) {
        const auto numbers = i % 4 == 2 ? files.numbers(i, i % 3 + 1) : std::vector<int>{};
        expected.push_back({message(i, 1, pattern(i % 5 * 4, i)), inodes(numbers)});
        ASSERT_TRUE(send_all(front.first, expected.back().bytes, numbers));
    }
    SessionRelay relay(std::move(front.second), std::move(back.second), 1, recorder_, loop_,
                       [](const session::DeviceState&) { return std::make_unique<OffDataPath>(); });
    ASSERT_TRUE(relay.start());
    std::thread thread([this] { EXPECT_TRUE(loop_.run()); });
    for (const Message& one : expected) {
        EXPECT_EQ(read_message(back.first), one);
    }
    loop_.stop();
    thread.join();
}

TEST_F(SessionRelayTest, KeepsDescriptorsThatComeInTheMiddleOnTheirByte) {
    start();
    const Files files(3);
    const Bytes sent = message(6, 1, pattern(100, 4));
    ASSERT_TRUE(send_all(front_end_, ByteView(sent).first(5), files.numbers(0, 1)));
    ASSERT_TRUE(send_all(front_end_, ByteView(sent).subspan(5, 27), files.numbers(1, 1)));
    ASSERT_TRUE(send_all(front_end_, ByteView(sent).subspan(32), files.numbers(2, 1)));
    // One read takes bytes up to the end of a buffer that carried descriptors, so the pieces show.
    Bytes buffer(200);
    std::vector<std::pair<std::size_t, std::vector<ino_t>>> pieces;
    for (std::size_t done = 0; done < sent.size(); done += pieces.back().first) {
        const auto received = receive(back_end_, buffer, true);
        ASSERT_TRUE(received);
        pieces.emplace_back(received->size, inodes(received->descriptors));
    }
    ASSERT_GE(pieces.size(), 3U);
    EXPECT_EQ(pieces[0], std::pair(std::size_t{5}, inodes(files.numbers(0, 1))));
    EXPECT_EQ(pieces[1].second, inodes(files.numbers(1, 1)));
    EXPECT_THAT(pieces.back().second, ElementsAre(inode_of(files.numbers(2, 1)[0])));
}

TEST_F(SessionRelayTest, PassesAsManyDescriptorsAsTheKernelTakes) {
    start();
    const Files files(max_descriptors_per_message);
    const auto numbers = files.numbers(0, max_descriptors_per_message);
    ASSERT_TRUE(send_all(front_end_, message(5, 1, pattern(64, 5)), numbers));
    const auto received = read_message(back_end_);
    ASSERT_TRUE(received);
    EXPECT_EQ(received->files, inodes(numbers));
}

TEST_F(SessionRelayTest, AHeaderThatLiesHoldsNothingUp) {
    start();
    Bytes sent = message(5, 1, {});
    store<std::uint32_t>(sent, 8, UINT32_MAX);
    const Bytes payload = pattern(300'000, 6);
    sent.insert(sent.end(), payload.begin(), payload.end());
    std::thread sender([&] { EXPECT_TRUE(send_all(front_end_, sent, {})); });
    Bytes received(sent.size());
    std::vector<FileDescriptor> none;
    EXPECT_TRUE(receive_exactly(back_end_, received, none, patience_ms));
    sender.join();
    EXPECT_EQ(received, sent);
    // The other direction is free meanwhile.
    const Bytes other = message(1, 5, pattern(8, 7));
    ASSERT_TRUE(send_all(back_end_, other, {}));
    EXPECT_EQ(read_message(front_end_), (Message{other, {}}));

    front_end_.reset();
    wait_for_end();
    Bytes recorded;
    for (const auto& record : recorder_.all<trace::MessageRecord>()) {
        if (record.sender == Side::front_end) {
            EXPECT_EQ(record.offset, recorded.size());
            EXPECT_LE(record.bytes.size(), trace::max_message_piece);
            EXPECT_EQ(record.incomplete, recorded.size() + record.bytes.size() == sent.size());
            recorded.insert(recorded.end(), record.bytes.begin(), record.bytes.end());
        }
    }
    EXPECT_EQ(recorded, sent);
}

TEST_F(SessionRelayTest, FullSocketsBothWaysAtOnceLoseNothing) {
    start();
    const Bytes up = message(1, 1, pattern(5U << 20U, 12));
    const Bytes down = message(2, 5, pattern(5U << 20U, 13));
    std::thread front_writer([&] { EXPECT_TRUE(send_all(front_end_, up, {})); });
    std::thread back_writer([&] { EXPECT_TRUE(send_all(back_end_, down, {})); });
    // Both fill their sockets before anybody reads.
    for (const FileDescriptor* socket : {&front_end_, &back_end_}) {
        pollfd entry{socket->number(), POLLIN, 0};
        ASSERT_EQ(::poll(&entry, 1, patience_ms), 1);
    }
    EXPECT_EQ(read_message(front_end_), (Message{down, {}}));
    EXPECT_EQ(read_message(back_end_), (Message{up, {}}));
    front_writer.join();
    back_writer.join();
}

TEST_F(SessionRelayTest, AFullSocketDoesNotHoldUpTheOtherDirection) {
    start();
    const Bytes up = message(1, 1, pattern(5U << 20U, 14));
    std::thread writer([&] { EXPECT_TRUE(send_all(front_end_, up, {})); });
    pollfd entry{back_end_.number(), POLLIN, 0};
    ASSERT_EQ(::poll(&entry, 1, patience_ms), 1);
    for (unsigned i = 0; i < 100; ++i) {
        const Bytes down = message(i, 5, pattern(8, i));
        ASSERT_TRUE(send_all(back_end_, down, {}));
        ASSERT_EQ(read_message(front_end_), (Message{down, {}}));
    }
    EXPECT_EQ(read_message(back_end_), (Message{up, {}}));
    writer.join();
}

TEST_F(SessionRelayTest, DescriptorsThatWeMayNotOpenAreRecordedAsTruncated) {
    start();
    const Files files(8);
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const int highest = ::fcntl(files.numbers(7, 1)[0], F_DUPFD_CLOEXEC, 0);
    ASSERT_EQ(::close(highest), 0);
    const rlimit tight{static_cast<rlim_t>(highest) + 2, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
    const bool sent = send_all(front_end_, message(5, 1, pattern(8, 15)), files.numbers(0, 8)).has_value();
    // The relay holds those it got until it has forwarded them: wait with room for none of our own.
    std::byte byte{};
    pollfd entry{back_end_.number(), POLLIN, 0};
    const int ready = ::poll(&entry, 1, patience_ms);
    const auto peeked = ::recv(back_end_.number(), &byte, 1, MSG_PEEK);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_TRUE(sent && ready == 1 && peeked == 1);
    const auto received = read_message(back_end_);
    ASSERT_TRUE(received);
    EXPECT_EQ(received->files, inodes(files.numbers(0, 2)));
    stop();
    const auto records = recorder_.all<trace::MessageRecord>();
    ASSERT_EQ(records.size(), 1U);
    EXPECT_TRUE(records[0].descriptors_truncated);
    EXPECT_EQ(records[0].descriptors.size(), 2U);
}

}  // namespace
}  // namespace vutrace::capture
