#include "vutrace/virtio/inflight.h"

#include "vutrace/virtio/split_ring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>

namespace vutrace::virtio {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::uint16_t queue_size = 4;

InflightShape split_shape(std::uint64_t size, std::uint16_t queues = 1) {
    return {size, queues, queue_size, false};
}

void write_header(Bytes& area, std::size_t at, std::uint16_t descriptors = queue_size) {
    store<std::uint16_t>(area, at + 8, 1);
    store<std::uint16_t>(area, at + 10, descriptors);
}

void take_split(Bytes& area, std::size_t at, std::uint16_t head, std::uint64_t counter) {
    store<std::uint8_t>(area, at + 16 + head * 16U, 1);
    store<std::uint64_t>(area, at + 16 + head * 16U + 8, counter);
}

TEST(InflightArea, HeadsInFlightInTheOrderInWhichTheyWereTaken) {
    Bytes area(2 * 128);  // a stride of 128, as aligned by libvhost-user
    write_header(area, 0);
    store<std::uint16_t>(area, 12, 2);
    store<std::uint16_t>(area, 14, 7);
    take_split(area, 0, 3, 10);
    take_split(area, 0, 1, 12);
    take_split(area, 0, 0, 11);
    const InflightArea parsed = parse_inflight_area(split_shape(area.size(), 2), area);
    EXPECT_EQ(parsed.stride, 128U);
    ASSERT_THAT(parsed.queues, SizeIs(1)) << "the second queue was never written";
    const InflightQueue& queue = parsed.queues[0];
    EXPECT_EQ(queue.version, 1U);
    EXPECT_EQ(queue.descriptors, queue_size);
    EXPECT_EQ(queue.last_batch_head, 2U);
    EXPECT_EQ(queue.used_index, 7U);
    EXPECT_THAT(queue.in_flight,
                ElementsAre(InflightHead{3, 10, {}}, InflightHead{0, 11, {}}, InflightHead{1, 12, {}}));
    EXPECT_FALSE(queue.equal_counters);
    EXPECT_FALSE(queue.cut);
}

TEST(InflightArea, EqualCountersAreTold) {
    Bytes area(80);
    write_header(area, 0);
    take_split(area, 0, 3, 10);
    take_split(area, 0, 1, 10);
    EXPECT_TRUE(parse_inflight_area(split_shape(area.size()), area).queues.at(0).equal_counters);
}

TEST(InflightArea, AQueueThatSaysMoreThanItsStrideHoldsIsCut) {
    Bytes area(80);
    write_header(area, 0, 0xffff);
    take_split(area, 0, 3, 10);
    const InflightArea parsed = parse_inflight_area(split_shape(area.size()), area);
    EXPECT_TRUE(parsed.queues.at(0).cut);
    EXPECT_THAT(parsed.queues.at(0).in_flight, SizeIs(1));
}

// `header` is where the entries begin.
Bytes packed_area(std::size_t header) {
    Bytes area(256);
    write_header(area, 0);
    store<std::uint16_t>(area, 12, 2);
    store<std::uint16_t>(area, 16, 9);
    store<std::uint8_t>(area, 20, 1);
    for (std::size_t i = 0; i < queue_size; ++i) {
        store<std::uint16_t>(area, header + i * 32 + 2, static_cast<std::uint16_t>(i + 1));  // the free list
    }
    store<std::uint8_t>(area, header, 1);        // entry 0 heads a chain of two
    store<std::uint16_t>(area, header + 4, 1);   // last
    store<std::uint16_t>(area, header + 6, 2);   // num
    store<std::uint64_t>(area, header + 8, 77);  // counter
    store<std::uint16_t>(area, header + 16, 0xeeee);
    store<std::uint16_t>(area, header + 32 + 16, 5);  // the id is in the last entry
    store<std::uint32_t>(area, header + 20, 0x12345678);
    store<std::uint64_t>(area, header + 24, 0x7fffffffffff);
    return area;
}

TEST(InflightArea, BothSizesOfThePackedHeader) {
    for (const std::size_t header : {std::size_t{32}, std::size_t{29}}) {
        const Bytes area = packed_area(header);
        const InflightArea parsed = parse_inflight_area({area.size(), 1, queue_size, true}, area);
        EXPECT_EQ(parsed.header_size, header);
        ASSERT_THAT(parsed.queues, SizeIs(1));
        const InflightQueue& queue = parsed.queues[0];
        EXPECT_THAT(queue.in_flight, ElementsAre(InflightHead{0, 77, std::uint16_t{5}})) << header;
        EXPECT_EQ(queue.free_head, 2U);
        EXPECT_EQ(queue.used_index, 9U);
        EXPECT_EQ(queue.used_wrap_counter, true);
    }
}

TEST(InflightArea, AFreshAreaHasNoQueues) {
    const Bytes area(256);
    EXPECT_THAT(parse_inflight_area(split_shape(area.size(), 2), area).queues, IsEmpty());
    EXPECT_THAT(parse_inflight_area({area.size(), 2, queue_size, true}, area).queues, IsEmpty());
}

TEST(InflightArea, ShapesThatCannotBe) {
    const Bytes area(256, std::byte{0xff});
    for (const bool packed : {false, true}) {
        for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{16}, UINT64_MAX}) {
            for (const std::uint16_t queues : std::initializer_list<std::uint16_t>{0, 1, 16, 0xffff}) {
                const InflightArea parsed = parse_inflight_area({size, queues, 0xffff, packed}, area);
                EXPECT_LE(parsed.queues.size(), 16U);
            }
        }
    }
}

TEST(InflightArea, NoMoreThanTheBoundIsLookedAt) {
    const Bytes ones(most_inflight_bytes + 4096, std::byte{1});
    const InflightArea parsed = parse_inflight_area({UINT64_MAX, 1, 0xffff, false}, ones);
    EXPECT_LE(parsed.queues.at(0).in_flight.size(), std::size_t{max_queue_size});
    EXPECT_LE(parse_inflight_area({0xffff * 4096, 0xffff, 0xffff, true}, ones).queues.size(),
              most_inflight_bytes / 4096);
}

}  // namespace
}  // namespace vutrace::virtio
