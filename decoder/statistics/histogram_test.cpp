#include "vutrace/statistics/histogram.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace vutrace::statistics {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Bucket = Histogram::Bucket;

TEST(Histogram, OfNothingSaysNothing) {
    const Histogram histogram;
    EXPECT_TRUE(histogram.empty());
    EXPECT_EQ(histogram.least(), 0U);
    EXPECT_EQ(histogram.largest(), 0U);
    EXPECT_EQ(histogram.mean(), 0.0);
    EXPECT_EQ(histogram.percentile(0.5), 0U);
    EXPECT_THAT(histogram.buckets(), IsEmpty());
    EXPECT_THAT(histogram.by_powers_of_two(), IsEmpty());
}

TEST(Histogram, SmallValuesAreExact) {
    Histogram histogram;
    for (std::uint64_t value = 0; value < 64; ++value) {
        histogram.add(value, value + 1);
    }
    const auto buckets = histogram.buckets();
    ASSERT_EQ(buckets.size(), 64U);
    for (std::uint64_t value = 0; value < 64; ++value) {
        EXPECT_EQ(buckets[value], (Bucket{value, value, value + 1}));
    }
}

TEST(Histogram, BucketsFollowEachOtherWithoutAGap) {
    Histogram histogram;
    for (std::uint64_t value = 0; value < 20000; ++value) {
        histogram.add(value);
    }
    std::uint64_t next = 0;
    for (const Bucket& bucket : histogram.buckets()) {
        EXPECT_EQ(bucket.from, next);
        EXPECT_LE(bucket.to - bucket.from, bucket.from / 32);
        if (bucket.to < 20000) {
            EXPECT_EQ(bucket.count, bucket.to - bucket.from + 1);
        }
        next = bucket.to + 1;
    }
    EXPECT_GE(next, 20000U);
}

TEST(Histogram, TakesTheLargestValues) {
    Histogram histogram;
    histogram.add(UINT64_MAX);
    histogram.add(0);
    EXPECT_EQ(histogram.largest(), UINT64_MAX);
    EXPECT_EQ(histogram.least(), 0U);
    EXPECT_EQ(histogram.percentile(1), UINT64_MAX);
    EXPECT_EQ(histogram.buckets().back().to, UINT64_MAX);
    EXPECT_EQ(histogram.by_powers_of_two().size(), 65U);
    EXPECT_EQ(histogram.by_powers_of_two().back(), (Bucket{std::uint64_t{1} << 63U, UINT64_MAX, 1}));
}

TEST(Histogram, PercentilesAreNeverTooLowAndAtMostOnePartIn32TooHigh) {
    std::mt19937_64 random(7);
    std::lognormal_distribution<double> shape(12, 2);
    std::vector<std::uint64_t> values(10001);
    Histogram histogram;
    for (std::uint64_t& value : values) {
        value = static_cast<std::uint64_t>(shape(random));
        histogram.add(value);
    }
    std::sort(values.begin(), values.end());
    for (const double share : {0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
        const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
        const std::uint64_t exact = values[rank == 0 ? 0 : rank - 1];
        EXPECT_GE(histogram.percentile(share), exact) << share;
        EXPECT_LE(histogram.percentile(share), exact + exact / 32 + 1) << share;
    }
    EXPECT_EQ(histogram.percentile(1.0), values.back());
    EXPECT_EQ(histogram.percentile(0.0), histogram.percentile(1e-9));
}

TEST(Histogram, PowersOfTwoHoldWhatTheBucketsHold) {
    Histogram histogram;
    histogram.add(5, 2);
    histogram.add(7);
    histogram.add(40, 3);
    EXPECT_THAT(histogram.by_powers_of_two(),
                ElementsAre(Bucket{4, 7, 3}, Bucket{8, 15, 0}, Bucket{16, 31, 0}, Bucket{32, 63, 3}));
    EXPECT_DOUBLE_EQ(histogram.mean(), (2 * 5 + 7 + 3 * 40) / 6.0);
    EXPECT_EQ(histogram.count(), 6U);
}

}  // namespace
}  // namespace vutrace::statistics
