#include "vutrace/overview/pyramid.h"

#include <gtest/gtest.h>

#include <functional>

namespace vutrace::overview {
namespace {

Mark mark(std::int64_t time, std::uint64_t row, LaneId lane = 0, std::uint64_t value = 1) {
    Mark mark;
    mark.time = time;
    mark.row = row;
    mark.lane = lane;
    mark.value = value;
    return mark;
}

// Records of one mark each.
void add(Pyramid& pyramid, std::uint64_t first_row, std::uint64_t count, std::int64_t from, std::int64_t step) {
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::int64_t time = from + static_cast<std::int64_t>(i) * step;
        pyramid.add(mark(time, first_row + i, 0, i));
        pyramid.end_record(first_row + i, 1, time);
    }
}

void each_leaf(const Node& node, const std::function<void(const Node&)>& visit) {
    if (node.is_leaf()) {
        visit(node);
    }
    for (const auto& child : node.children) {
        each_leaf(*child, visit);
    }
}

// Every sum is that of its children, every child within its parent, and rows follow each other.
void expect_sound(const Node& node) {
    if (node.is_leaf()) {
        return;
    }
    Summary sum;
    std::uint64_t rows = 0;
    std::uint64_t next = node.first_row;
    for (const auto& child : node.children) {
        EXPECT_EQ(child->first_row, next);
        next = child->last_row + 1;
        EXPECT_GE(child->first_time, node.first_time);
        EXPECT_LE(child->last_time, node.last_time);
        rows += child->rows;
        const Summary* part = child->find(0);
        sum.add(part == nullptr ? Summary() : *part);
        expect_sound(*child);
    }
    EXPECT_EQ(node.rows, rows);
    EXPECT_EQ(node.last_row, next - 1);
    if (const Summary* whole = node.find(0)) {
        EXPECT_EQ(whole->count, sum.count);
        EXPECT_EQ(whole->largest, sum.largest);
        EXPECT_EQ(whole->last, sum.last);
        EXPECT_EQ(whole->first_row, sum.first_row);
    }
}

std::uint64_t marks_in(const Node& node) {
    std::uint64_t count = 0;
    each_leaf(node, [&](const Node& leaf) { count += leaf.find(0) == nullptr ? 0 : leaf.find(0)->count; });
    return count;
}

TEST(Pyramid, IsEmptyWithoutRecords) {
    const auto root = Pyramid().snapshot();
    EXPECT_TRUE(root->is_leaf());
    EXPECT_EQ(root->rows, 0U);
}

TEST(Pyramid, AddsUpWhatIsInIt) {
    Pyramid pyramid;
    add(pyramid, 1, 10000, 1000, 10);
    const auto root = pyramid.snapshot();
    expect_sound(*root);
    EXPECT_EQ(root->rows, 10000U);
    EXPECT_EQ(marks_in(*root), 10000U);
    EXPECT_EQ(root->first_time, 1000);
    EXPECT_EQ(root->last_time, 1000 + 9999 * 10);
}

TEST(Pyramid, SummariesKnowLeastLargestLastAndSum) {
    Pyramid pyramid;
    for (const std::uint64_t value : {7U, 3U, 9U, 5U}) {
        Mark one = mark(0, value, 4, value);
        one.bad = value == 9;
        pyramid.add(one);
    }
    pyramid.end_record(1, 1, 0);
    const auto root = pyramid.snapshot();
    const Summary* summary = root->children[0]->find(4);
    ASSERT_NE(summary, nullptr);
    EXPECT_EQ(summary->count, 4U);
    EXPECT_EQ(summary->bad, 1U);
    EXPECT_EQ(summary->first_row, 7U);
    EXPECT_EQ(summary->least, 3U);
    EXPECT_EQ(summary->largest, 9U);
    EXPECT_EQ(summary->last, 5U);
    EXPECT_DOUBLE_EQ(summary->sum, 24);
    EXPECT_EQ(root->children[0]->find(3), nullptr);
    EXPECT_EQ(root->children[0]->find(5), nullptr);
}

TEST(Pyramid, ASnapshotStaysAsItWas) {
    Pyramid pyramid;
    add(pyramid, 1, 100, 0, 10);
    const auto before = pyramid.snapshot();
    add(pyramid, 101, 100000, 1000, 10);
    EXPECT_EQ(marks_in(*before), 100U);
    EXPECT_EQ(marks_in(*pyramid.snapshot()), 100100U);
}

TEST(Pyramid, StaysWithinItsLimitsHoweverMuchComes) {
    Pyramid pyramid({4, 16, 100, 1000});
    for (std::uint64_t i = 0; i < 50; ++i) {
        add(pyramid, 1 + i * 1000, 1000, static_cast<std::int64_t>(i) * 1000000, 7);
        EXPECT_LE(pyramid.leaf_count(), 101U);
    }
    const auto root = pyramid.snapshot();
    expect_sound(*root);
    EXPECT_EQ(marks_in(*root), 50000U);
}

TEST(Pyramid, StaysWithinItsCellsWithManyLanes) {
    Pyramid pyramid({4, 16, 100000, 1000});
    for (std::uint64_t i = 0; i < 20000; ++i) {
        const auto time = static_cast<std::int64_t>(i) * 100;
        pyramid.add(mark(time, i + 1, static_cast<LaneId>(i % 50)));
        pyramid.end_record(i + 1, 1, time);
        ASSERT_LE(pyramid.cell_count(), 1050U);
    }
    expect_sound(*pyramid.snapshot());
}

// Otherwise whoever zooms into the burst would have to read all of it.
TEST(Pyramid, ABurstInSilenceIsNotBlurredNorIsTheTrickleAroundIt) {
    constexpr std::int64_t second = 1'000'000'000;
    Pyramid pyramid({64, 1U << 10U, 1000, 100000});
    add(pyramid, 1, 3600, 0, second);
    add(pyramid, 3601, 100000, 3600 * second, 1000);
    add(pyramid, 103601, 3600, 3601 * second, second);
    const auto root = pyramid.snapshot();
    expect_sound(*root);
    each_leaf(*root, [&](const Node& leaf) {
        EXPECT_LE(leaf.rows, 2000U);
        EXPECT_LE(leaf.last_time - leaf.first_time, 60 * second);
    });
}

TEST(Pyramid, ARecordIsNeverCut) {
    Pyramid pyramid({4, 1000, 100, 1000});
    std::uint64_t row = 1;
    for (int i = 0; i < 30; ++i) {
        pyramid.add(mark(i * 10, row));
        pyramid.end_record(row, 7, i * 10);
        row += 7;
    }
    each_leaf(*pyramid.snapshot(), [](const Node& leaf) { EXPECT_EQ(leaf.rows, 7U); });
}

TEST(Pyramid, TimesThatNoClockShowsOverflowNothing) {
    Pyramid pyramid({1, 1, 2, 10});
    for (const std::int64_t time : {INT64_MIN, std::int64_t{0}, INT64_MAX, INT64_MAX, INT64_MAX}) {
        pyramid.add(mark(time, 1));
        pyramid.end_record(1, 1, time);
    }
    EXPECT_EQ(marks_in(*pyramid.snapshot()), 5U);
}

}  // namespace
}  // namespace vutrace::overview
