#include "vutrace/trace/content.h"

#include "test_support.h"

#include <gtest/gtest.h>

namespace vutrace::trace {
namespace {

using test::pattern;
using Runs = std::vector<Run>;

TEST(Content, MergesNeighboursOfOneKindAndLeavesOutEmptyRuns) {
    Content content;
    content.add_literal(pattern(3));
    content.add_zeros(0);
    content.add_literal({});
    content.add_literal(pattern(2));
    content.add_zeros(4);
    content.add_zeros(5);
    content.add_missing(1);
    content.add_missing(1);
    const Runs expected{{RunKind::literal, 5}, {RunKind::zeros, 9}, {RunKind::missing, 2}};
    EXPECT_EQ(content.runs(), expected);
    EXPECT_EQ(content.size(), 16U);
    EXPECT_EQ(content.missing(), 2U);
    EXPECT_EQ(content.literal().size(), 5U);
}

TEST(Content, GivesSpaceThatTheCallerFills) {
    Content content;
    content.add_literal(pattern(2));
    const MutableByteView space = content.add_literal_space(3);
    ASSERT_EQ(space.size(), 3U);
    space[2] = std::byte{0x55};
    EXPECT_EQ(content.literal()[4], std::byte{0x55});
    EXPECT_EQ(content.runs().size(), 1U);
}

TEST(Content, StopsAtTheLargestSizeInsteadOfWrapping) {
    Content content;
    content.add_zeros(UINT64_MAX);
    content.add_missing(UINT64_MAX);
    content.add_literal(pattern(10));
    EXPECT_TRUE(content.add_literal_space(10).empty());
    EXPECT_EQ(content.size(), max_content_size);
    EXPECT_EQ(content.runs().size(), 1U);
    EXPECT_TRUE(content.literal().empty());
}

TEST(Content, ClearingLeavesNothingBehind) {
    Content content;
    content.add_literal(pattern(3));
    content.add_missing(1);
    content.clear();
    EXPECT_EQ(content, Content{});
    EXPECT_TRUE(content.empty());
}

TEST(Content, CompactsZeroBlocksCountedFromTheStart) {
    Bytes bytes(4096 * 4);
    bytes[4096] = std::byte{1};          // first byte of the second block
    bytes[4096 * 4 - 1] = std::byte{1};  // last byte of the last block
    Content content;
    content.add_compacted(bytes);
    const Runs expected{
        {RunKind::zeros, 4096}, {RunKind::literal, 4096}, {RunKind::zeros, 4096}, {RunKind::literal, 4096}};
    EXPECT_EQ(content.runs(), expected);
    Bytes read(bytes.size());
    EXPECT_TRUE(content.read(0, read));
    EXPECT_EQ(read, bytes);
}

TEST(Content, CompactsAShortLastBlockOnlyWhereThatSavesBytes) {
    for (const auto& [size, kind] :
         {std::pair{512UL, RunKind::zeros}, std::pair{minimum_zeros, RunKind::zeros},
          std::pair{minimum_zeros - 1, RunKind::literal}, std::pair{1UL, RunKind::literal}}) {
        Content content;
        content.add_compacted(Bytes(size));
        EXPECT_EQ(content.runs(), (Runs{{kind, size}})) << size;
    }
    Content content;
    content.add_compacted({});
    EXPECT_TRUE(content.empty());
}

TEST(Content, ReadsAcrossRunsAtEveryOffset) {
    Content content;
    content.add_literal(pattern(3));
    content.add_zeros(2);
    content.add_missing(2);
    content.add_literal(pattern(3, 100));
    Bytes all(10);
    EXPECT_FALSE(content.read(0, all)) << "two bytes are missing";
    EXPECT_EQ(all[7], pattern(1, 100)[0]);
    EXPECT_EQ(all[5], std::byte{0});
    for (std::size_t offset = 0; offset <= 11; ++offset) {
        for (std::size_t size = 0; size <= 11; ++size) {
            Bytes out(size, std::byte{0xee});
            const bool touches_missing = size != 0 && offset < 7 && offset + size > 5;
            const bool beyond = size != 0 && offset + size > 10;
            EXPECT_EQ(content.read(offset, out), !touches_missing && !beyond) << offset << " " << size;
            for (std::size_t i = 0; i < size; ++i) {
                EXPECT_EQ(out[i], offset + i < 10 ? all[offset + i] : std::byte{0});
            }
        }
    }
}

}  // namespace
}  // namespace vutrace::trace
