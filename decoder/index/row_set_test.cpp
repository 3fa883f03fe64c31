#include "vutrace/index/row_set.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace vutrace::index {
namespace {

void expect_same(const RowSet& set, const std::vector<std::uint64_t>& rows) {
    ASSERT_EQ(set.size(), rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        ASSERT_EQ(set.at(i), rows[i]) << i;
        ASSERT_EQ(set.count_before(rows[i]), i);
        ASSERT_EQ(set.count_before(rows[i] + 1), i + 1);
        ASSERT_TRUE(set.contains(rows[i]));
    }
    EXPECT_EQ(set.at(rows.size()), 0U) << "there is none";
}

TEST(RowSet, EmptyHasNothing) {
    const RowSet set;
    expect_same(set, {});
    EXPECT_EQ(set.count_before(1000), 0U);
    EXPECT_FALSE(set.contains(1));
}

TEST(RowSet, FindsRowsByPlaceAtEveryDensity) {
    std::mt19937 random(1);
    for (const unsigned step : {1U, 2U, 63U, 64U, 65U, 511U, 512U, 513U, 5000U}) {
        RowSet set;
        std::vector<std::uint64_t> rows;
        std::uint64_t row = 0;
        for (int i = 0; i < 3000; ++i) {
            row += 1 + random() % step;
            rows.push_back(row);
            set.append(row);
        }
        expect_same(set, rows);
    }
}

TEST(RowSet, DoesNotHoldWhatLiesBetween) {
    RowSet set;
    set.append(10);
    set.append(5000);
    EXPECT_FALSE(set.contains(11));
    EXPECT_FALSE(set.contains(100000));
    EXPECT_EQ(set.count_before(4999), 1U);
    EXPECT_EQ(set.count_before(100000), 2U);
}

TEST(RowSet, TakesRowsInOrderOnly) {
    RowSet set;
    set.append(10);
    set.append(10);
    set.append(9);
    expect_same(set, {10});
}

}  // namespace
}  // namespace vutrace::index
