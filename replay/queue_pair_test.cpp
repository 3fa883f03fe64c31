// What is true of a queue whatever the layout of its ring.
#include "both_halves.h"

#include <vutrace/system/event_descriptor.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

namespace vutrace::replay {
namespace {

using ::testing::ElementsAre;
using virtio::descriptor_indirect;
using virtio::descriptor_next;
using virtio::descriptor_write;

using testing::BothHalves;
using testing::packed_base;
constexpr std::uint64_t buffers = testing::pair_buffers;

struct Ring {
    const char* name;
    virtio::RingLayout layout;
    std::uint32_t base;
};

class QueuePair : public BothHalves, public ::testing::TestWithParam<Ring> {
  protected:
    void SetUp() override { start(GetParam().layout, GetParam().base); }
};

TEST_P(QueuePair, DeviceSeesDescriptorsAndBytesAsGiven) {
    trace::ChainEntry entry;
    entry.head = 5;
    entry.descriptors = {{buffers, 4, descriptor_next, 2}, {buffers + 0x100, 8, descriptor_write, 0}};
    entry.content.add_literal(as_bytes("data"));
    ASSERT_TRUE(driver_.offer(entry));
    EXPECT_THAT(take_all(), ::testing::IsEmpty()) << "seen before it was published";
    ASSERT_TRUE(driver_.publish());
    const auto taken = device_.take(walked_);
    ASSERT_TRUE(taken && *taken);
    EXPECT_EQ((*taken)->head, 5U);
    EXPECT_EQ(walked_.problem, virtio::ChainProblem::none);
    EXPECT_EQ(walked_.readable_bytes, 4U);
    EXPECT_EQ(walked_.writable_bytes, 8U);
    std::array<std::byte, 4> bytes{};
    ASSERT_TRUE(memory_.read(buffers, bytes));
    EXPECT_TRUE(std::ranges::equal(bytes, as_bytes("data")));
}

TEST_P(QueuePair, TablesAreWrittenBehindIndirectDescriptors) {
    trace::ChainEntry entry;
    entry.head = 1;
    entry.descriptors = {{buffers + 0x200, 32, descriptor_indirect, 0},
                         {buffers, 4, descriptor_next, 1},
                         {buffers + 0x100, 8, descriptor_write, 0}};
    ASSERT_TRUE(driver_.offer(entry));
    ASSERT_TRUE(driver_.publish());
    const auto taken = take_all();
    ASSERT_EQ(taken.size(), 1U);
    EXPECT_EQ(taken[0].head, 1U);
    EXPECT_EQ(taken[0].slots, 1U);
    device_.give_back(taken[0], 8);
    EXPECT_THAT(completed(), ElementsAre(1));
    EXPECT_EQ(completions_[0].length, 8U);
}

// Often enough for both wrap counters, and for the split ring's indices to wrap.
TEST_P(QueuePair, ChainsOfAnyLengthMayComeBackInAnyOrder) {
    for (std::uint32_t round = 0; round < 40'000; ++round) {
        const auto first = static_cast<std::uint16_t>(1 + round % 3);  // descriptors
        ASSERT_TRUE(driver_.offer(writable(0, first), round));
        ASSERT_TRUE(driver_.offer(writable(3, 1), round + 100));
        ASSERT_TRUE(driver_.offer(writable(4, 2), round + 200));
        ASSERT_TRUE(driver_.publish());
        const auto taken = take_all();
        ASSERT_EQ(taken.size(), 3U) << round;
        device_.give_back(taken[2], 12);
        device_.give_back(taken[0], 0);
        ASSERT_THAT(completed(), ElementsAre(4, 0)) << round;
        EXPECT_EQ(completions_[0].chain.token, round + 200);
        EXPECT_EQ(completions_[0].length, 12U);
        EXPECT_EQ(completions_[1].length, 0U);
        device_.give_back(taken[1], 1);
        ASSERT_THAT(completed(), ElementsAre(3)) << round;
        ASSERT_EQ(driver_.in_flight(), 0U);
    }
}

TEST_P(QueuePair, GoesOnWhereItStopped) {
    for (std::uint16_t round = 0; round < 20; ++round) {
        ASSERT_TRUE(driver_.offer(writable(1, 2)));
        ASSERT_TRUE(driver_.publish());
        const auto taken = take_all();
        ASSERT_EQ(taken.size(), 1U) << round;
        device_.give_back(taken[0], 3);
        ASSERT_THAT(completed(), ElementsAre(1)) << round;
        const auto base = device_.stop();
        ASSERT_TRUE(base);
        EXPECT_FALSE(device_.started());
        EXPECT_THAT(take_all(), ::testing::IsEmpty());
        const auto begin = static_cast<std::uint16_t>(*base);
        ASSERT_TRUE(driver_.start({layout_, false, begin, begin}));
        ASSERT_TRUE(device_.start(layout_, false, *base));
    }
}

// Three chains are offered, two are taken, the first is given back; then both sides begin anew on the same memory.
TEST_P(QueuePair, AChainInFlightAtTheStartMayBeDoneAgainOrNot) {
    for (const bool done_again : {true, false}) {
        SCOPED_TRACE(done_again);
        start(GetParam().layout, GetParam().base);
        for (const std::uint16_t head : std::array<std::uint16_t, 3>{0, 2, 4}) {
            ASSERT_TRUE(driver_.offer(writable(head, 2)));
        }
        ASSERT_TRUE(driver_.publish());
        const std::array taken{*device_.take(walked_), *device_.take(walked_)};
        ASSERT_TRUE(taken[0] && taken[1]);
        device_.give_back(*taken[0], 1);
        const std::uint32_t base = device_.stop().value_or(0);
        const auto available = static_cast<std::uint16_t>(base);
        const bool packed = std::holds_alternative<virtio::PackedRingLayout>(layout_);
        const auto used = static_cast<std::uint16_t>(packed ? base >> 16U : GetParam().base + 1U);

        ASSERT_TRUE(driver_.start({layout_, false, available, used}));
        ASSERT_TRUE(device_.start(layout_, false, base));
        ASSERT_EQ(driver_.in_flight(), 1U);
        EXPECT_EQ(driver_.offered().begin()->first, 2U);
        EXPECT_TRUE(driver_.offered().begin()->second.from_before);
        EXPECT_THAT(take_all(), ::testing::IsEmpty()) << "the third one is not there before it is offered again";
        ASSERT_TRUE(driver_.offer(writable(4, 2), 44));
        ASSERT_TRUE(driver_.publish());
        const auto again = take_all();
        ASSERT_EQ(again.size(), 1U);
        if (done_again) {
            device_.give_back(*taken[1], 1);
            EXPECT_THAT(completed(), ElementsAre(2));
            EXPECT_TRUE(completions_[0].known);
            EXPECT_TRUE(completions_[0].chain.from_before);
        }
        device_.give_back(again[0], 1);
        EXPECT_THAT(completed(), ElementsAre(4));
        EXPECT_EQ(completions_[0].chain.token, 44U);
        EXPECT_EQ(driver_.in_flight(), done_again ? 0U : 1U);
        // The recorded driver had it back, and offers the head again.
        for (int i = 0; i < 20; ++i) {
            ASSERT_TRUE(driver_.offer(writable(2, 1), 55));
            ASSERT_TRUE(driver_.publish());
            const auto next = take_all();
            ASSERT_EQ(next.size(), 1U) << i;
            device_.give_back(next[0], 1);
            ASSERT_THAT(completed(), ElementsAre(2)) << i;
            EXPECT_FALSE(completions_[0].chain.from_before);
            EXPECT_EQ(driver_.in_flight(), 0U);
        }
    }
}

TEST_P(QueuePair, AQueueThatNeverStartedHasNoBase) {
    DeviceQueue other(memory_);
    EXPECT_FALSE(other.stop());
    EXPECT_TRUE(other.notify());
    EXPECT_TRUE(other.walk({}, walked_));
    other.give_back({}, 1);
    const auto taken = other.take(walked_);
    ASSERT_TRUE(taken);
    EXPECT_FALSE(*taken);
}

TEST_P(QueuePair, ChainOutsideTheMemoryIsOfferedAndNamed) {
    trace::ChainEntry entry;
    entry.head = 2;
    entry.descriptors = {{0x40000, 4, 0, 0}};
    entry.content.add_literal(as_bytes("data"));
    const auto offered = driver_.offer(entry);
    ASSERT_FALSE(offered);
    EXPECT_EQ(offered.error().code, ErrorCode::bad_input);
    ASSERT_TRUE(driver_.publish());
    const auto taken = take_all();
    ASSERT_EQ(taken.size(), 1U);
    EXPECT_EQ(taken[0].head, 2U);
}

TEST_P(QueuePair, AFullRingTakesNoMore) {
    const std::uint32_t size = virtio::size_of(layout_);
    for (std::uint32_t i = 0; i < size; ++i) {
        ASSERT_TRUE(driver_.offer(writable(static_cast<std::uint16_t>(i))));
    }
    const auto offered = driver_.offer(writable(0));
    ASSERT_FALSE(offered);
    EXPECT_EQ(offered.error().code, ErrorCode::limit);
    ASSERT_TRUE(driver_.publish());
    EXPECT_EQ(take_all().size(), size);
}

TEST_P(QueuePair, RingIsFoundAgainAfterTheRegionsChanged) {
    ASSERT_TRUE(driver_.offer(writable(0)));
    map({{{0, 0x8000, 0, 0}, 1}});  // the same file, mapped anew
    ASSERT_TRUE(driver_.publish());
    const auto taken = take_all();
    ASSERT_EQ(taken.size(), 1U);
    ASSERT_TRUE(device_.walk(taken[0], walked_));
    EXPECT_EQ(walked_.descriptors.size(), 1U);
    map({});
    EXPECT_FALSE(device_.walk(taken[0], walked_));
    EXPECT_FALSE(device_.started());
    EXPECT_FALSE(driver_.take_used(completions_));
}

TEST_P(QueuePair, ARingOutsideTheMemoryDoesNotStart) {
    map({});
    const auto started = device_.start(layout_, false, GetParam().base);
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, ErrorCode::bad_input);
    EXPECT_FALSE(device_.started());
}

TEST_P(QueuePair, AQueueMovesWithWhatIsInItsRing) {
    ASSERT_TRUE(driver_.offer(writable(0, 2)));
    ASSERT_TRUE(driver_.offer(writable(2, 1), 7));
    ASSERT_TRUE(driver_.publish());
    const auto taken = take_all();
    ASSERT_EQ(taken.size(), 2U);
    device_.give_back(taken[0], 1);
    // the second and the third part change places
    const virtio::RingLayout there = std::visit(
        [](auto layout) {
            auto& [size, first, second, third] = layout;
            first += 0x8000;
            std::swap(second, third);
            return virtio::RingLayout(layout);
        },
        layout_);
    ASSERT_TRUE(driver_.move(there));
    ASSERT_TRUE(driver_.move(there)) << "it is there already";
    EXPECT_EQ(driver_.ring_ranges()[0].address, 0x9000U);
    EXPECT_THAT(completed(), ElementsAre(0));
    ASSERT_TRUE(device_.start(there, false, device_.stop().value_or(0)));
    device_.give_back(taken[1], 1);
    EXPECT_THAT(completed(), ElementsAre(2));
    EXPECT_EQ(completions_[0].chain.token, 7U);
    ASSERT_TRUE(driver_.offer(writable(1)));
    ASSERT_TRUE(driver_.publish());
    EXPECT_EQ(take_all().size(), 1U);
}

TEST_P(QueuePair, AQueueThatCannotMoveIsStopped) {
    const auto with = [this](auto change) {
        return std::visit(
            [&](auto layout) {
                change(layout);
                return virtio::RingLayout(layout);
            },
            layout_);
    };
    const bool packed = std::holds_alternative<virtio::PackedRingLayout>(layout_);
    const virtio::RingLayout other = packed ? virtio::RingLayout(virtio::SplitRingLayout{8, 0x1000, 0x2000, 0x3000})
                                            : virtio::RingLayout(virtio::PackedRingLayout{8, 0x1000, 0x2000, 0x3000});
    for (const virtio::RingLayout& there : {with([](auto& layout) { layout.size *= 2; }),
                                            with([](auto& layout) { layout.descriptor = 0x40000; }), other}) {
        start(GetParam().layout, GetParam().base);
        const auto moved = driver_.move(there);
        ASSERT_FALSE(moved);
        EXPECT_EQ(moved.error().code, ErrorCode::bad_input);
        EXPECT_FALSE(driver_.started());
        EXPECT_TRUE(driver_.move(there)) << "nothing happens to it any more";
    }
    start(GetParam().layout, GetParam().base);
    map({});
    EXPECT_FALSE(driver_.move(with([](auto& layout) { layout.descriptor += 0x1000; })));
}

// With and without event index, a chain at a time: everybody hears of everything that is asked for, and of nothing
// else.
TEST_P(QueuePair, KicksAndCallsComeWhereTheyAreAskedFor) {
    for (const bool event_index : {false, true}) {
        start(GetParam().layout, GetParam().base, event_index);
        const auto kick = create_event_descriptor();
        const auto call = create_event_descriptor();
        ASSERT_TRUE(kick && call);
        driver_.set_kick(*kick->duplicate());
        device_.set_call(*call->duplicate());
        (void)take_all();
        for (int i = 0; i < 30; ++i) {
            ASSERT_FALSE(driver_.enable_call());
            ASSERT_TRUE(driver_.offer(writable(0, 2)));
            ASSERT_TRUE(driver_.publish());
            EXPECT_EQ(*take_event(*kick), 1U) << i;
            ASSERT_TRUE(driver_.offer(writable(2, 2)));
            ASSERT_TRUE(driver_.publish());
            EXPECT_EQ(*take_event(*kick), event_index ? 0U : 1U) << "the device has not asked again, " << i;
            const auto taken = take_all();
            ASSERT_EQ(taken.size(), 2U);
            EXPECT_TRUE(device_.notify());
            EXPECT_EQ(*take_event(*call), 0U) << "nothing was given back";
            device_.give_back(taken[0], 1);
            EXPECT_TRUE(device_.notify());
            EXPECT_EQ(*take_event(*call), 1U) << i;
            device_.give_back(taken[1], 1);
            EXPECT_TRUE(device_.notify());
            EXPECT_EQ(*take_event(*call), event_index ? 0U : 1U) << "the driver has not asked again, " << i;
            EXPECT_THAT(completed(), ElementsAre(0, 2));
        }
    }
}

INSTANTIATE_TEST_SUITE_P(
    Rings, QueuePair,
    ::testing::Values(Ring{"Split", virtio::SplitRingLayout{8, 0x1000, 0x2000, 0x3000}, 0},
                      Ring{"SplitLate", virtio::SplitRingLayout{8, 0x1000, 0x2000, 0x3000}, 65533},
                      Ring{"Packed", virtio::PackedRingLayout{8, 0x1000, 0x2000, 0x3000}, packed_base(0, true)},
                      Ring{"PackedOdd", virtio::PackedRingLayout{7, 0x1000, 0x2000, 0x3000}, packed_base(6, true)},
                      Ring{"PackedSecondRound", virtio::PackedRingLayout{6, 0x1000, 0x2000, 0x3000},
                           packed_base(0, false)}),
    [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace vutrace::replay
