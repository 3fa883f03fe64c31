#include "shadow_memory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace vutrace::capture {
namespace {

ShadowMemory memory_for(std::uint32_t queues) {
    return ShadowMemory::create(queues).value();
}

TEST(ShadowMemory, HasAPlaceForEachQueueWithinItsBounds) {
    EXPECT_EQ(memory_for(0).queues(), ShadowMemory::fewest_queues);
    EXPECT_EQ(memory_for(40).queues(), 40U);
    EXPECT_EQ(memory_for(100'000).queues(), ShadowMemory::most_queues);
    const ShadowMemory memory = memory_for(40);
    const auto first = memory.parts(0);
    const auto last = memory.parts(39);
    EXPECT_EQ(last.bytes - first.bytes, 39 * static_cast<std::ptrdiff_t>(ShadowMemory::bytes_per_queue));
    EXPECT_EQ(last.address - first.address, 39 * ShadowMemory::bytes_per_queue);
    last.bytes[ShadowMemory::bytes_per_queue - 1] = std::byte{1};
}

TEST(ShadowMemory, TheLargestRingFitsIntoOnePlace) {
    EXPECT_LE(16U * 32768U, ShadowMemory::available_offset);
    EXPECT_LE(ShadowMemory::available_offset + 6 + 2 * 32768, ShadowMemory::used_offset);
    EXPECT_LE(ShadowMemory::used_offset + 6 + 8 * 32768, ShadowMemory::bytes_per_queue);
}

TEST(ShadowMemory, ABackEndCannotCutItShort) {
    const ShadowMemory memory = memory_for(1);
    EXPECT_NE(::ftruncate(memory.file().number(), 0), 0);
    EXPECT_NE(::ftruncate(memory.file().number(), 1 << 30), 0);
}

TEST(ShadowMemory, ItsAddressTouchesNeitherGuestNorUserRanges) {
    ShadowMemory memory = memory_for(1);
    const auto free = memory.find_address({});
    ASSERT_TRUE(free);
    const virtio::Region in_guest{*free + 4096, 1, 0, 0};
    const virtio::Region in_user{0, 4096, *free - 1, 0};
    const virtio::Region around{0, UINT64_MAX, 0x7f0000000000, 0};
    const virtio::Region wrapping{UINT64_MAX - 10, 4096, 0, 0};
    for (const auto& region : {in_guest, in_user}) {
        const auto other = memory.find_address({region});
        ASSERT_TRUE(other);
        EXPECT_NE(*other, *free);
        memory.place(*free);
        EXPECT_TRUE(memory.collides_with({region}));
        memory.place(*other);
        EXPECT_FALSE(memory.collides_with({region}));
    }
    EXPECT_FALSE(memory.find_address({around}));
    EXPECT_FALSE(memory.find_address({wrapping})) << "nobody knows where that lies";
    EXPECT_FALSE(memory.collides_with({{0, 1U << 30U, 0x7f0000000000, 0}}));
}

TEST(ShadowMemory, GuestAndFrontEndSeeItAtTheSameAddress) {
    ShadowMemory memory = memory_for(1);
    memory.place(0x123456000);
    const auto region = memory.region();
    EXPECT_EQ(region.guest_address, 0x123456000U);
    EXPECT_EQ(region.user_address, 0x123456000U);
    EXPECT_EQ(region.size, ShadowMemory::fewest_queues * ShadowMemory::bytes_per_queue);
    EXPECT_EQ(region.mmap_offset, 0U);
}

}  // namespace
}  // namespace vutrace::capture
