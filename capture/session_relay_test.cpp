#include "session_relay.h"

#include "make_data_path.h"
#include "off_data_path.h"

#include <vutrace/protocol/header.h>
#include <vutrace/protocol/requests.h>
#include <vutrace/system/unix_socket.h>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <filesystem>
#include <mutex>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

namespace vutrace::capture {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

constexpr int patience_ms = 20'000;
constexpr int little_room = 8192;  // of a socket; the kernel doubles it and lets one more packet in

// Keeps what it is given.
class MemoryRecorder final : public Recorder {
  public:
    bool record(std::uint32_t, const trace::RecordBody& body) noexcept override {
        const std::lock_guard lock(mutex_);
        records_.push_back(body);
        return true;
    }
    void lost(std::uint32_t session, const trace::GapRecord& gap) noexcept override { record(session, gap); }
    Counters counters() const noexcept override { return {}; }
    std::size_t largest_record() const noexcept override { return SIZE_MAX; }
    std::size_t free_bytes() const noexcept override { return SIZE_MAX; }
    Status finish() override { return {}; }

    template <class Record>
    [[nodiscard]] std::vector<Record> all() const {
        const std::lock_guard lock(mutex_);
        std::vector<Record> found;
        for (const trace::RecordBody& body : records_) {
            if (const auto* record = std::get_if<Record>(&body)) {
                found.push_back(*record);
            }
        }
        return found;
    }

  private:
    mutable std::mutex mutex_;
    std::vector<trace::RecordBody> records_;
};

Bytes message(std::uint32_t request, std::uint32_t flags, ByteView payload) {
    Bytes bytes(protocol::header_size);
    protocol::serialise_header({request, flags, static_cast<std::uint32_t>(payload.size())}, bytes);
    bytes.insert(bytes.end(), payload.begin(), payload.end());
    return bytes;
}

Bytes pattern(std::size_t size, unsigned seed) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) {
        bytes[i] = static_cast<std::byte>((i * 31 + seed * 7 + i / 251) & 0xffU);
    }
    return bytes;
}

// Files that can be told apart wherever they turn up.
class Files {
  public:
    explicit Files(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            files_.emplace_back(::memfd_create("test", MFD_CLOEXEC));
        }
    }
    [[nodiscard]] std::vector<int> numbers(std::size_t first, std::size_t count) const {
        std::vector<int> numbers;
        for (std::size_t i = 0; i < count; ++i) {
            numbers.push_back(files_[(first + i) % files_.size()].number());
        }
        return numbers;
    }

  private:
    std::vector<FileDescriptor> files_;
};

ino_t inode_of(int number) {
    struct stat status {};
    EXPECT_EQ(::fstat(number, &status), 0);
    return status.st_ino;
}

std::vector<ino_t> inodes(const std::vector<int>& numbers) {
    std::vector<ino_t> result;
    for (const int number : numbers) {
        result.push_back(inode_of(number));
    }
    return result;
}

std::vector<ino_t> inodes(const std::vector<FileDescriptor>& descriptors) {
    std::vector<ino_t> result;
    for (const FileDescriptor& descriptor : descriptors) {
        result.push_back(inode_of(descriptor.number()));
    }
    return result;
}

struct Message {
    Bytes bytes;
    std::vector<ino_t> files;
    bool operator==(const Message&) const = default;
};

// As a correct peer reads: the header, then what it announces.
Result<Message> read_message(const FileDescriptor& socket) {
    Message result;
    std::vector<FileDescriptor> descriptors;
    result.bytes.resize(protocol::header_size);
    if (auto header = receive_exactly(socket, result.bytes, descriptors, patience_ms); !header) {
        return tl::unexpected(header.error());
    }
    const std::uint32_t size = load<std::uint32_t>(result.bytes, 8);
    result.bytes.resize(protocol::header_size + size);
    const auto payload = MutableByteView(result.bytes).subspan(protocol::header_size);
    if (auto rest = receive_exactly(socket, payload, descriptors, patience_ms); !rest) {
        return tl::unexpected(rest.error());
    }
    result.files = inodes(descriptors);
    return result;
}

// At the end of a stream, or when it was reset.
ErrorCode end_of(const FileDescriptor& socket, int* errno_value = nullptr) {
    std::byte byte{};
    std::vector<FileDescriptor> descriptors;
    const auto received = receive_exactly(socket, MutableByteView(&byte, 1), descriptors, patience_ms);
    if (errno_value != nullptr) {
        *errno_value = received ? 0 : received.error().errno_value;
    }
    return received ? ErrorCode::bad_input : received.error().code;
}

class SessionRelayTest : public testing::Test {
  protected:
    ~SessionRelayTest() override { stop(); }

    void start(const SessionRelay::DataPathFactory& factory = [](const session::DeviceState&) {
        return std::make_unique<OffDataPath>();
    }) {
        auto front = create_socket_pair().value();
        auto back = create_socket_pair().value();
        front_end_ = std::move(front.first);
        back_end_ = std::move(back.first);
        if (room_to_the_front_end_ != 0) {
            ASSERT_EQ(::setsockopt(front.second.number(), SOL_SOCKET, SO_SNDBUF, &room_to_the_front_end_,
                                   sizeof(room_to_the_front_end_)),
                      0);
        }
        relay_ = std::make_unique<SessionRelay>(std::move(front.second), std::move(back.second), 1, recorder_, loop_,
                                                factory);
        ASSERT_TRUE(relay_->start());
        thread_ = std::thread([this] {
            EXPECT_TRUE(loop_.run());
            relay_->finish({"stopped", std::nullopt, {}});
        });
    }
    void start_with_little_room_to_the_front_end() {
        room_to_the_front_end_ = little_room;
        start();
    }
    void stop() {
        if (thread_.joinable()) {
            loop_.stop();
            thread_.join();
        }
    }
    // The relay ends by itself.
    void wait_for_end() { thread_.join(); }

    [[nodiscard]] std::vector<std::pair<std::string, std::string>> closed() const {
        for (const auto& record : recorder_.all<trace::SessionRecord>()) {
            if (record.kind == trace::SessionRecord::Kind::closed) {
                return record.attributes;
            }
        }
        return {};
    }

    int room_to_the_front_end_{0};  // 0: as the system gives it
    MemoryRecorder recorder_;
    EventLoop loop_{EventLoop::create().value()};
    FileDescriptor front_end_;  // the tests' ends
    FileDescriptor back_end_;
    std::unique_ptr<SessionRelay> relay_;
    std::thread thread_;
};

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

TEST_F(SessionRelayTest, SaysThatTheBackEndChannelIsNotRecorded) {
    start();
    auto channel = create_socket_pair().value();
    const std::vector<int> numbers{channel.first.number()};
    const Bytes sent = message(static_cast<std::uint32_t>(protocol::FrontEndRequest::SET_BACKEND_REQ_FD), 9, {});
    ASSERT_TRUE(send_all(front_end_, sent, numbers));
    EXPECT_EQ(read_message(back_end_), (Message{sent, inodes(numbers)}));
    stop();
    const auto notes = recorder_.all<trace::NoteRecord>();
    ASSERT_EQ(notes.size(), 1U);
    EXPECT_THAT(notes[0].text, HasSubstr("back-end request channel"));
}

// Random code, flags, size and descriptors; the same seed gives the same messages on both ends.
class RandomMessages {
  public:
    RandomMessages(unsigned seed, const Files& files) : random_(seed), files_(files) {}

    struct Next {
        Bytes bytes;
        std::vector<int> numbers;
    };
    Next next() {
        const std::size_t kind = pick(100);
        const std::size_t size = kind < 60 ? pick(64) : kind < 98 ? pick(4096) : pick(200'000);
        const std::size_t count = pick(4) != 0 ? 0 : pick(50) == 0 ? pick(254) : pick(9);
        const auto request = static_cast<std::uint32_t>(pick(2) == 0 ? pick(50) : random_());
        return {
            message(request, static_cast<std::uint32_t>(random_()), pattern(size, static_cast<unsigned>(pick(256)))),
            files_.numbers(pick(256), count)};
    }
    std::size_t pick(std::size_t limit) { return random_() % limit; }

  private:
    std::mt19937 random_;
    const Files& files_;
};

void send_randomly_cut(const FileDescriptor& socket, const RandomMessages::Next& next, RandomMessages& random) {
    const std::size_t first = random.pick(4) == 0 ? 1 + random.pick(next.bytes.size()) : next.bytes.size();
    ASSERT_TRUE(send_all(socket, ByteView(next.bytes).first(first), next.numbers));
    ASSERT_TRUE(send_all(socket, ByteView(next.bytes).subspan(first), {}));
}

// The files are no eventfds, so that not even `relay` may replace them.
class EveryMode : public SessionRelayTest, public testing::WithParamInterface<DataPathOptions> {};

TEST_P(EveryMode, PassesTwentyThousandRandomMessagesUnchangedBothWays) {
    constexpr int count = 20'000;
    const Files files(64);
    start([this](const session::DeviceState& state) { return make_data_path(GetParam(), 1, recorder_, loop_, state); });
    const auto write_all = [&](const FileDescriptor& socket, unsigned seed) {
        RandomMessages random(seed, files);
        RandomMessages cuts(seed + 100, files);
        for (int i = 0; i < count; ++i) {
            ASSERT_NO_FATAL_FAILURE(send_randomly_cut(socket, random.next(), cuts));
        }
    };
    const auto read_all = [&](const FileDescriptor& socket, unsigned seed) {
        RandomMessages random(seed, files);
        for (int i = 0; i < count; ++i) {
            const auto expected = random.next();
            const auto received = read_message(socket);
            ASSERT_TRUE(received) << i;
            ASSERT_TRUE(received->bytes == expected.bytes) << i;
            ASSERT_TRUE(received->files == inodes(expected.numbers)) << i;
        }
    };
    std::thread front_writer(write_all, std::cref(front_end_), 1);
    std::thread back_writer(write_all, std::cref(back_end_), 2);
    std::thread front_reader(read_all, std::cref(front_end_), 2);
    read_all(back_end_, 1);
    front_writer.join();
    back_writer.join();
    front_reader.join();
    stop();
    EXPECT_EQ(relay_->messages(), 2U * count);
}

INSTANTIATE_TEST_SUITE_P(Modes, EveryMode,
                         testing::Values(DataPathOptions{DataPathMode::off, MemoryMode::none},
                                         DataPathOptions{DataPathMode::tap, MemoryMode::buffers},
                                         DataPathOptions{DataPathMode::relay, MemoryMode::buffers}));

class ThrowingDataPath final : public DataPath {
  public:
    void replace_descriptors(Side, const protocol::Header&, const std::vector<FileDescriptor>&,
                             std::vector<int>&) override {
        throw std::runtime_error("broken");
    }
    void before_reply(const protocol::Header&, ByteView) override { throw std::runtime_error("broken"); }
    void forwarded(ForwardedMessage, const session::Change&) override { throw std::runtime_error("broken"); }
    void session_ended() override { throw std::runtime_error("broken"); }
};

TEST_F(SessionRelayTest, ADataPathThatFailsDoesNotStopTheMessages) {
    start([](const session::DeviceState&) { return std::make_unique<ThrowingDataPath>(); });
    const Files files(1);
    for (unsigned i = 0; i < 3; ++i) {
        const Bytes up = message(12, 9, pattern(8, i));
        ASSERT_TRUE(send_all(front_end_, up, files.numbers(0, 1)));
        EXPECT_EQ(read_message(back_end_), (Message{up, inodes(files.numbers(0, 1))}));
        const Bytes down = message(12, 5, pattern(8, i));
        ASSERT_TRUE(send_all(back_end_, down, {}));
        EXPECT_EQ(read_message(front_end_), (Message{down, {}}));
    }
    stop();
    const auto notes = recorder_.all<trace::NoteRecord>();
    ASSERT_EQ(notes.size(), 1U) << "said once";
    EXPECT_THAT(notes[0].text, HasSubstr("broken"));
}

// Sees what the interface promises, in the order it promises.
class WatchingDataPath final : public DataPath {
  public:
    WatchingDataPath(std::vector<std::string>& calls, const FileDescriptor& replacement,
                     const FileDescriptor& other_side)
        : calls_(calls), replacement_(replacement), other_side_(other_side) {}

    void replace_descriptors(Side sender, const protocol::Header& header, const std::vector<FileDescriptor>& received,
                             std::vector<int>& numbers) override {
        add("replace", sender, header);
        EXPECT_EQ(received.size(), numbers.size());
        numbers.back() = replacement_.number();
    }
    void before_reply(const protocol::Header& header, ByteView payload) override {
        add("before", Side::back_end, header);
        EXPECT_EQ(payload.size(), header.size);
        pollfd entry{other_side_.number(), POLLIN, 0};
        EXPECT_EQ(::poll(&entry, 1, 0), 0) << "the front-end must not have the reply yet";
    }
    void forwarded(ForwardedMessage message, const session::Change&) override {
        add("forwarded", message.sender, message.header);
        EXPECT_EQ(message.descriptors->size(), message.descriptor_ids->size());
        kept_ = std::move(*message.descriptors);
    }
    void session_ended() override { calls_.emplace_back("ended"); }

  private:
    void add(const char* what, Side sender, const protocol::Header& header) {
        calls_.push_back(std::string(what) + " " + name_of(sender) + " " + std::to_string(header.request));
    }
    std::vector<std::string>& calls_;
    const FileDescriptor& replacement_;
    const FileDescriptor& other_side_;
    std::vector<FileDescriptor> kept_;
};

TEST_F(SessionRelayTest, TheDataPathReplacesDescriptorsAndSeesRepliesFirst) {
    const Files files(3);
    const FileDescriptor replacement(::memfd_create("replacement", MFD_CLOEXEC));
    std::vector<std::string> calls;
    start([&](const session::DeviceState&) {
        return std::make_unique<WatchingDataPath>(calls, replacement, front_end_);
    });
    const Bytes up = message(12, 9, pattern(8, 1));
    ASSERT_TRUE(send_all(front_end_, up, files.numbers(0, 2)));
    EXPECT_EQ(read_message(back_end_),
              (Message{up, {inode_of(files.numbers(0, 1)[0]), inode_of(replacement.number())}}));
    const Bytes down = message(11, 5, pattern(8, 2));
    ASSERT_TRUE(send_all(back_end_, down, {}));
    EXPECT_EQ(read_message(front_end_), (Message{down, {}}));
    stop();
    EXPECT_THAT(calls, ElementsAre("replace front-end 12", "forwarded front-end 12", "before back-end 11",
                                   "forwarded back-end 11", "ended"));
}

// Has recorded nothing yet when the session ends.
class SlowDataPath final : public DataPath {
  public:
    explicit SlowDataPath(std::function<void()> at_its_end) : at_its_end_(std::move(at_its_end)) {}
    SlowDataPath(const SlowDataPath&) = delete;
    SlowDataPath& operator=(const SlowDataPath&) = delete;
    ~SlowDataPath() override { at_its_end_(); }
    void replace_descriptors(Side, const protocol::Header&, const std::vector<FileDescriptor>&,
                             std::vector<int>&) override {}
    void before_reply(const protocol::Header&, ByteView) override {}
    void forwarded(ForwardedMessage, const session::Change&) override {}
    void session_ended() override {}

  private:
    std::function<void()> at_its_end_;
};

TEST_F(SessionRelayTest, PeersSeeTheEndBeforeTheDataPathIsDone) {
    bool closed = false;
    start([&](const session::DeviceState&) {
        return std::make_unique<SlowDataPath>([&] {
            pollfd entry{back_end_.number(), POLLIN, 0};
            closed = ::poll(&entry, 1, 0) == 1 && (entry.revents & POLLHUP) != 0;
        });
    });
    stop();
    EXPECT_TRUE(closed);
}

std::size_t open_descriptors() {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
}

TEST(SessionRelay, LeavesNoDescriptorOpenHoweverASessionEnds) {
    const Files files(5);
    const std::size_t before = open_descriptors();
    for (int round = 0; round < 30; ++round) {
        MemoryRecorder recorder;
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
        relay.finish({"stopped", std::nullopt, {}});
        EXPECT_EQ(relay.end().side, round % 2 == 0 ? Side::front_end : Side::back_end);
    }
    EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace vutrace::capture
