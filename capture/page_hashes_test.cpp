#include "page_hashes.h"

#include <gtest/gtest.h>

namespace vutrace::capture {
namespace {

constexpr std::uint64_t page = PageHashes::page_size;
constexpr std::uint64_t chunk = 512 * page;
constexpr std::uint64_t tebibyte = std::uint64_t{1} << 40U;

TEST(PageHashes, KnowsAPageThatDidNotChange) {
    PageHashes hashes;
    EXPECT_TRUE(hashes.update(page, 7));
    EXPECT_FALSE(hashes.update(page, 7));
    EXPECT_TRUE(hashes.update(page, 8));
    EXPECT_TRUE(hashes.update(page, PageHashes::zero_page));
    EXPECT_FALSE(hashes.update_zeros(page, page));
    EXPECT_TRUE(hashes.update_zeros(0, 2 * page));  // the page before is new
    hashes.forget(2 * page - 1, 1);
    EXPECT_TRUE(hashes.update(page, PageHashes::zero_page));
}

TEST(PageHashes, AHashIsNeverTakenForZerosOrForNothing) {
    EXPECT_GE(PageHashes::usable(0), 2U);
    EXPECT_GE(PageHashes::usable(1), 2U);
    EXPECT_EQ(PageHashes::usable(2), 2U);
    PageHashes hashes;
    EXPECT_TRUE(hashes.update(0, PageHashes::zero_page));
    EXPECT_TRUE(hashes.update(0, PageHashes::usable(1)));
}

// What a region shows of its last page is not the whole page.
TEST(PageHashes, PartOfAPageOfZerosIsNotThePage) {
    PageHashes hashes;
    EXPECT_TRUE(hashes.update_zeros(0, page + 100));
    EXPECT_FALSE(hashes.update_zeros(0, page + 100));
    EXPECT_TRUE(hashes.update_zeros(0, 2 * page));
    EXPECT_FALSE(hashes.update_zeros(0, 2 * page));
}

TEST(PageHashes, ComparesPagesOfRegionsThatBeginInsideOne) {
    PageHashes hashes;
    EXPECT_TRUE(hashes.update(page + 512, 7));
    EXPECT_FALSE(hashes.update(page + 512, 7));
    EXPECT_TRUE(hashes.update(page, 7));
    EXPECT_TRUE(hashes.update(page + 512, PageHashes::zero_page));
    EXPECT_TRUE(hashes.update_zeros(page + 512, page));  // told each time
    EXPECT_TRUE(hashes.update_zeros(page + 512, page));
}

TEST(PageHashes, ZerosOfAGuestOfAnySizeAreCheap) {
    PageHashes hashes;
    EXPECT_TRUE(hashes.update_zeros(0, tebibyte));
    EXPECT_FALSE(hashes.update_zeros(0, tebibyte));
    EXPECT_TRUE(hashes.update(tebibyte / 2, 7));
    EXPECT_TRUE(hashes.update_zeros(0, tebibyte));
    EXPECT_FALSE(hashes.update_zeros(0, tebibyte));
}

TEST(PageHashes, BeyondTheChunksThatAreKeptAPageIsWrittenEachTime) {
    PageHashes hashes;
    EXPECT_TRUE(hashes.update_zeros(0, 2 * tebibyte));
    EXPECT_FALSE(hashes.update_zeros(0, 2 * tebibyte));
    EXPECT_TRUE(hashes.update_zeros(2 * tebibyte, chunk));
    EXPECT_TRUE(hashes.update_zeros(2 * tebibyte, chunk));
    EXPECT_TRUE(hashes.update(3 * tebibyte, 7));
    EXPECT_TRUE(hashes.update(3 * tebibyte, 7));
    EXPECT_FALSE(hashes.update_zeros(0, 2 * tebibyte));
    // More than can be kept at once is not even tried, and what it covers is no longer known.
    EXPECT_TRUE(hashes.update_zeros(0, 3 * tebibyte));
    EXPECT_TRUE(hashes.update_zeros(0, chunk));
}

TEST(PageHashes, BeyondThePagesThatAreKeptAPageIsWrittenEachTime) {
    constexpr std::uint64_t detailed = 8192;
    PageHashes hashes;
    for (std::uint64_t i = 0; i < detailed; ++i) {
        ASSERT_TRUE(hashes.update(i * chunk, 7));
    }
    for (std::uint64_t i = 0; i < detailed; ++i) {
        ASSERT_FALSE(hashes.update(i * chunk, 7));
    }
    EXPECT_TRUE(hashes.update(detailed * chunk, 7));
    EXPECT_TRUE(hashes.update(detailed * chunk, 7));
    // Zeros take no room, and give back what they cover.
    EXPECT_TRUE(hashes.update_zeros(detailed * chunk, chunk));
    EXPECT_FALSE(hashes.update_zeros(detailed * chunk, chunk));
    EXPECT_TRUE(hashes.update_zeros(0, chunk));
    EXPECT_TRUE(hashes.update((detailed + 1) * chunk, 7));
    EXPECT_FALSE(hashes.update((detailed + 1) * chunk, 7));
    // So does what is forgotten at large.
    hashes.forget(chunk, UINT64_MAX);
    for (std::uint64_t i = 1; i < detailed; ++i) {
        ASSERT_TRUE(hashes.update(i * chunk, 7));
        ASSERT_FALSE(hashes.update(i * chunk, 7));
    }
}

TEST(PageHashes, TakesAddressesUpToTheLast) {
    PageHashes hashes;
    const std::uint64_t last = UINT64_MAX - (page - 1);
    EXPECT_TRUE(hashes.update(last, 7));
    EXPECT_FALSE(hashes.update(last, 7));
    EXPECT_TRUE(hashes.update_zeros(last, page));
    hashes.forget(last, page);
    EXPECT_TRUE(hashes.update_zeros(last, page));
    hashes.forget(0, UINT64_MAX);
    hashes.forget(UINT64_MAX, UINT64_MAX);
    hashes.forget(last, 0);
    EXPECT_TRUE(hashes.update_zeros(last, page));
}

}  // namespace
}  // namespace vutrace::capture
