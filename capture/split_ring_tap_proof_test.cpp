// What the tap says of the bytes that it kept: proven, late, partial or absent.
#include "testing/tapped_ring.h"

#include <gtest/gtest.h>

namespace vutrace::capture {
namespace {

using testing::RingPair;
using testing::SplitRingTapTest;
using testing::text_of;
using State = trace::ChainEntry::State;
using trace::Proof;
using virtio::ChainProblem;

TEST_F(SplitRingTapTest, CallsLateWhatWasUsedBeforeItWasCopied) {
    start();
    ring.describe_chain(0, {{buffer, 4, false}});
    ring.offer(0);
    ring.use(0, 0);
    tap->scan();
    const auto entries = recorder.entries();
    ASSERT_EQ(entries.size(), 2U);
    EXPECT_EQ(entries[0].proof, Proof::late);
    EXPECT_EQ(entries[1].proof, Proof::verified);
}

TEST_F(SplitRingTapTest, CallsLateWhatWasOfferedAgainBeforeItWasCopied) {
    start();
    ring.describe_chain(0, {{buffer, 4, true}});
    ring.offer(0);
    tap->scan();
    ring.use(0, 4);
    ring.offer(0);
    tap->scan();
    const auto entries = recorder.entries();
    ASSERT_EQ(entries.size(), 3U);
    EXPECT_EQ(entries[1].state, State::used);
    EXPECT_EQ(entries[1].proof, Proof::late);
    EXPECT_EQ(entries[2].state, State::available);
    EXPECT_EQ(entries[2].index, 1);
    EXPECT_EQ(entries[2].proof, Proof::verified);
    EXPECT_EQ(tap->in_flight(), 1U);
}

// SeaBIOS polls with interrupts off and uses a buffer again at once, long before it offers the head again.
TEST_F(SplitRingTapTest, CallsLateWhatADriverThatPollsMayHaveTaken) {
    start();
    ring.put<std::uint16_t>(ring.layout().available, virtio::available_no_interrupt);
    ring.describe_chain(0, {{buffer, 4, true}});
    ring.offer(0);
    tap->scan();
    ring.use(0, 4);
    tap->scan();
    const auto entries = recorder.entries();
    ASSERT_EQ(entries.size(), 2U);
    EXPECT_EQ(entries[0].proof, Proof::verified);
    EXPECT_EQ(entries[1].proof, Proof::late);
}

TEST_F(SplitRingTapTest, CallsLateWhatTheDriversUsedEventHasPassed) {
    SplitRingTap::Options options;
    options.event_index = true;
    start(options);
    for (const std::uint16_t head : {std::uint16_t{0}, std::uint16_t{1}}) {
        ring.describe_chain(head, {{buffer, 4, true}});
        ring.offer(head);
    }
    tap->scan();
    ring.use(0, 4);
    ring.use(1, 4);
    ring.put<std::uint16_t>(ring.layout().available + ring.layout().used_event(), 1);
    tap->scan();
    const auto entries = recorder.entries();
    ASSERT_EQ(entries.size(), 4U);
    EXPECT_EQ(entries[2].proof, Proof::late) << "the driver asks to be called for the completion after this one";
    EXPECT_EQ(entries[3].proof, Proof::verified);
}

TEST_F(SplitRingTapTest, KeepsOfEachBufferWhatTheSnapLengthAllows) {
    SplitRingTap::Options options;
    options.snap_length = 4;
    start(options);
    ring.write(buffer, "abcdefgh");
    ring.describe_chain(0, {{buffer, 8, false}, {buffer + 2, 3, false}});
    ring.offer(0);
    tap->scan();
    const auto entries = recorder.entries();
    ASSERT_EQ(entries.size(), 1U);
    EXPECT_EQ(entries[0].proof, Proof::partial);
    EXPECT_EQ(entries[0].content.size(), 11U);
    EXPECT_EQ(entries[0].content.missing(), 4U);
}

// What is missing does not make the rest any surer.
TEST_F(SplitRingTapTest, WhatIsThereInPartMayBeLateToo) {
    SplitRingTap::Options options;
    options.snap_length = 4;
    start(options);
    ring.describe_chain(0, {{buffer, 8, false}});
    ring.offer(0);
    ring.use(0, 0);
    tap->scan();
    const auto entries = recorder.entries();
    ASSERT_EQ(entries.size(), 2U);
    EXPECT_EQ(entries[0].content.missing(), 4U);
    EXPECT_EQ(entries[0].proof, Proof::late);
}

TEST_F(SplitRingTapTest, RecordsNoGuestBytesInModeNone) {
    SplitRingTap::Options options;
    options.memory = MemoryMode::none;
    start(options);
    ring.describe_chain(0, {{buffer, 8, false}, {buffer + 64, 8, true}});
    ring.offer(0);
    tap->scan();
    ring.use(0, 8);
    tap->scan();
    const auto entries = recorder.entries();
    ASSERT_EQ(entries.size(), 2U);
    for (const auto& entry : entries) {
        EXPECT_EQ(entry.proof, Proof::absent);
        EXPECT_EQ(entry.content.missing(), 8U);
    }
}

TEST_F(SplitRingTapTest, WritesZeroPagesAsZeroRuns) {
    start();
    ring.write(buffer + 8192, "x");
    ring.describe_chain(0, {{buffer, 12288, false}});
    ring.offer(0);
    tap->scan();
    const auto entries = recorder.entries();
    ASSERT_EQ(entries.size(), 1U);
    EXPECT_EQ(entries[0].content.size(), 12288U);
    EXPECT_EQ(entries[0].content.literal().size(), 4096U);
}

TEST_F(SplitRingTapTest, CutsAChainThatIsLargerThanARecord) {
    recorder.set_largest_record(65536);
    start();
    ring.write(buffer, Bytes(1U << 20U, std::byte{1}));
    ring.describe_chain(0, {{buffer, 1U << 20U, false}});
    ring.offer(0);
    tap->scan();
    const auto entries = recorder.entries();
    ASSERT_EQ(entries.size(), 1U);
    EXPECT_EQ(entries[0].proof, Proof::partial);
    EXPECT_EQ(entries[0].content.size(), 1U << 20U);
    EXPECT_LT(entries[0].content.literal().size(), 65536U);
    EXPECT_GT(entries[0].content.literal().size(), 60000U);
}

TEST_F(SplitRingTapTest, KeepsTheOldMemoryOfChainsInFlight) {
    start();
    ring.write(buffer, "old");
    ring.describe_chain(0, {{buffer, 3, true}});
    ring.offer(0);
    tap->scan();
    // The buffer's region is gone from the table, the ring's is not: the same file, cut off before the buffer.
    std::vector<FileDescriptor> descriptors;
    descriptors.push_back(ring.file());
    const std::vector<std::uint32_t> ids{2};
    auto known = ring.region(2);
    known.region.size = buffer - RingPair::guest_address;
    const auto next = GuestMappings::next(mappings.get(), {known}, {&descriptors, &ids}, {});
    ASSERT_TRUE(next.problems.empty());
    ASSERT_TRUE(tap->place(ring.layout(), next.mappings));
    mappings.reset();
    ring.use(0, 3);
    ring.describe_chain(1, {{buffer, 3, false}});
    ring.offer(1);
    tap->scan();
    const auto entries = recorder.entries();
    ASSERT_EQ(entries.size(), 3U);
    EXPECT_EQ(entries[1].head, 1);
    EXPECT_EQ(entries[1].problem, static_cast<std::uint16_t>(ChainProblem::buffer_outside));
    EXPECT_EQ(entries[1].proof, Proof::absent);
    EXPECT_EQ(text_of(entries[2].content), "old");
}

TEST_F(SplitRingTapTest, OutlivesMemoryThatIsCutAway) {
    start();
    ring.describe_chain(0, {{buffer, 4, false}});
    ring.offer(0);
    ring.truncate(buffer - RingPair::guest_address);
    tap->scan();
    ASSERT_EQ(recorder.entries().size(), 1U);
    EXPECT_EQ(recorder.entries()[0].proof, Proof::absent);
    ring.truncate(0);
    EXPECT_EQ(tap->scan().entries, 0U);
    EXPECT_EQ(tap->scan().entries, 0U);
    EXPECT_EQ(recorder.counts().notes, 1U);
}

}  // namespace
}  // namespace vutrace::capture
