#include "packed_ring_tap.h"

#include "testing/tapped_packed_ring.h"

#include <gmock/gmock.h>

namespace vutrace::capture {
namespace {

using ::testing::ElementsAre;
using testing::PackedRingPair;
using testing::PackedRingTapTest;
using testing::RingPair;
using testing::text_of;
using State = trace::ChainEntry::State;
using trace::Proof;
using virtio::PackedEvent;

TEST_F(PackedRingTapTest, RecordsBothStepsOfADirectChain) {
    start(5);
    ring->write(buffer, "request");
    ring->offer(9, {{buffer, 7, false}, {buffer + 4096, 100, true}, {buffer + 8192, 1, true}});
    EXPECT_EQ(tap->scan().entries, 1U);
    EXPECT_EQ(tap->in_flight(), 1U);

    ring->write(buffer + 4096, "answer");
    ring->use(9, 6, 3);
    EXPECT_EQ(tap->scan().entries, 1U);
    EXPECT_EQ(tap->in_flight(), 0U);

    const auto entries = recorder.entries();
    ASSERT_EQ(entries.size(), 2U);
    EXPECT_EQ(entries[0].state, State::available);
    EXPECT_EQ(entries[0].head, 9);
    EXPECT_EQ(entries[0].index, 0x8000);
    EXPECT_EQ(entries[0].proof, Proof::verified);
    EXPECT_EQ(entries[0].problem, 0);
    ASSERT_EQ(entries[0].descriptors.size(), 3U);
    EXPECT_EQ(entries[0].descriptors[1].length, 100U);
    EXPECT_EQ(entries[0].descriptors[1].flags,
              virtio::descriptor_next | virtio::descriptor_write | virtio::packed_available);
    EXPECT_EQ(entries[0].descriptors[2].next, 9);
    EXPECT_EQ(text_of(entries[0].content), "request");
    EXPECT_EQ(entries[1].state, State::used);
    EXPECT_EQ(entries[1].head, 9);
    EXPECT_EQ(entries[1].used_length, 6U);
    EXPECT_EQ(entries[1].proof, Proof::verified);
    EXPECT_EQ(text_of(entries[1].content), "answer");
    EXPECT_EQ(recorder.all<trace::ChainRecord>()[1].fields.available_index, 0x8003);
    EXPECT_EQ(recorder.all<trace::ChainRecord>()[1].fields.used_index, 0x8003);
    EXPECT_EQ(recorder.counts().chains_lost + recorder.counts().completions_lost, 0U);
}

TEST_F(PackedRingTapTest, FollowsAnIndirectTable) {
    start(4);
    ring->write(buffer, "head");
    ring->offer_indirect(0, buffer + 65536, {{buffer, 4, false}, {buffer + 4096, 8, true}});
    tap->scan();
    ring->write(buffer + 4096, "12345678");
    ring->use(0, 8);
    tap->scan();
    const auto entries = recorder.entries();
    ASSERT_EQ(entries.size(), 2U);
    EXPECT_EQ(entries[0].descriptors.size(), 3U);
    EXPECT_EQ(text_of(entries[0].content), "head");
    EXPECT_EQ(text_of(entries[1].content), "12345678");
}

class PackedRingTapOfSize : public PackedRingTapTest, public ::testing::WithParamInterface<std::uint32_t> {};

TEST_P(PackedRingTapOfSize, GoesAroundInEveryRound) {
    const std::uint32_t size = GetParam();
    start(size, {}, Position{static_cast<std::uint16_t>(size - 1), false});
    const std::uint32_t longest = std::min<std::uint32_t>(size, 3);
    std::uint64_t chains = 0;
    for (std::uint32_t i = 0; i < std::min<std::uint32_t>(5 * size, 300); ++i, ++chains) {
        const std::uint32_t slots = i % longest + 1;
        const auto id = static_cast<std::uint16_t>(i * 77);
        ring->offer(id, std::vector<RingPair::Buffer>(slots, {buffer, 4, false}));
        tap->scan();
        ring->use(id, 0, slots);
        tap->scan();
    }
    const auto counts = recorder.counts();
    EXPECT_EQ(counts.offers, chains);
    EXPECT_EQ(counts.completions, chains);
    EXPECT_EQ(counts.verified, 2 * chains);
    EXPECT_EQ(counts.chains_lost + counts.completions_lost, 0U);
    EXPECT_EQ(tap->in_flight(), 0U);
}

TEST_P(PackedRingTapOfSize, TakesAFullRing) {
    const std::uint32_t size = GetParam();
    start(size);
    for (int round = 0; round < 3; ++round) {
        for (std::uint32_t i = 0; i < size; ++i) {
            ring->offer(static_cast<std::uint16_t>(i), readable());
        }
        while (tap->scan().more) {
        }
        EXPECT_EQ(tap->in_flight(), size);
        for (std::uint32_t i = 0; i < size; ++i) {
            ring->use(static_cast<std::uint16_t>(size - 1 - i), 0);
        }
        while (tap->scan().more) {
        }
        EXPECT_EQ(tap->in_flight(), 0U);
    }
    EXPECT_EQ(recorder.counts().offers, 3U * size);
    EXPECT_EQ(recorder.counts().verified, 6U * size);
    EXPECT_EQ(recorder.counts().chains_lost + recorder.counts().completions_lost, 0U);
}

INSTANTIATE_TEST_SUITE_P(Sizes, PackedRingTapOfSize, ::testing::Values(1, 2, 3, 7, 256, 1000));

// No front-end does that to a ring that runs, but it can: places and keys of the larger ring are none of the smaller
// one.
TEST_F(PackedRingTapTest, ARingThatGetsSmallerIsNotReadBeyondItsEnd) {
    start(256);
    for (std::uint16_t id = 0; id < 200; ++id) {
        ring->offer(id, readable());
    }
    while (tap->scan().more) {
    }
    for (std::uint16_t id = 0; id < 200; ++id) {
        ring->use(id, 0);
    }
    while (tap->scan().more) {
    }
    for (std::uint16_t offset = 200; offset < 220; ++offset) {  // behind the small ring
        ring->put_descriptor(offset, {buffer, 4, virtio::used_flags(true), offset});
    }
    for (std::uint16_t offset = 0; offset < 16; ++offset) {
        ring->put_descriptor(offset, {buffer, 4, virtio::used_flags(offset < 200 % 16), 0});
    }
    recorder.clear();
    virtio::PackedRingLayout small = ring->layout();
    small.size = 16;
    ASSERT_TRUE(tap->place(small, mappings));
    for (int i = 0; i < 3; ++i) {
        EXPECT_FALSE(tap->scan().more);
    }
    EXPECT_TRUE(recorder.entries().empty());
    EXPECT_EQ(recorder.counts().chains_lost + recorder.counts().completions_lost, 0U);
    EXPECT_EQ(tap->in_flight(), 0U);
}

// The place of a chain that is in flight is used again: others that were completed before it freed it.
TEST_F(PackedRingTapTest, KeepsAChainWhoseDescriptorsWereOverwritten) {
    start(4);
    ring->write(buffer, "slow");
    ring->offer(0, {{buffer, 4, true}});
    for (const std::uint16_t id : {std::uint16_t{1}, std::uint16_t{2}, std::uint16_t{3}}) {
        ring->offer(id, readable());
    }
    tap->scan();
    for (const std::uint16_t id : {std::uint16_t{3}, std::uint16_t{1}, std::uint16_t{2}}) {
        ring->use(id, 0);
    }
    tap->scan();
    for (const std::uint16_t id : {std::uint16_t{1}, std::uint16_t{2}, std::uint16_t{3}}) {
        ring->offer(id, readable());
    }
    tap->scan();
    ring->use(0, 4);
    tap->scan();
    const auto entries = recorder.entries();
    ASSERT_EQ(entries.size(), 11U);
    EXPECT_EQ(entries.back().head, 0);
    EXPECT_EQ(entries.back().index, 0x8003);
    EXPECT_EQ(text_of(entries.back().content), "slow");
    EXPECT_EQ(recorder.counts().verified, 11U);
    EXPECT_EQ(tap->in_flight(), 3U);
}

TEST_F(PackedRingTapTest, ExpandsBatchesOfInOrderQueues) {
    RingTap::Options options;
    options.in_order = true;
    start(8, options);
    for (std::uint16_t id = 0; id < 4; ++id) {
        ring->offer(id, {{buffer + id * 64U, 4, true}, {buffer + 4096 + id * 64U, 4, true}});
    }
    tap->scan();
    recorder.clear();
    ring->use_batch(2, 5, 6);
    ring->use_batch(3, 8, 2);
    tap->scan();
    std::vector<std::pair<int, std::uint32_t>> used;
    std::vector<int> indices;
    for (const auto& entry : recorder.entries()) {
        used.emplace_back(entry.head, entry.used_length);
        indices.push_back(entry.index);
    }
    EXPECT_THAT(used, ElementsAre(std::pair{0, 8U}, std::pair{1, 8U}, std::pair{2, 5U}, std::pair{3, 8U}));
    EXPECT_THAT(indices, ElementsAre(0x8000, 0x8002, 0x8004, 0x8006));
    EXPECT_EQ(tap->in_flight(), 0U);
    EXPECT_EQ(recorder.counts().verified, 4U);
}

TEST_F(PackedRingTapTest, CallsLateWhatADriverThatPollsMayHaveTaken) {
    start(8);
    ring->set_driver_event({0, PackedEvent::disable});
    ring->offer(0, writable());
    tap->scan();
    ring->use(0, 4);
    tap->scan();
    const auto entries = recorder.entries();
    ASSERT_EQ(entries.size(), 2U);
    EXPECT_EQ(entries[0].proof, Proof::verified);
    EXPECT_EQ(entries[1].proof, Proof::late);
}

TEST_F(PackedRingTapTest, CallsLateWhatTheDriversEventHasPassed) {
    RingTap::Options options;
    options.event_index = true;
    start(8, options);
    ring->offer(0, writable());
    ring->offer(1, writable());
    tap->scan();
    ring->use(0, 4);
    ring->use(1, 4);
    ring->set_driver_event({0x8001, PackedEvent::descriptor});
    tap->scan();
    const auto entries = recorder.entries();
    ASSERT_EQ(entries.size(), 4U);
    EXPECT_EQ(entries[2].proof, Proof::late) << "the driver asks to be called for the completion after this one";
    EXPECT_EQ(entries[3].proof, Proof::verified);
}

TEST_F(PackedRingTapTest, CallsLateWhatWasOfferedAgainBeforeItWasCopied) {
    start(8);
    ring->offer(5, writable());
    tap->scan();
    ring->use(5, 4);
    ring->offer(5, writable());
    tap->scan();
    const auto entries = recorder.entries();
    ASSERT_EQ(entries.size(), 3U);
    EXPECT_EQ(entries[1].state, State::used);
    EXPECT_EQ(entries[1].proof, Proof::late);
    EXPECT_EQ(entries[2].proof, Proof::verified);
    EXPECT_EQ(tap->in_flight(), 1U);
}

TEST_F(PackedRingTapTest, RecordsNoGuestBytesInModeNone) {
    RingTap::Options options;
    options.memory = MemoryMode::none;
    start(8, options);
    ring->offer(0, {{buffer, 8, false}, {buffer + 64, 8, true}});
    tap->scan();
    ring->use(0, 8, 2);
    tap->scan();
    for (const auto& entry : recorder.entries()) {
        EXPECT_EQ(entry.proof, Proof::absent);
        EXPECT_EQ(entry.content.missing(), 8U);
    }
    EXPECT_EQ(recorder.counts().completions, 1U);
}

TEST_F(PackedRingTapTest, SaysWhenNotificationsAreOff) {
    start(8);
    tap->scan();
    EXPECT_FALSE(tap->kicks_suppressed());
    EXPECT_FALSE(tap->calls_suppressed());
    ring->set_device_event({0, PackedEvent::disable});
    tap->scan();
    EXPECT_TRUE(tap->kicks_suppressed());
    EXPECT_FALSE(tap->calls_suppressed());
    ring->set_device_event({0x8000, PackedEvent::descriptor});
    ring->set_driver_event({0x8003, PackedEvent::descriptor});
    tap->scan();
    EXPECT_FALSE(tap->kicks_suppressed()) << "at the next descriptor";
    EXPECT_TRUE(tap->calls_suppressed());
    EXPECT_EQ(recorder.counts().offers, 0U);
}

// A device that polls turns kicks off after the first look, and the driver fills the ring without one.
TEST_F(PackedRingTapTest, WatchesAnIdleRingUntilItsFirstChain) {
    start(8);
    tap->scan();
    EXPECT_TRUE(tap->watches_idle());
    ring->offer(0, readable());
    tap->scan();
    EXPECT_FALSE(tap->watches_idle());
}

TEST_F(PackedRingTapTest, GivesThePartsOfTheRing) {
    start(5);
    const auto parts = tap->parts();
    ASSERT_EQ(parts.size(), 3U);
    EXPECT_EQ(parts[0].length, 80U);
    EXPECT_EQ(parts[1].length, 4U);
    EXPECT_EQ(parts[2].address, ring->layout().device_event);
    record_ring_parts(*tap, 3, 1, recorder);
    EXPECT_EQ(recorder.all<trace::MemoryRecord>().size(), 3U);
}

TEST_F(PackedRingTapTest, OutlivesMemoryThatIsCutAway) {
    start(8);
    ring->offer(0, readable());
    ring->truncate(0);
    EXPECT_EQ(tap->scan().entries, 0U);
    EXPECT_EQ(tap->scan().entries, 0U);
    EXPECT_EQ(recorder.counts().notes, 1U);
}

TEST_F(PackedRingTapTest, TakesNoSplitRing) {
    start(8);
    EXPECT_FALSE(tap->place(virtio::SplitRingLayout{8, 0, 0, 0}, mappings));
    EXPECT_FALSE(tap->placed());
    EXPECT_TRUE(tap->parts().empty());
    EXPECT_EQ(tap->scan().entries, 0U);
}

}  // namespace
}  // namespace vutrace::capture
