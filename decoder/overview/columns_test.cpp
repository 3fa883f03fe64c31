#include "vutrace/overview/columns.h"

#include <vutrace/session/testing/session_builder.h>

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace vutrace::overview {
namespace {

using session::testing::BlockSession;
using session::testing::literal;
using session::testing::SessionBuilder;
using session::testing::used_entry;

// A trace in a file: chains one after the other, each used 1 µs after it was made available.
class ColumnsTest : public ::testing::Test {
  protected:
    void TearDown() override { std::filesystem::remove(path_); }

    void write_trace(std::uint32_t rounds, PyramidLimits limits = {}) {
        BlockSession::start(builder_);
        first_chain_ = builder_.last_sequence() + 1;
        for (std::uint32_t i = 0; i < rounds; ++i) {
            const auto index = static_cast<std::uint16_t>(i);
            builder_.chains(0, {BlockSession::write_request(0, index, i, 0x100000, Bytes(16))});
            builder_.chains(0, {used_entry(0, index, literal(Bytes(1)))});
        }
        ASSERT_TRUE(builder_.write_to(path_));
        index_ = std::make_shared<index::TraceIndex>(path_);
        OverviewBuilder builder(limits);
        ASSERT_TRUE(index_->build(
            {}, [&](const auto& annotation, const auto& annotator) { builder.add(annotation, annotator); }));
        builder.publish();
        overview_ = builder.published();
    }
    [[nodiscard]] LaneId lane(LaneKind kind) const {
        const bool of_session = kind < LaneKind::available;
        return Lanes::lane(*overview_->lanes.find({1, of_session ? trace::no_queue : std::uint16_t{0}}), kind);
    }
    [[nodiscard]] double end() const { return static_cast<double>(overview_->end_time - overview_->start_time); }
    [[nodiscard]] std::uint64_t count(const Columns& columns, std::size_t slot) const {
        std::uint64_t sum = 0;
        for (const Column& column : columns.of(slot)) {
            sum += column.summary.count;
        }
        return sum;
    }
    void read_all(Columns& columns) {
        index::Cursor cursor(index_);
        for (const auto& leaf : columns.unread()) {
            auto marks = read_marks(cursor, *overview_, *leaf);
            ASSERT_TRUE(marks);
            cache_.add(*leaf, std::move(*marks));
        }
    }

    SessionBuilder builder_;
    std::uint64_t first_chain_{0};
    std::shared_ptr<index::TraceIndex> index_;
    std::shared_ptr<const Overview> overview_;
    MarkCache cache_;
    const std::string path_ = ::testing::TempDir() + "columns_test." + std::to_string(getpid()) + ".pcap";
};

TEST_F(ColumnsTest, AWholeTraceIsInItsColumnsFromItsSumsAlone) {
    write_trace(20000);
    Columns columns;
    columns.fill(*overview_, {0, end() / 100, 101}, {lane(LaneKind::available), lane(LaneKind::latency)}, cache_);
    EXPECT_EQ(count(columns, 0), 20000U);
    EXPECT_TRUE(columns.unread().empty()) << "nothing has to be read for it";
    EXPECT_EQ(columns.of(1)[50].summary.largest, 1000U);
    EXPECT_NEAR(static_cast<double>(columns.of(0)[50].summary.count), 200, 70);
}

TEST_F(ColumnsTest, DeepInItIsBlurredUntilItsRecordsAreRead) {
    write_trace(20000);
    const std::vector<LaneId> lanes{lane(LaneKind::available), lane(LaneKind::used)};
    // 20 records of 1 µs in 2000 columns, around the middle.
    const TimeView view{10'000'000, 10, 2000};
    Columns columns;
    columns.fill(*overview_, view, lanes, cache_);
    ASSERT_FALSE(columns.unread().empty());
    EXPECT_TRUE(columns.of(0)[1000].blurred);
    read_all(columns);
    columns.fill(*overview_, view, lanes, cache_);
    EXPECT_TRUE(columns.unread().empty());
    EXPECT_EQ(count(columns, 0), 10U);
    EXPECT_EQ(count(columns, 1), 10U);
    for (const Column& column : columns.of(0)) {
        EXPECT_FALSE(column.blurred);
    }
    // The records stand where their times say.
    std::int64_t expected = -1;
    for (const trace::Record& record : builder_.records()) {
        if (record.time - SessionBuilder::first_time >= 10'000'000 && record.sequence % 2 == first_chain_ % 2) {
            expected = (record.time - SessionBuilder::first_time - 10'000'000) / 10;
            EXPECT_EQ(columns.of(0)[static_cast<std::size_t>(expected)].summary.first_row, record.sequence);
            break;
        }
    }
    EXPECT_GE(expected, 0);
}

TEST_F(ColumnsTest, MessagesReadOneByOneHaveTheirNames) {
    write_trace(10);
    Columns columns;
    const TimeView view{-500, 100, 40};
    const std::vector<LaneId> lanes{lane(LaneKind::front_end_channel)};
    columns.fill(*overview_, view, lanes, cache_);
    read_all(columns);
    columns.fill(*overview_, view, lanes, cache_);
    EXPECT_EQ(columns.of(0)[15].label, "GET_FEATURES");
    EXPECT_FALSE(columns.of(0)[15].answers);
    EXPECT_EQ(columns.of(0)[25].label, "GET_FEATURES");
    EXPECT_TRUE(columns.of(0)[25].answers);
    EXPECT_EQ(columns.of(0)[5].summary.count, 0U);
}

TEST_F(ColumnsTest, WhatHoldsSinceBeforeTheViewIsKnown) {
    write_trace(1000);
    Columns columns;
    const std::vector<LaneId> lanes{lane(LaneKind::memory), lane(LaneKind::depth), lane(LaneKind::loss)};
    const TimeView behind{end() + 100, 10, 100};
    columns.fill(*overview_, behind, lanes, cache_);
    EXPECT_EQ(columns.value_before(0), 2U);
    EXPECT_EQ(columns.value_before(1), 0U);
    EXPECT_EQ(columns.value_before(2), std::nullopt);
    columns.fill(*overview_, {-100, 1, 10}, lanes, cache_);
    EXPECT_EQ(columns.value_before(0), std::nullopt);
    // In the middle of a round, between available and used: the leaf has to be read for that.
    const auto offered = static_cast<double>(builder_.records()[first_chain_ + 99].time - SessionBuilder::first_time);
    const TimeView between{offered + 100, 1, 100};
    columns.fill(*overview_, between, lanes, cache_);
    read_all(columns);
    columns.fill(*overview_, between, lanes, cache_);
    EXPECT_EQ(columns.value_before(1),
              first_chain_ % 2 == builder_.records()[first_chain_ + 99].sequence % 2 ? 1U : 0U);
}

TEST_F(ColumnsTest, TooManyRecordsForOneViewAreNotRead) {
    write_trace(100000, {1024, 1U << 30U, 1000, 100000});
    Columns columns;
    columns.fill(*overview_, {0, end() / 20000, 20000}, {lane(LaneKind::available)}, cache_);
    std::uint64_t rows = 0;
    for (const auto& leaf : columns.unread()) {
        rows += leaf->rows;
    }
    EXPECT_LE(rows, Columns::most_rows);
    EXPECT_GT(count(columns, 0), 90000U);
}

TEST_F(ColumnsTest, AViewWithoutColumnsOrLanesIsEmpty) {
    write_trace(10);
    Columns columns;
    columns.fill(*overview_, {0, 1, 0}, {lane(LaneKind::available)}, cache_);
    EXPECT_TRUE(columns.of(0).empty());
    columns.fill(*overview_, {0, 1, 10}, {}, cache_);
    columns.fill(Overview(), {0, 1, 10}, {3}, cache_);
    EXPECT_EQ(columns.of(0)[0].summary.count, 0U);
}

TEST_F(ColumnsTest, TheNearestMarkOutsideTheViewIsFound) {
    write_trace(100);
    const LaneId available = lane(LaneKind::available);
    EXPECT_EQ(nearest_row(*overview_, available, -1, true), first_chain_);
    EXPECT_EQ(nearest_row(*overview_, available, end() + 1, true), std::nullopt);
    EXPECT_TRUE(nearest_row(*overview_, available, end() + 1, false));
    EXPECT_EQ(nearest_row(*overview_, available, 0, false), std::nullopt);
}

TEST(MarkCache, ForgetsWhatWasNotLookedAtForLongest) {
    MarkCache cache(10);
    std::vector<Node> leaves(4);
    for (std::size_t i = 0; i < leaves.size(); ++i) {
        leaves[i].first_row = i + 1;
        leaves[i].last_row = i + 1;
    }
    cache.add(leaves[0], Marks(4));
    cache.add(leaves[1], Marks(4));
    EXPECT_NE(cache.find(leaves[0]), nullptr);
    cache.add(leaves[2], Marks(4));
    EXPECT_NE(cache.find(leaves[0]), nullptr);
    EXPECT_EQ(cache.find(leaves[1]), nullptr);
    cache.add(leaves[3], Marks(100));
    EXPECT_NE(cache.find(leaves[3]), nullptr) << "what was read last is kept, however much it is";
    EXPECT_EQ(cache.size(), 100U);
    leaves[3].last_row = 9;
    EXPECT_EQ(cache.find(leaves[3]), nullptr) << "another leaf by now, joined with its neighbour";
}

}  // namespace
}  // namespace vutrace::overview
