// Sessions that are rare in real traces, made by hand and replayed: restarts, memory that changes under running rings,
// in-flight buffers, half-close, ends in mid-air, devices that fill buffers when they like.
#include "scripted_back_end.h"
#include "session_case.h"

#include <gmock/gmock.h>
#include <poll.h>
#include <sys/stat.h>

namespace vutrace::replay {
namespace {

using session::testing::available_entry;
using session::testing::BlockSession;
using session::testing::literal;
using session::testing::SessionBuilder;
using session::testing::used_entry;
using std::chrono::milliseconds;
using ::testing::HasSubstr;
using testing::is;
using testing::next_message;
using testing::ScriptedBackEnd;
using Request = protocol::FrontEndRequest;

using testing::begin_session;
using testing::buffers;
using testing::SessionCases;
using testing::write_blocks;

TEST_F(SessionCases, QueueStartsAgainWhereItStoppedOrAtZero) {
    for (const std::uint16_t base : {std::uint16_t{5}, std::uint16_t{0}}) {
        SCOPED_TRACE(base);
        SessionBuilder builder;
        begin_session(builder);
        write_blocks(builder, 0, 5);
        BlockSession::stop_queue(builder, 0, 5);
        BlockSession::start_queue(builder, 0, base);
        write_blocks(builder, base, 200);  // once round the ring
        BlockSession::stop_queue(builder, 0, base + 200U);
        const Report report = replay_against_block_back_end(builder);
        EXPECT_EQ(report.divergence_count, 0U) << to_text(report);
        EXPECT_EQ(report.chains_completed, 205U);
        EXPECT_EQ(report.replies_compared, 2U);
        EXPECT_EQ(report.chains_skipped + report.chains_in_flight, 0U);
        EXPECT_EQ(report.back_end.state, BackEndOutcome::State::alive);
    }
}

TEST_F(SessionCases, QueueStartsAgainAfterAChainThatWasNeverCompleted) {
    SessionBuilder builder;
    begin_session(builder);
    builder.chains(0, {BlockSession::write_request(3, 0, 1, buffers, Bytes(512))});
    BlockSession::stop_queue(builder, 0, 0);  // the recorded device had not taken it
    BlockSession::start_queue(builder);
    write_blocks(builder, 0, 3);
    const Report report = replay_against_block_back_end(builder);
    EXPECT_EQ(report.divergence_count, 0U) << to_text(report);
    EXPECT_EQ(report.chains_submitted, 4U);
    EXPECT_EQ(report.chains_in_flight, 0U) << "a stop ends it";
}

TEST_F(SessionCases, RegionsComeAndGoWhileARingRuns) {
    SessionBuilder builder;
    begin_session(builder);
    const protocol::MemoryRegion more{0x10000000, 0x200000, BlockSession::user_base + 0x10000000, 0x1000, 0, 0};
    for (std::uint16_t round = 0; round < 3; ++round) {
        const auto index = static_cast<std::uint16_t>(9 * round);
        builder.request(Request::ADD_MEM_REG, protocol::serialise_region(more, false), {30U + round});
        write_blocks(builder, index, 4);
        // in the region that has just come
        const Bytes data(512, std::byte{0x77});
        builder.chains(
            0, {BlockSession::write_request(0, static_cast<std::uint16_t>(index + 4), 100, more.guest_address, data)});
        builder.chains(0, {used_entry(0, static_cast<std::uint16_t>(index + 4), literal(Bytes(1)))});
        builder.request(Request::REM_MEM_REG, protocol::serialise_region(more, false));
        write_blocks(builder, static_cast<std::uint16_t>(index + 5), 4);
    }
    const Report report = replay_against_block_back_end(builder);
    EXPECT_EQ(report.divergence_count, 0U) << to_text(report);
    EXPECT_EQ(report.chains_completed, 27U);
    EXPECT_EQ(report.back_end.state, BackEndOutcome::State::alive);
}

// The buffer that comes back is the one this back-end gave, with its size, not the recorded ones.
TEST_F(SessionCases, InflightBufferIsHandedBackAsThisBackEndGaveIt) {
    SessionBuilder builder;
    builder.add(trace::SessionRecord{trace::SessionRecord::Kind::opened, {}});
    builder.request(Request::GET_INFLIGHT_FD, protocol::serialise(protocol::Inflight{0, 0, 2, 128}));
    trace::MessageRecord answer;
    answer.sender = Side::back_end;
    answer.bytes = session::testing::message_bytes(static_cast<std::uint32_t>(Request::GET_INFLIGHT_FD), 5,
                                                   protocol::serialise(protocol::Inflight{4096, 0, 2, 128}));
    answer.descriptors = {{7, {}}};
    builder.add(answer);
    builder.request(Request::SET_INFLIGHT_FD, protocol::serialise(protocol::Inflight{4096, 0, 2, 128}), {7});

    struct stat given {};
    struct stat returned {};
    std::optional<protocol::Inflight> payload;
    Report report;
    {
        ScriptedBackEnd back_end([&](FileDescriptor socket) {
            MessageAssembler assembler;
            const auto file = create_memory_file("inflight", 12288);
            (void)::fstat(file->number(), &given);
            while (const auto message = next_message(socket, assembler)) {
                if (is(*message, Request::GET_INFLIGHT_FD)) {
                    const std::array numbers{file->number()};
                    const Bytes reply =
                        serialise_message({31, 5, 24}, protocol::serialise(protocol::Inflight{8192, 4096, 2, 128}));
                    (void)send_until(socket, reply, numbers, Clock::now() + milliseconds(1000));
                } else if (is(*message, Request::SET_INFLIGHT_FD) && message->descriptors.size() == 1) {
                    (void)::fstat(message->descriptors[0].number(), &returned);
                    payload = *protocol::parse_inflight(message->payload);
                }
            }
        });
        report = replay(builder, std::move(back_end.front_end));
    }
    EXPECT_EQ(report.divergence_count, 0U) << to_text(report);
    EXPECT_EQ(report.replies_compared, 1U);
    ASSERT_TRUE(payload);
    EXPECT_EQ(payload->mmap_size, 8192U);
    EXPECT_EQ(payload->mmap_offset, 4096U);
    EXPECT_NE(given.st_ino, 0U);
    EXPECT_EQ(returned.st_ino, given.st_ino);
}

// As after a reconnect: the buffer comes from a session that is not in this trace.
TEST_F(SessionCases, InflightBufferOfAnEarlierSessionIsAsLargeAsAnnounced) {
    SessionBuilder builder;
    builder.add(trace::SessionRecord{trace::SessionRecord::Kind::opened, {}});
    builder.request(Request::SET_INFLIGHT_FD, protocol::serialise(protocol::Inflight{8192, 4096, 2, 128}), {7});
    off_t size = 0;
    {
        ScriptedBackEnd back_end([&](FileDescriptor socket) {
            MessageAssembler assembler;
            while (const auto message = next_message(socket, assembler)) {
                struct stat status {};
                if (!message->descriptors.empty() && ::fstat(message->descriptors[0].number(), &status) == 0) {
                    size = status.st_size;
                }
            }
        });
        (void)replay(builder, std::move(back_end.front_end));
    }
    EXPECT_EQ(size, 12288);
}

TEST_F(SessionCases, ShutsDownForWritingWhereTheFrontEndDid) {
    for (const Side side : {Side::front_end, Side::back_end}) {
        SCOPED_TRACE(name_of(side));
        SessionBuilder builder;
        begin_session(builder);
        builder.add(trace::SessionRecord{trace::SessionRecord::Kind::half_closed, {{"side", name_of(side)}}});
        builder.message(Side::back_end, Request::SET_OWNER, protocol::version_1 | protocol::reply_flag,
                        protocol::serialise_u64(0));
        Report report;
        {
            ScriptedBackEnd back_end([&](FileDescriptor socket) {
                MessageAssembler assembler;
                while (next_message(socket, assembler)) {
                }
                // the end of the stream was seen: an answer still goes through
                const Bytes reply = serialise_message({3, 5, 8}, protocol::serialise_u64(0));
                (void)send_until(socket, reply, {}, Clock::now() + milliseconds(1000));
            });
            report = replay(builder, std::move(back_end.front_end), milliseconds(200));
        }
        const bool shut = side == Side::front_end;
        EXPECT_EQ(report.replies_compared, shut ? 1U : 0U) << to_text(report);
        EXPECT_EQ(report.back_end.state, shut ? BackEndOutcome::State::alive : BackEndOutcome::State::hung);
    }
}

TEST_F(SessionCases, ChainsNeverCompletedInTheTraceAreNotAwaited) {
    SessionBuilder builder;
    begin_session(builder);
    write_blocks(builder, 0, 2);
    for (std::uint16_t i = 0; i < 3; ++i) {
        const auto head = static_cast<std::uint16_t>(3 * (i + 1));
        builder.chains(0, {BlockSession::write_request(head, static_cast<std::uint16_t>(2 + i), 4,
                                                       buffers + (i + 1U) * 0x2000, Bytes(512))});
    }
    builder.add(trace::SessionRecord{trace::SessionRecord::Kind::closed, {{"reason", "reset"}}});
    // A back-end that answers them, and one that never answers anything.
    const Report answered = replay_against_block_back_end(builder);
    EXPECT_EQ(answered.divergence_count, 0U) << to_text(answered);
    EXPECT_EQ(answered.chains_completed, 5U) << "it had the time to answer";
    EXPECT_EQ(answered.chains_in_flight, 3U);
    EXPECT_THAT(to_text(answered), HasSubstr("chains without a completion in the trace: 3"));

    SessionBuilder silent;
    begin_session(silent);
    silent.chains(0, {BlockSession::write_request(0, 0, 4, buffers, Bytes(512))});
    auto pair = create_socket_pair();
    ASSERT_TRUE(pair);
    const Report unanswered = replay(silent, std::move(pair->first), milliseconds(50));
    EXPECT_EQ(unanswered.divergence_count, 0U) << to_text(unanswered);
    EXPECT_EQ(unanswered.back_end.state, BackEndOutcome::State::alive);
}

// What killed the recorded back-end is the last thing in the trace, and is to kill this one, too.
TEST_F(SessionCases, BackEndGetsTheTimeToDieOfTheLastChain) {
    SessionBuilder builder;
    begin_session(builder);
    builder.chains(0, {BlockSession::write_request(0, 0, 4, buffers, Bytes(512))});
    builder.add(trace::SessionRecord{trace::SessionRecord::Kind::closed, {{"reason", "back-end closed"}}});
    ScriptedBackEnd back_end([](FileDescriptor socket) {
        MessageAssembler assembler;
        while (const auto message = next_message(socket, assembler)) {
            if (is(*message, Request::SET_VRING_KICK)) {
                pollfd kick{message->descriptors[0].number(), POLLIN, 0};
                EXPECT_EQ(::poll(&kick, 1, 10'000), 1);
                return;
            }
        }
    });
    const Report report = replay(builder, std::move(back_end.front_end));
    EXPECT_EQ(report.back_end.state, BackEndOutcome::State::disconnected) << to_text(report);
    EXPECT_EQ(report.chains_in_flight, 1U);
}

// Receive buffers: only the recorded world outside made the device use them.
TEST_F(SessionCases, BuffersThatTheDeviceDoesNotFillAreNoHang) {
    SessionBuilder builder;
    begin_session(builder);
    const auto offer = [&](std::uint16_t head, std::uint16_t index) {
        builder.chains(0, {available_entry(head, index, {{buffers + head * 0x1000U, 1500, 2, 0}}, {})});
    };
    for (std::uint16_t head = 0; head < 4; ++head) {
        offer(head, head);
    }
    for (std::uint16_t i = 0; i < 8; ++i) {  // each filled and offered again
        builder.chains(0, {used_entry(i % 4, i, literal(Bytes(60)))});
        offer(i % 4, static_cast<std::uint16_t>(4 + i));
    }
    builder.add(trace::SessionRecord{trace::SessionRecord::Kind::closed, {}});
    auto pair = create_socket_pair();
    ASSERT_TRUE(pair);
    const Report report = replay(builder, std::move(pair->first), milliseconds(50));
    EXPECT_EQ(report.back_end.state, BackEndOutcome::State::alive) << to_text(report);
    EXPECT_EQ(report.divergence_count, 0U);
    EXPECT_EQ(report.chains_submitted, 4U);
    EXPECT_EQ(report.chains_not_filled, 8U);
    EXPECT_EQ(report.skipped[static_cast<std::size_t>(SkipReason::device_holds)].count, 8U);
    EXPECT_THAT(to_text(report), HasSubstr("the device fills these buffers by itself"));
}

TEST_F(SessionCases, StopsAtADivergenceInTheMiddle) {
    SessionBuilder builder;
    begin_session(builder);
    write_blocks(builder, 0, 2);
    builder.chains(0, {BlockSession::write_request(0, 2, UINT32_MAX, buffers, Bytes(512))});  // beyond the disk
    builder.chains(0, {used_entry(0, 2, literal(Bytes(1)))});
    write_blocks(builder, 3, 5);
    const std::string path = folder_.file("trace.pcap");
    ASSERT_TRUE(builder.write_to(path));
    const auto preview = preview_trace(path, std::nullopt);
    ASSERT_TRUE(preview);
    for (const bool stop : {true, false}) {
        BlockBackendOptions back_end;
        back_end.image = testing::create_image(folder_, "disk.img", 2U << 20U);
        testing::ServedBackend served(back_end);
        ReplayOptions options;
        options.time_scale = 0;
        options.stop_on_divergence = stop;
        const auto report = Replayer(Connection(std::move(served.front_end)), *preview, options).run(path);
        ASSERT_TRUE(report);
        EXPECT_EQ(report->divergence_count, 1U) << to_text(*report);
        EXPECT_EQ(report->chains_submitted, stop ? 3U : 8U);
    }
}

// --- Sizes that no machine has

TEST(PreviewTrace, RefusesMemoryThatNoProcessCouldAddress) {
    using R = Request;
    using protocol::MemoryRegion;
    struct Case {
        R request;
        Bytes payload;
        bool possible;
    };
    constexpr std::uint64_t most = most_addressable_bytes;
    const auto region = [](std::uint64_t size, std::uint64_t offset) { return MemoryRegion{0, size, 0, offset, 0, 0}; };
    const testing::TemporaryFolder folder;
    for (const Case& each :
         {Case{R::ADD_MEM_REG, protocol::serialise_region(region(std::uint64_t{1} << 60U, 0), false), false},
          Case{R::ADD_MEM_REG, protocol::serialise_region(region(most, 0), false), true},
          Case{R::ADD_MEM_REG, protocol::serialise_region(region(most, 4096), false), false},
          Case{R::ADD_MEM_REG, protocol::serialise_region(region(UINT64_MAX, 4096), false), false},
          Case{R::SET_MEM_TABLE, protocol::serialise_regions({region(4096, 0), region(most + 1, 0)}, false), false},
          Case{R::SET_LOG_BASE, protocol::serialise(protocol::Log{most + 1, 0}), false},
          Case{R::SET_INFLIGHT_FD, protocol::serialise(protocol::Inflight{most + 1, 0, 1, 128}), false}}) {
        SessionBuilder builder;
        builder.request(R::SET_OWNER);
        builder.request(each.request, each.payload, {1, 2});
        const std::string path = folder.file("trace.pcap");
        ASSERT_TRUE(builder.write_to(path));
        const auto preview = preview_trace(path, std::nullopt);
        ASSERT_EQ(preview.has_value(), each.possible) << static_cast<std::uint32_t>(each.request);
        if (!preview) {
            EXPECT_EQ(preview.error().code, ErrorCode::bad_input);
            EXPECT_THAT(preview.error().text, HasSubstr("record 2: "));
        }
    }
}

TEST(GuestFiles, AFileThatWasLargerThanAnyMemoryIsNot) {
    GuestFiles files;
    const auto file = files.file_for({1, {DescriptorKind::file, 0, 0, 1, 77, UINT64_MAX}}, 4096);
    ASSERT_TRUE(file) << describe(file.error());
    EXPECT_EQ(describe_descriptor(**file).size, most_addressable_bytes);
}

// --- Meeting the back-end

TEST(ConnectionOpen, ListensForTheBackEnd) {
    const testing::TemporaryFolder folder;
    const std::string path = folder.file("socket");
    std::thread back_end([&path] {
        Result<FileDescriptor> socket = tl::unexpected(Error{});
        const auto deadline = Clock::now() + std::chrono::seconds(20);
        while (!(socket = connect_to(path)) && Clock::now() < deadline) {
            std::this_thread::yield();
        }
        ASSERT_TRUE(socket);
        (void)send_until(*socket, serialise_message({1, 5, 8}, protocol::serialise_u64(42)), {}, deadline);
    });
    auto connection = Connection::open({Endpoint::Kind::listen, path, -1}, Clock::now() + std::chrono::seconds(20));
    back_end.join();
    ASSERT_TRUE(connection) << describe(connection.error());
    const auto message = connection->receive(Clock::now() + std::chrono::seconds(20));
    ASSERT_TRUE(message) << describe(message.error());
    EXPECT_EQ(*protocol::parse_u64(message->payload), 42U);
    EXPECT_FALSE(std::filesystem::exists(path)) << "the socket's file goes when it has served";
}

TEST(ConnectionOpen, SaysThatNobodyConnected) {
    const testing::TemporaryFolder folder;
    const auto connection = Connection::open({Endpoint::Kind::listen, folder.file("socket"), -1}, Clock::now());
    ASSERT_FALSE(connection);
    EXPECT_EQ(connection.error().code, ErrorCode::timeout);
}

TEST(ConnectionOpen, TakesOverAnInheritedSocketAndNothingElse) {
    auto pair = create_socket_pair();
    ASSERT_TRUE(pair);
    const int number = pair->first.release();
    auto connection = Connection::open({Endpoint::Kind::inherited, "", number}, Clock::now());
    ASSERT_TRUE(connection) << describe(connection.error());
    ASSERT_TRUE(connection->send({1, 1, 0}, {}, {}, Clock::now() + std::chrono::seconds(20)));
    MessageAssembler assembler;
    EXPECT_TRUE(next_message(pair->second, assembler));
    const auto event = create_event_descriptor();
    ASSERT_TRUE(event);
    for (const int wrong : {event->number(), 1'000'000}) {
        const auto refused = Connection::open({Endpoint::Kind::inherited, "", wrong}, Clock::now());
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, ErrorCode::usage);
    }
}

}  // namespace
}  // namespace vutrace::replay
