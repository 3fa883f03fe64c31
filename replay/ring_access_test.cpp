#include "vutrace/replay/ring_access.h"

#include <vutrace/replay/guest_files.h>

#include <gtest/gtest.h>

#include <utility>

namespace vutrace::replay {
namespace {

TEST(RingAccess, RefusesWhatIsNotInMemoryOrNotAligned) {
    const auto file = create_memory_file("test", 0x10000);
    ASSERT_TRUE(file);
    MappedMemory memory;
    ASSERT_TRUE(memory.update({{{0x1000, 0x10000, 0, 0}, 1}}, [&](std::uint32_t) { return &*file; }));
    EXPECT_TRUE(RingAccess::create(memory, {256, 0x1000, 0x2000, 0x3000}));
    for (const virtio::SplitRingLayout& wrong :
         {virtio::SplitRingLayout{0, 0x1000, 0x2000, 0x3000}, virtio::SplitRingLayout{7, 0x1000, 0x2000, 0x3000},
          virtio::SplitRingLayout{256, 0x0, 0x2000, 0x3000}, virtio::SplitRingLayout{256, 0x1000, 0x2001, 0x3000},
          virtio::SplitRingLayout{256, 0x1000, 0x2000, 0x3002}, virtio::SplitRingLayout{256, 0x1000, 0x10ff0, 0x3000},
          virtio::SplitRingLayout{256, 0xfffffffffffff000, 0x2000, 0x3000}}) {
        EXPECT_FALSE(RingAccess::create(memory, wrong)) << wrong.size << " " << wrong.descriptor;
    }
}

class FollowedRingTest : public testing::Test {
  protected:
    static constexpr std::uint64_t guest = 0x10000;
    static constexpr std::uint64_t size = 0x10000;

    FollowedRingTest() : file_(std::move(*create_memory_file("guest", 2 * size))) {
        layout_.size = 16;
        layout_.descriptor = guest;
        layout_.available = guest + 0x1000;
        layout_.used = guest + 0x2000;
        map(0);
    }
    // The guest's memory lies `offset` bytes into the file from now on.
    void map(std::uint64_t offset, std::uint64_t at = guest) {
        ASSERT_TRUE(memory_.update({{{at, size, 0, offset}, 1}}, [this](std::uint32_t) { return &file_; }));
    }

    FileDescriptor file_;
    MappedMemory memory_;
    virtio::SplitRingLayout layout_;
    FollowedRing<RingAccess> ring_{memory_};
};

TEST_F(FollowedRingTest, FindsTheRingAgainWhereTheMemoryWentElsewhere) {
    ASSERT_TRUE(ring_.place(layout_));
    ring_->set_used_index(7);
    map(size);
    ASSERT_TRUE(ring_.follow());
    EXPECT_EQ(ring_->used_index(), 0) << "other bytes of the file";
    ring_->set_used_index(9);
    map(0);
    ASSERT_TRUE(ring_.follow());
    EXPECT_EQ(ring_->used_index(), 7);
    EXPECT_TRUE(ring_.follow());
    EXPECT_EQ(ring_->used_index(), 7);
}

TEST_F(FollowedRingTest, SaysEachTimeThatTheRingIsNoLongerInMemory) {
    ASSERT_TRUE(ring_.place(layout_));
    map(0, 0x800000);
    for (int i = 0; i < 2; ++i) {
        const Status found = ring_.follow();
        ASSERT_FALSE(found);
        EXPECT_EQ(found.error().code, ErrorCode::bad_input);
    }
    map(0);
    EXPECT_TRUE(ring_.follow()) << "it came back";
    EXPECT_EQ(ring_->layout().used, layout_.used);
}

TEST_F(FollowedRingTest, StaysWhereItIsWhenItsNewPlaceIsNone) {
    ASSERT_TRUE(ring_.place(layout_));
    ring_->set_used_index(3);
    virtio::SplitRingLayout outside = layout_;
    outside.used = guest + size;
    EXPECT_FALSE(ring_.place(outside));
    EXPECT_EQ(ring_->used_index(), 3);
}

}  // namespace
}  // namespace vutrace::replay
