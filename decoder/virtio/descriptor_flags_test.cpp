#include "vutrace/virtio/descriptor_flags.h"

#include <gtest/gtest.h>

namespace vutrace::virtio {
namespace {

TEST(DescriptorFlags, HaveTheSpecificationsNames) {
    struct Case {
        std::uint16_t flags;
        const char* in_packed_ring;
        const char* elsewhere;
    };
    for (const Case& each : {Case{0, "-", "-"}, Case{1, "NEXT", "NEXT"}, Case{7, "NEXT|WRITE|INDIRECT", nullptr},
                             Case{0x80, "AVAIL", "0x80"}, Case{0x8000, "USED", "0x8000"},
                             Case{0x8082, "WRITE|AVAIL|USED", "WRITE|0x8080"}, Case{0x8, "0x8", "0x8"},
                             Case{0xffff, "NEXT|WRITE|INDIRECT|AVAIL|USED|0x7f78", "NEXT|WRITE|INDIRECT|0xfff8"}}) {
        EXPECT_EQ(descriptor_flags_text(each.flags, DescriptorPlace::packed_ring), each.in_packed_ring);
        EXPECT_EQ(descriptor_flags_text(each.flags, DescriptorPlace::elsewhere),
                  each.elsewhere == nullptr ? each.in_packed_ring : each.elsewhere);
    }
}

TEST(DescriptorFlags, OfAnIndirectTableAreNotThoseOfItsRing) {
    DescriptorPlaces places(true);
    EXPECT_EQ(places.next(1), DescriptorPlace::packed_ring);
    EXPECT_EQ(places.next(4), DescriptorPlace::packed_ring);
    EXPECT_EQ(places.next(2), DescriptorPlace::elsewhere);
    EXPECT_EQ(places.next(4), DescriptorPlace::elsewhere);
    EXPECT_EQ(DescriptorPlaces(false).next(0), DescriptorPlace::elsewhere);
}

}  // namespace
}  // namespace vutrace::virtio
