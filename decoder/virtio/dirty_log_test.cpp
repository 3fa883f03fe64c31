#include "vutrace/virtio/dirty_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vutrace::virtio {
namespace {

using testing::ElementsAre;

Bytes bits(std::initializer_list<unsigned> bytes) {
    Bytes made;
    for (const unsigned byte : bytes) {
        made.push_back(static_cast<std::byte>(byte));
    }
    return made;
}

TEST(DirtyPages, NeighboursAreOneRange) {
    DirtyPages dirty;
    dirty.add(0, bits({0x80, 0xff, 0x03, 0x00, 0x05}));
    EXPECT_THAT(dirty.ranges(), ElementsAre(PageRange{7, 11}, PageRange{32, 1}, PageRange{34, 1}));
    EXPECT_EQ(dirty.pages(), 13U);
    EXPECT_EQ(dirty.range_count(), 3U);
    EXPECT_EQ(dirty.last_page(), 34U);
}

TEST(DirtyPages, ARangeGoesOnInTheNextPiece) {
    DirtyPages dirty;
    dirty.add(0, bits({0x80}));
    dirty.add(8, bits({0x01}));
    dirty.add(64, bits({0x01}));
    EXPECT_THAT(dirty.ranges(), ElementsAre(PageRange{7, 2}, PageRange{64, 1}));
}

TEST(DirtyPages, RangesAreBoundedAndCountedOn) {
    DirtyPages dirty;
    dirty.add(0, Bytes(4 * DirtyPages::most_ranges, std::byte{0x55}));
    EXPECT_EQ(dirty.ranges().size(), DirtyPages::most_ranges);
    EXPECT_EQ(dirty.range_count(), 16 * DirtyPages::most_ranges);
    EXPECT_EQ(dirty.pages(), 16 * DirtyPages::most_ranges);
    EXPECT_EQ(dirty.ranges().back().count, 1U);
}

TEST(DirtyPages, NothingIsMarkedInAnEmptyLog) {
    DirtyPages dirty;
    dirty.add(0, Bytes(64));
    EXPECT_EQ(dirty.pages(), 0U);
    EXPECT_EQ(dirty.last_page(), 0U);
}

}  // namespace
}  // namespace vutrace::virtio
