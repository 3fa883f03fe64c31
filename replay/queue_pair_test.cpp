// Both halves of one queue on one memory, without sockets: split and packed.
#include "vutrace/replay/device_queue.h"
#include "vutrace/replay/queue_driver.h"

#include <vutrace/replay/guest_files.h>
#include <vutrace/replay/ring_access.h>
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

constexpr std::uint64_t buffers = 0x80000;

struct Ring {
    const char* name;
    virtio::RingLayout layout;
    std::uint32_t base;
};

std::uint32_t packed_base(std::uint16_t offset, bool wrap) {
    return virtio::PackedBase{{offset, wrap}, {offset, wrap}}.value();
}

class BothHalves {
  protected:
    void map(const std::vector<session::KnownRegion>& regions) {
        ASSERT_TRUE(memory_.update(regions, [this](std::uint32_t) { return &file_; }));
    }
    void start(const virtio::RingLayout& layout, std::uint32_t base, bool event_index = false) {
        layout_ = layout;
        map({{{0, 0x10000, 0, 0}, 1}, {{buffers, 0x10000, 0, 0x10000}, 1}});
        const auto begin = static_cast<std::uint16_t>(base);
        const auto driver = driver_.start({layout, event_index, begin, begin});
        ASSERT_TRUE(driver) << describe(driver.error());
        const auto device = device_.start(layout, event_index, base);
        ASSERT_TRUE(device) << describe(device.error());
    }
    // A chain of `count` buffers to write to.
    static trace::ChainEntry writable(std::uint16_t head, std::uint16_t count = 1) {
        trace::ChainEntry entry;
        entry.head = head;
        for (std::uint16_t i = 0; i < count; ++i) {
            const unsigned next = i + 1 < count ? unsigned{descriptor_next} : 0U;
            entry.descriptors.push_back({buffers + 0x10U * i, 8, static_cast<std::uint16_t>(descriptor_write | next),
                                         static_cast<std::uint16_t>(head + i + 1)});
        }
        return entry;
    }
    std::vector<TakenChain> take_all() {
        std::vector<TakenChain> all;
        for (auto taken = device_.take(walked_); taken && *taken; taken = device_.take(walked_)) {
            EXPECT_EQ(walked_.problem, virtio::ChainProblem::none);
            all.push_back(**taken);
        }
        return all;
    }
    std::vector<std::uint16_t> completed() {
        completions_.clear();
        const auto taken = driver_.take_used(completions_);
        EXPECT_TRUE(taken) << describe(taken.error());
        std::vector<std::uint16_t> heads;
        std::transform(completions_.begin(), completions_.end(), std::back_inserter(heads),
                       [](const Completion& completion) { return completion.head; });
        return heads;
    }

    FileDescriptor file_{*create_memory_file("test", 1U << 20U)};
    MappedMemory memory_;
    virtio::RingLayout layout_;
    QueueDriver driver_{memory_, 0};
    DeviceQueue device_{memory_};
    virtio::Chain walked_;
    std::vector<Completion> completions_;
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

// --- What only one kind of ring can do

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
