// What only one kind of ring can do.
#include "both_halves.h"

#include <vutrace/replay/ring_access.h>
#include <vutrace/system/event_descriptor.h>

#include <gmock/gmock.h>

#include <array>

namespace vutrace::replay {
namespace {

using testing::BothHalves;
using ::testing::ElementsAre;
using testing::packed_base;
using virtio::descriptor_next;

class SplitPair : public BothHalves, public ::testing::Test {
  protected:
    void SetUp() override { start(split_, 0); }
    virtio::SplitRingLayout split_{8, 0x1000, 0x2000, 0x3000};
};

TEST_F(SplitPair, HeadThatWasNeverOfferedIsUnknown) {
    ASSERT_TRUE(driver_.offer(writable(0)));
    ASSERT_TRUE(driver_.publish());
    ASSERT_EQ(take_all().size(), 1U);
    device_.give_back({7}, 0);
    EXPECT_THAT(completed(), ElementsAre(7));
    EXPECT_FALSE(completions_[0].known);
    EXPECT_EQ(driver_.in_flight(), 1U);
}

TEST_F(SplitPair, UsedIndexThatRanAheadEndsTheQueue) {
    device_.give_back({0}, 0);
    const auto taken = driver_.take_used(completions_);
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().code, ErrorCode::bad_input);
    EXPECT_FALSE(driver_.started());
}

TEST_F(SplitPair, AvailableIndexThatRanAheadEndsTheQueue) {
    const auto ring = RingAccess::create(memory_, split_);
    ASSERT_TRUE(ring);
    ring->set_available_index(9);
    const auto taken = device_.take(walked_);
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().code, ErrorCode::bad_input);
    EXPECT_FALSE(device_.started());
}

TEST_F(SplitPair, KicksOnlyWhenTheDeviceAsksForIt) {
    const auto kick = create_event_descriptor();
    ASSERT_TRUE(kick);
    driver_.set_kick(*kick->duplicate());
    const auto ring = RingAccess::create(memory_, split_);
    ASSERT_TRUE(ring);
    ring->set_used_flags(virtio::used_no_notify);
    ASSERT_TRUE(driver_.offer(writable(0)));
    ASSERT_TRUE(driver_.publish());
    EXPECT_EQ(*take_event(*kick), 0U);
    ring->set_used_flags(0);
    ASSERT_TRUE(driver_.offer(writable(1)));
    ASSERT_TRUE(driver_.offer(writable(2)));
    ASSERT_TRUE(driver_.publish());
    EXPECT_EQ(*take_event(*kick), 1U);
}

class PackedPair : public BothHalves, public ::testing::Test {
  protected:
    void SetUp() override { start(packed_, virtio::PackedBase::fresh); }
    void ask_for_calls(virtio::PackedEvent event) {
        std::array<std::byte, virtio::packed_event_bytes> bytes{};
        store<std::uint16_t>(bytes, 0, event.position);
        store<std::uint16_t>(bytes, 2, event.flags);
        ASSERT_TRUE(memory_.write(packed_.driver_event, bytes));
    }
    virtio::PackedRingLayout packed_{5, 0x1000, 0x2000, 0x3000};
};

TEST_F(PackedPair, ABaseOutsideTheRingDoesNotStart) {
    for (const std::uint32_t base : {packed_base(5, true), 0x80058000U, packed_base(0x7fff, false)}) {
        const auto started = device_.start(packed_, false, base);
        ASSERT_FALSE(started) << base;
        EXPECT_EQ(started.error().code, ErrorCode::bad_input);
    }
}

TEST_F(PackedPair, TheBaseTellsWhatWasTakenAndWhatWasGivenBack) {
    ASSERT_TRUE(driver_.offer(writable(0, 2)));
    ASSERT_TRUE(driver_.offer(writable(1, 1)));
    ASSERT_TRUE(driver_.publish());
    const auto taken = take_all();
    ASSERT_EQ(taken.size(), 2U);
    device_.give_back(taken[1], 0);
    const virtio::PackedBase base = virtio::PackedBase::parse(device_.stop().value_or(0));
    EXPECT_EQ(base.available, (virtio::PackedPosition{3, true}));
    EXPECT_EQ(base.used, (virtio::PackedPosition{1, true}));
}

// The second of three was given back first, and stands where the first one began: nobody can tell any more what that
// was, but the places are taken.
TEST_F(PackedPair, ChainsInFlightThatWereWrittenOverKeepTheirPlaces) {
    for (std::uint16_t id = 0; id < 3; ++id) {
        ASSERT_TRUE(driver_.offer(writable(id)));
    }
    ASSERT_TRUE(driver_.publish());
    const auto taken = take_all();
    ASSERT_EQ(taken.size(), 3U);
    device_.give_back(taken[1], 1);
    const std::uint32_t base = device_.stop().value_or(0);
    ASSERT_EQ(base, packed_base(3, true) - (2U << 16U));
    // the driver of the recorded session saw it as the image has it
    ASSERT_TRUE(driver_.start({packed_, false, 0x8003, 0x8001}));
    ASSERT_TRUE(device_.start(packed_, false, base));
    EXPECT_EQ(driver_.in_flight(), 2U) << "as the ring has them: the second and the third";
    const auto refused = driver_.offer(writable(7, 4));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::limit);
    for (int i = 0; i < 20; ++i) {
        ASSERT_TRUE(driver_.offer(writable(7, 3))) << i;
        ASSERT_TRUE(driver_.publish());
        const auto next = take_all();
        ASSERT_EQ(next.size(), 1U) << i;
        device_.give_back(next[0], 1);
        ASSERT_THAT(completed(), ElementsAre(7)) << i;
    }
}

TEST_F(PackedPair, PlacesOfWhichTheRingTellsNothingStayTaken) {
    ASSERT_TRUE(driver_.start({packed_, false, 0x8003, 0x8001}));
    ASSERT_TRUE(device_.start(packed_, false, 0x80018003));
    EXPECT_EQ(driver_.in_flight(), 0U);
    EXPECT_FALSE(driver_.offer(writable(7, 4)));
    ASSERT_TRUE(driver_.offer(writable(7, 3)));
    ASSERT_TRUE(driver_.publish());
    const auto next = take_all();
    ASSERT_EQ(next.size(), 1U);
    device_.give_back(next[0], 1);
    EXPECT_THAT(completed(), ElementsAre(7));
}

TEST_F(PackedPair, ADriverThatBeginsOutsideTheRingDoesNotStart) {
    struct Case {
        std::uint16_t available, used;
    };
    for (const Case& wrong : {Case{0x8005, 0x8000}, Case{0x8000, 0x8005}, Case{0x8000, 0x8001}}) {
        const auto started = driver_.start({packed_, false, wrong.available, wrong.used});
        ASSERT_FALSE(started) << wrong.used;
        EXPECT_EQ(started.error().code, ErrorCode::bad_input);
    }
}

// More than a round was given back since the driver was asked for its wish: the positions alone cannot tell.
TEST_F(PackedPair, CallsWhereAWholeRoundPassed) {
    const auto call = create_event_descriptor();
    ASSERT_TRUE(call);
    device_.set_call(*call->duplicate());
    const auto go_round = [&](int chains) {
        for (int i = 0; i < chains; ++i) {
            ASSERT_TRUE(driver_.offer(writable(0, 5)));
            ASSERT_TRUE(driver_.publish());
            const auto taken = take_all();
            ASSERT_EQ(taken.size(), 1U);
            device_.give_back(taken[0], 1);
            ASSERT_EQ(completed().size(), 1U);
        }
    };
    for (const std::uint16_t mode :
         {virtio::PackedEvent::enable, virtio::PackedEvent::disable, virtio::PackedEvent::descriptor}) {
        for (const int rounds : {1, 2, 3}) {
            ask_for_calls({0x8003, mode});
            go_round(rounds);
            ASSERT_TRUE(device_.notify());
            EXPECT_EQ(*take_event(*call), mode == virtio::PackedEvent::disable ? 0U : 1U) << mode << " " << rounds;
        }
    }
}

// A driver that marks everything available for ever is followed as long as somebody asks, one chain a time.
TEST_F(PackedPair, AHostileDriverGetsEachDescriptorTakenAsItStands) {
    for (std::uint16_t i = 0; i < 5; ++i) {
        std::array<std::byte, virtio::descriptor_size> bytes{};
        virtio::serialise_packed_descriptor({UINT64_MAX - 3, UINT32_MAX, descriptor_next | virtio::packed_available, i},
                                            bytes);
        ASSERT_TRUE(memory_.write(packed_.descriptor + packed_.slot(i), bytes));
    }
    const auto taken = device_.take(walked_);
    ASSERT_TRUE(taken && *taken);
    EXPECT_EQ(walked_.problem, virtio::ChainProblem::address_overflow);
    EXPECT_GE((*taken)->slots, 1U);
    EXPECT_LE((*taken)->slots, 5U);
    device_.give_back(**taken, UINT32_MAX);
    EXPECT_TRUE(device_.take(walked_));
}

}  // namespace
}  // namespace vutrace::replay
