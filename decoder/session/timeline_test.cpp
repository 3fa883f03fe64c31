#include "vutrace/session/timeline.h"

#include "vutrace/session/testing/session_builder.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

namespace vutrace::session {
namespace {

using testing::BlockSession;
using testing::literal;
using testing::SessionBuilder;
using testing::used_entry;

class TimelineTest : public ::testing::Test {
  protected:
    void TearDown() override { std::filesystem::remove(path_); }

    // A session of `rounds` rounds: two writes offered in one record, used in the other order, memory and events.
    void write_trace(std::uint32_t rounds) {
        BlockSession::start(builder_);
        for (std::uint32_t i = 0; i < rounds; ++i) {
            const auto index = static_cast<std::uint16_t>(i * 2);
            const auto next = static_cast<std::uint16_t>(index + 1);
            const Bytes data(64, static_cast<std::byte>(i));
            const std::uint64_t buffers = 0x100000 + (i % 64) * 0x10000;
            builder_.chains(0, {BlockSession::write_request(0, index, i, buffers, data),
                                BlockSession::write_request(3, next, i, buffers + 0x4000, data)});
            builder_.add(trace::EventRecord{trace::EventRecord::Kind::kick, 0, 1});
            builder_.chains(0, {used_entry(3, index, literal(Bytes(1))), used_entry(0, next, literal(Bytes(1)))});
            if (i % 10 == 9) {
                BlockSession::stop_queue(builder_, 0, static_cast<std::uint32_t>(next) + 1);
                BlockSession::start_queue(builder_, 0, static_cast<std::uint32_t>(next) + 1);
            }
        }
        ASSERT_TRUE(builder_.write_to(path_));
    }

    // The states that a single pass goes through: number i is that after sequence i.
    [[nodiscard]] std::vector<Tracker> linear_pass() const {
        std::vector<Tracker> states(1);
        for (const trace::Record& record : builder_.records()) {
            const Tracker before = states.back();
            for (std::size_t entry = 1; entry <= trace::sequence_count(record); ++entry) {
                states.push_back(before);
                (void)states.back().apply_first(record, entry);
            }
        }
        return states;
    }

    SessionBuilder builder_;
    std::string path_ = ::testing::TempDir() + "timeline_test." + std::to_string(getpid()) + ".pcap";
};

void expect_same(const Tracker& actual, const Tracker& expected, std::uint64_t sequence) {
    ASSERT_EQ(actual.sessions().size(), expected.sessions().size()) << sequence;
    for (const auto& [number, wanted] : expected.sessions()) {
        const SessionState& given = *actual.session(number);
        EXPECT_EQ(given.messages, wanted.messages) << sequence;
        EXPECT_EQ(given.device.epoch(), wanted.device.epoch()) << sequence;
        EXPECT_EQ(given.device.queue(0) != nullptr, wanted.device.queue(0) != nullptr) << sequence;
        EXPECT_EQ(given.device.split_ring(0), wanted.device.split_ring(0)) << sequence;
        ASSERT_EQ(given.queues.size(), wanted.queues.size()) << sequence;
        for (const auto& [index, queue] : wanted.queues) {
            const QueueProgress& other = given.queues.at(index);
            EXPECT_EQ(other.next_available, queue.next_available) << sequence;
            EXPECT_EQ(other.next_used, queue.next_used) << sequence;
            EXPECT_EQ(other.kicks, queue.kicks) << sequence;
            ASSERT_EQ(other.open.size(), queue.open.size()) << sequence;
            for (const auto& [head, chain] : queue.open) {
                EXPECT_EQ(other.open.at(head).sequence, chain.sequence) << sequence;
                EXPECT_EQ(other.open.at(head).entry, chain.entry) << sequence;
            }
        }
        for (const std::uint64_t address :
             {std::uint64_t{0x100000}, std::uint64_t{0x154000}, BlockSession::descriptor}) {
            Bytes given_bytes(0x2000);
            Bytes wanted_bytes(0x2000);
            std::vector<bool> given_known;
            std::vector<bool> wanted_known;
            given.memory.read_known(address, given_bytes, given_known);
            wanted.memory.read_known(address, wanted_bytes, wanted_known);
            ASSERT_EQ(given_known, wanted_known) << sequence;
            ASSERT_EQ(given_bytes, wanted_bytes) << sequence;
        }
    }
}

TEST_F(TimelineTest, EqualsALinearPassAtEveryNumberInAnyOrder) {
    write_trace(40);
    const std::vector<Tracker> expected = linear_pass();
    const std::uint64_t last = builder_.last_sequence();
    ASSERT_EQ(expected.size(), last + 1);
    for (const std::uint64_t stride :
         {std::uint64_t{1}, last - 1, std::uint64_t{37}}) {  // forward, backward, scattered
        auto timeline = Timeline::open(path_, {16, UINT64_MAX, 1024, UINT64_MAX});
        ASSERT_TRUE(timeline);
        for (std::uint64_t i = 0; i < last; ++i) {
            const std::uint64_t sequence = i * stride % last + 1;
            const auto state = timeline->state_after(sequence);
            ASSERT_TRUE(state) << describe(state.error());
            expect_same(*state, expected[sequence], sequence);
        }
        EXPECT_GE(timeline->checkpoint_count(), last / 32);
    }
}

TEST_F(TimelineTest, ReadsOnlyFromTheNearestCheckpoint) {
    write_trace(1000);
    const std::uint64_t last = builder_.last_sequence();
    auto timeline = Timeline::open(path_, {64, UINT64_MAX, 1024, UINT64_MAX});
    ASSERT_TRUE(timeline);
    ASSERT_TRUE(timeline->state_after(last));
    EXPECT_EQ(timeline->records_read(), builder_.records().size());
    for (const std::uint64_t sequence : {last, last - 1, last / 2, last / 2 + 3, std::uint64_t{5}}) {
        const std::uint64_t before = timeline->records_read();
        ASSERT_TRUE(timeline->state_after(sequence));
        EXPECT_LE(timeline->records_read() - before, 66U) << sequence;
    }
    ASSERT_TRUE(timeline->state_after(last / 2));
    const std::uint64_t before = timeline->records_read();
    ASSERT_TRUE(timeline->state_after(last / 2 + 1));
    EXPECT_LE(timeline->records_read() - before, 2U) << "the next number is next door";
}

TEST_F(TimelineTest, GivesUpCheckpointsRatherThanMemory) {
    write_trace(500);
    auto timeline = Timeline::open(path_, {8, UINT64_MAX, 10, UINT64_MAX});
    ASSERT_TRUE(timeline->state_after(builder_.last_sequence()));
    EXPECT_LE(timeline->checkpoint_count(), 10U);
    EXPECT_GE(timeline->checkpoint_count(), 4U);
    auto poor = Timeline::open(path_, {8, UINT64_MAX, 1024, 1U << 20U});
    ASSERT_TRUE(poor->state_after(builder_.last_sequence()));
    EXPECT_LT(poor->checkpoint_count(), 64U) << "every checkpoint of this trace needs some pages";
    const auto state = poor->state_after(100);
    ASSERT_TRUE(state);
    expect_same(*state, linear_pass()[100], 100);
}

TEST_F(TimelineTest, MakesCheckpointsByBytesToo) {
    write_trace(100);
    auto timeline = Timeline::open(path_, {UINT64_MAX, 4096, 1024, UINT64_MAX});
    ASSERT_TRUE(timeline->state_after(builder_.last_sequence()));
    EXPECT_GT(timeline->checkpoint_count(), 10U);
}

TEST_F(TimelineTest, SaysHowManyRecordsThereAre) {
    write_trace(1);
    auto timeline = Timeline::open(path_);
    const std::uint64_t last = builder_.last_sequence();
    EXPECT_EQ(timeline->state_after(0).error().code, ErrorCode::usage);
    const auto beyond = timeline->state_after(last + 1);
    ASSERT_FALSE(beyond);
    EXPECT_EQ(beyond.error().code, ErrorCode::usage);
    EXPECT_NE(beyond.error().text.find(std::to_string(last)), std::string::npos) << beyond.error().text;
    EXPECT_TRUE(timeline->state_after(last)) << "the timeline is still usable";
    EXPECT_FALSE(Timeline::open(path_ + ".none"));
}

TEST_F(TimelineTest, GoesAsFarAsATornTrace) {
    write_trace(20);
    std::filesystem::resize_file(path_, std::filesystem::file_size(path_) - 3);
    auto timeline = Timeline::open(path_);
    EXPECT_FALSE(timeline->state_after(builder_.last_sequence() + 1));
    EXPECT_TRUE(timeline->problems().torn);
    ASSERT_TRUE(timeline->state_after(3));
    EXPECT_TRUE(timeline->problems().torn) << "reading again does not hide it";
}

TEST_F(TimelineTest, ReadsCompressedTracesFromTheFront) {
    write_trace(30);
    const std::string command = "zstd -q --rm " + path_;
    if (std::system(command.c_str()) != 0) {  // NOLINT: a test's own fixed command
        GTEST_SKIP() << "the zstd program is missing";
    }
    const std::string compressed = path_ + ".zst";
    auto timeline = Timeline::open(compressed, {16, UINT64_MAX, 1024, UINT64_MAX});
    ASSERT_TRUE(timeline) << describe(timeline.error());
    const std::vector<Tracker> expected = linear_pass();
    for (const std::uint64_t sequence : {builder_.last_sequence(), std::uint64_t{50}, std::uint64_t{20}}) {
        const auto state = timeline->state_after(sequence);
        ASSERT_TRUE(state) << describe(state.error());
        expect_same(*state, expected[sequence], sequence);
    }
    std::filesystem::remove(compressed);
}

TEST_F(TimelineTest, AStopEndsAQueryAndTheNextGoesOnFromThere) {
    write_trace(3000);
    auto timeline = Timeline::open(path_);
    std::stop_source stop;
    const auto stopped = timeline->state_after(
        builder_.last_sequence(), [&](std::uint64_t, std::uint64_t) { stop.request_stop(); }, stop.get_token());
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().code, ErrorCode::limit);
    const std::uint64_t known = timeline->records_known();
    EXPECT_GT(known, 0U);
    EXPECT_LT(known, builder_.last_sequence());
    EXPECT_FALSE(timeline->state_after(known / 2, {}, stop.get_token()));
    ASSERT_TRUE(timeline->state_after(builder_.last_sequence()));
    EXPECT_EQ(timeline->records_known(), builder_.last_sequence());
    EXPECT_EQ(timeline->records_read(), builder_.records().size()) << "nothing was read twice";
}

TEST_F(TimelineTest, OfTheRingsAloneItKeepsTheRingsAndNoBuffers) {
    write_trace(30);
    trace::MemoryRecord page;
    page.address = BlockSession::descriptor;
    page.content.add_literal(Bytes(4096, std::byte{7}));
    builder_.add(page);
    page.address = 0x200000;
    builder_.add(page);
    ASSERT_TRUE(builder_.write_to(path_));
    auto whole = Timeline::open(path_);
    auto rings = Timeline::open(path_, {}, MemoryTracking::rings);
    const std::uint64_t last = builder_.last_sequence();
    for (std::uint64_t sequence = 1; sequence <= last; sequence += 3) {
        const auto expected = whole->state_after(sequence);
        const auto actual = rings->state_after(sequence);
        ASSERT_TRUE(expected && actual);
        for (const std::uint64_t address : {BlockSession::descriptor, BlockSession::available, BlockSession::used}) {
            Bytes given(0x800);
            Bytes wanted(0x800);
            std::vector<bool> given_known;
            std::vector<bool> wanted_known;
            actual->session(1)->memory.read_known(address, given, given_known);
            expected->session(1)->memory.read_known(address, wanted, wanted_known);
            ASSERT_EQ(given_known, wanted_known) << sequence;
            ASSERT_EQ(given, wanted) << sequence;
        }
    }
    Bytes byte(1);
    EXPECT_TRUE(whole->state_after(last)->session(1)->memory.read(0x200000, byte));
    EXPECT_FALSE(rings->state_after(last)->session(1)->memory.read(0x200000, byte));
    EXPECT_FALSE(rings->state_after(last)->session(1)->memory.read(0x101000, byte)) << "a buffer";
}

}  // namespace
}  // namespace vutrace::session
