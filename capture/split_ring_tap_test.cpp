#include "split_ring_tap.h"

#include "testing/tapped_ring.h"

#include <gmock/gmock.h>

namespace vutrace::capture {
namespace {

using ::testing::ElementsAre;
using testing::SplitRingTapTest;
using testing::text_of;
using State = trace::ChainEntry::State;
using trace::Proof;

TEST_F(SplitRingTapTest, RecordsBothStepsOfADirectChain) {
    start();
    ring.write(buffer, "request");
    ring.describe_chain(2, {{buffer, 7, false}, {buffer + 4096, 100, true}, {buffer + 8192, 1, true}});
    ring.offer(2);
    EXPECT_EQ(tap->scan().entries, 1U);
    EXPECT_EQ(tap->in_flight(), 1U);

    ring.write(buffer + 4096, "answer");
    ring.use(2, 6);
    EXPECT_EQ(tap->scan().entries, 1U);
    EXPECT_EQ(tap->in_flight(), 0U);

    const auto entries = recorder.entries();
    ASSERT_EQ(entries.size(), 2U);
    EXPECT_EQ(entries[0].state, State::available);
    EXPECT_EQ(entries[0].head, 2);
    EXPECT_EQ(entries[0].index, 0);
    EXPECT_EQ(entries[0].proof, Proof::verified);
    EXPECT_EQ(entries[0].problem, 0);
    ASSERT_EQ(entries[0].descriptors.size(), 3U);
    EXPECT_EQ(entries[0].descriptors[1].length, 100U);
    EXPECT_EQ(text_of(entries[0].content), "request");
    EXPECT_EQ(entries[1].state, State::used);
    EXPECT_EQ(entries[1].used_length, 6U);
    EXPECT_EQ(entries[1].proof, Proof::verified);
    EXPECT_TRUE(entries[1].descriptors.empty());
    EXPECT_EQ(text_of(entries[1].content), "answer");
    EXPECT_EQ(recorder.all<trace::ChainRecord>()[1].fields.used_index, 1);
    EXPECT_EQ(recorder.counts().chains_lost + recorder.counts().completions_lost, 0U);
}

TEST_F(SplitRingTapTest, FollowsAnIndirectTable) {
    start();
    ring.write(buffer, "head");
    ring.describe_indirect(0, buffer + 65536, {{buffer, 4, false}, {buffer + 4096, 8, true}});
    ring.offer(0);
    tap->scan();
    ring.write(buffer + 4096, "12345678");
    ring.use(0, 8);
    tap->scan();
    const auto entries = recorder.entries();
    ASSERT_EQ(entries.size(), 2U);
    EXPECT_EQ(entries[0].descriptors.size(), 3U);
    EXPECT_EQ(text_of(entries[0].content), "head");
    EXPECT_EQ(text_of(entries[1].content), "12345678");
}

TEST_F(SplitRingTapTest, PutsStepsOfOneHeadInOrderWhenItCameAroundTwice) {
    start();
    ring.describe_chain(0, {{buffer, 4, false}});
    ring.describe_chain(1, {{buffer, 4, false}});
    for (const std::uint16_t head : std::vector<std::uint16_t>{0, 1, 0}) {
        ring.offer(head);
        ring.use(head, 0);
    }
    tap->scan();
    std::vector<std::pair<State, int>> of_head_0;
    for (const auto& entry : recorder.entries()) {
        if (entry.head == 0) {
            of_head_0.emplace_back(entry.state, entry.index);
        }
    }
    EXPECT_THAT(of_head_0, ElementsAre(std::pair{State::available, 0}, std::pair{State::used, 0},
                                       std::pair{State::available, 2}, std::pair{State::used, 2}));
    EXPECT_EQ(recorder.counts().chains_lost, 0U);
}

TEST_F(SplitRingTapTest, GoesOnAcrossTheWrapOfTheIndices) {
    start({}, 65530);
    for (int i = 0; i < 40; ++i) {
        const auto head = static_cast<std::uint16_t>(i % 16);
        ring.describe_chain(head, {{buffer, 4, false}});
        ring.offer(head);
        tap->scan();
        ring.use(head, 0);
        tap->scan();
    }
    const auto counts = recorder.counts();
    EXPECT_EQ(counts.offers, 40U);
    EXPECT_EQ(counts.completions, 40U);
    EXPECT_EQ(counts.verified, 80U);
    EXPECT_EQ(recorder.entries().back().index, static_cast<std::uint16_t>(65530 + 39));
}

TEST_F(SplitRingTapTest, TakesCompletionsOutOfOrder) {
    start();
    for (std::uint16_t head = 0; head < 4; ++head) {
        ring.describe_chain(head, {{buffer + head * 64U, 8, true}});
        ring.offer(head);
    }
    tap->scan();
    for (const std::uint16_t head : std::vector<std::uint16_t>{2, 0, 3, 1}) {
        ring.write(buffer + head * 64U, std::string(8, static_cast<char>('a' + head)));
        ring.use(head, 8);
    }
    tap->scan();
    const auto entries = recorder.entries();
    ASSERT_EQ(entries.size(), 8U);
    EXPECT_EQ(text_of(entries[4].content), "cccccccc");
    EXPECT_EQ(text_of(entries[7].content), "bbbbbbbb");
    EXPECT_EQ(recorder.all<trace::ChainRecord>().size(), 2U);
}

TEST_F(SplitRingTapTest, ExpandsBatchesOfInOrderQueues) {
    SplitRingTap::Options options;
    options.in_order = true;
    start(options);
    for (std::uint16_t head = 0; head < 5; ++head) {
        ring.describe_chain(head, {{buffer + head * 64U, 8, true}});
        ring.offer(head);
    }
    tap->scan();
    recorder.clear();
    // One element for heads 0 to 2, in the slot of the first; then one for 3 and 4.
    ring.put<std::uint32_t>(ring.layout().used + ring.layout().used_slot(0), 2);
    ring.put<std::uint32_t>(ring.layout().used + ring.layout().used_slot(0) + 4, 5);
    ring.put<std::uint32_t>(ring.layout().used + ring.layout().used_slot(3), 4);
    ring.put<std::uint32_t>(ring.layout().used + ring.layout().used_slot(3) + 4, 8);
    ring.publish_used(5);
    tap->scan();
    std::vector<std::pair<int, std::uint32_t>> used;
    for (const auto& entry : recorder.entries()) {
        used.emplace_back(entry.head, entry.used_length);
    }
    EXPECT_THAT(used,
                ElementsAre(std::pair{0, 8U}, std::pair{1, 8U}, std::pair{2, 5U}, std::pair{3, 8U}, std::pair{4, 8U}));
    EXPECT_EQ(tap->in_flight(), 0U);
}

TEST_F(SplitRingTapTest, KnowsChainsThatWereInFlightBeforeItBegan) {
    ring.put<std::uint16_t>(ring.layout().available + 2, 5);
    ring.put<std::uint16_t>(ring.layout().used + 2, 3);
    ring.next_use = 3;
    tap.emplace(SplitRingTap::Options{}, recorder);
    ASSERT_TRUE(tap->place(ring.layout(), mappings));
    tap->start(5);
    ring.use(9, 0);
    ring.use(10, 0);
    tap->scan();
    EXPECT_EQ(recorder.counts().completions, 2U);
    EXPECT_EQ(recorder.counts().chains_lost, 0U);
}

TEST_F(SplitRingTapTest, BeginsAtTheBaseWhenTheDeviceWasQuicker) {
    ring.describe_chain(0, {{buffer, 1, false}});
    ring.offer(0);
    ring.use(0, 0);
    tap.emplace(SplitRingTap::Options{}, recorder);
    ASSERT_TRUE(tap->place(ring.layout(), mappings));
    tap->start(0);
    tap->scan();
    EXPECT_EQ(recorder.counts().offers, 1U);
    EXPECT_EQ(recorder.counts().completions, 1U);
}

// virtio-user of DPDK says base 0 to each back-end that reconnects. A tap that comes later cannot tell it from a loss.
TEST_F(SplitRingTapTest, ABaseThatTheRingHasLeftBehindIsTheUsedIndex) {
    for (const bool looks_first : {true, false}) {
        RingTap::Options options;
        options.looks_first = looks_first;
        recorder.clear();
        start(options, 5000);
        ring.offer(2);
        tap->start(0);
        tap->scan();
        EXPECT_EQ(recorder.counts().offers, 1U) << "what the device still has";
        EXPECT_EQ(recorder.counts().chains_lost, looks_first ? 0U : 5000U);
    }
}

// Before the tap knows that the queue has ended.
TEST_F(SplitRingTapTest, ARingThatWasClearedClaimsNothing) {
    start();
    ring.describe_chain(0, {{buffer, 4, false}});
    for (int i = 0; i < 40; ++i) {
        ring.offer(0);
        tap->scan();
        (void)ring.take();
        ring.use(0, 0);
        tap->scan();
    }
    ring.set_indices(0);
    tap->scan();
    tap->end();
    tap->scan();
    tap->give_up();
    const auto counts = recorder.counts();
    EXPECT_EQ(counts.offers, 40U);
    EXPECT_EQ(counts.completions, 40U);
    EXPECT_EQ(counts.chains_lost, 0U);
    EXPECT_EQ(counts.completions_lost, 0U);
    ASSERT_EQ(recorder.all<trace::GapRecord>().size(), 1U);
    EXPECT_TRUE(recorder.all<trace::GapRecord>()[0].reason.find("cleared") != std::string::npos);
}

TEST_F(SplitRingTapTest, SaysWhenNotificationsAreOff) {
    SplitRingTap::Options options;
    options.event_index = true;
    start(options);
    tap->scan();
    EXPECT_FALSE(tap->kicks_suppressed());
    EXPECT_FALSE(tap->calls_suppressed());
    ring.put<std::uint16_t>(ring.layout().used + ring.layout().available_event(), 9);
    ring.put<std::uint16_t>(ring.layout().available + ring.layout().used_event(), 9);
    tap->scan();
    EXPECT_TRUE(tap->kicks_suppressed());
    EXPECT_TRUE(tap->calls_suppressed());
    start();
    ring.put<std::uint16_t>(ring.layout().available, virtio::available_no_interrupt);
    tap->scan();
    EXPECT_TRUE(tap->calls_suppressed());
    EXPECT_FALSE(tap->kicks_suppressed());
    ring.put<std::uint16_t>(ring.layout().used, virtio::used_no_notify);
    tap->scan();
    EXPECT_TRUE(tap->kicks_suppressed());
}

}  // namespace
}  // namespace vutrace::capture
