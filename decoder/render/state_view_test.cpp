#include "render_fixture.h"

#include <vutrace/protocol/features.h>
#include <vutrace/render/state_view.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vutrace::render::test {
namespace {

using protocol::FrontEndRequest;
using testing::HasSubstr;

StateView state_after(const TraceBuilder& trace) {
    session::Tracker tracker;
    for (const trace::Record& record : trace.records) {
        (void)tracker.apply(record);
    }
    const trace::Record& last = trace.records.back();
    return view_state(*tracker.session(1), 2, last.sequence, last.time);
}

FeatureStanding standing(const std::vector<FeatureBit>& bits, unsigned bit) {
    const auto found = std::find_if(bits.begin(), bits.end(), [&](const FeatureBit& one) { return one.bit == bit; });
    EXPECT_NE(found, bits.end()) << bit;
    return found == bits.end() ? FeatureStanding::offered : found->standing;
}

TEST(CompareFeatures, TellsWhatEachSideSaidOfABit) {
    const auto bits = compare_features(FeatureKind::virtio, 0b0110, 0b1010, 2);
    ASSERT_EQ(bits.size(), 3U);
    EXPECT_EQ(standing(bits, 1), FeatureStanding::accepted);
    EXPECT_EQ(standing(bits, 2), FeatureStanding::missing);
    EXPECT_EQ(standing(bits, 3), FeatureStanding::never_offered);
    EXPECT_EQ(bits[0].name, "SIZE_MAX");
    EXPECT_EQ(tone_of(FeatureStanding::never_offered), Tone::bad);
}

TEST(CompareFeatures, ClaimsNothingThatWasNotSeen) {
    EXPECT_TRUE(compare_features(FeatureKind::virtio, std::nullopt, std::nullopt, 0).empty());
    EXPECT_EQ(standing(compare_features(FeatureKind::vhost_user, 1, std::nullopt, 0), 0), FeatureStanding::offered);
    EXPECT_EQ(standing(compare_features(FeatureKind::vhost_user, std::nullopt, 1, 0), 0),
              FeatureStanding::offer_unknown);
    EXPECT_EQ(standing(compare_features(FeatureKind::virtio, 1, 0, 0), 0), FeatureStanding::missing);
}

TEST(StateView, ShowsRingsAndBuffersInTheirRegion) {
    TraceBuilder trace;
    trace.start_block_device();
    trace.chain(block_write(3, 0, 512));
    const StateView view = state_after(trace);
    ASSERT_EQ(view.regions.size(), 1U);
    const auto& marks = view.regions[0].marks;
    ASSERT_EQ(marks.size(), 6U) << "three parts of the ring, three buffers";
    EXPECT_EQ(marks[0].kind, MarkKind::descriptors);
    EXPECT_EQ(marks[0].address, 0x1000U);
    EXPECT_EQ(marks[1].kind, MarkKind::driver_part);
    EXPECT_EQ(marks[3].kind, MarkKind::readable);
    EXPECT_EQ(marks[5].kind, MarkKind::writable);
    EXPECT_EQ(marks[5].record, trace.records.back().sequence);
    EXPECT_EQ(mark_name(marks[1], false), "available ring of queue 0");
    EXPECT_EQ(mark_name(marks[1], true), "driver event area of queue 0");
    EXPECT_THAT(mark_name(marks[5], false), HasSubstr("writable buffer of queue 0, in flight since record"));
    EXPECT_TRUE(view.outside.empty());
    EXPECT_EQ(view.epoch, 1U);
}

TEST(StateView, ShowsQueuesWithTheirDescriptorsAndWhatIsInFlight) {
    TraceBuilder trace;
    trace.start_block_device();
    trace.chain(block_write(3, 0, 512));
    trace.chain(block_write(6, 8, 512));
    trace.chain(block_write_done(3, 0));
    const StateView view = state_after(trace);
    ASSERT_EQ(view.queues.size(), 1U);
    EXPECT_EQ(view.queues[0].number, 0U);
    EXPECT_FALSE(view.queues[0].role.empty());
    ASSERT_TRUE(view.queues[0].setup);
    EXPECT_NE(view.queues[0].setup->kick_descriptor, 0U);
    ASSERT_EQ(view.open.size(), 1U);
    EXPECT_EQ(view.open[0].chain.head, 6);
    EXPECT_EQ(view.open[0].readable, 16U + 512U);
    EXPECT_EQ(view.open[0].writable, 1U);
    EXPECT_EQ(view.queues[0].ring.slots[6], SlotState::available);
    EXPECT_EQ(view.queues[0].ring.slots[7], SlotState::part);
    EXPECT_EQ(view.queues[0].ring.slots[3], SlotState::free);
}

TEST(StateView, ABufferOutsideOfEveryRegionIsShownAsSuch) {
    TraceBuilder trace;
    trace.start_block_device();
    trace::ChainEntry entry = block_write(3, 0, 512);
    entry.descriptors[1].address = 0xffffffffffff0000;
    trace.chain(entry);
    const StateView view = state_after(trace);
    ASSERT_EQ(view.outside.size(), 1U);
    EXPECT_EQ(view.outside[0].address, 0xffffffffffff0000U);
}

TEST(StateView, AfterLostChainsNobodyKnowsWhoOwnsWhat) {
    TraceBuilder trace;
    trace.start_block_device();
    trace.chain(block_write(3, 0, 512));
    trace.add(trace::GapRecord{0, 4, 0, 0, "too fast"});
    const StateView view = state_after(trace);
    EXPECT_EQ(view.queues[0].ring.slots[3], SlotState::available);
    EXPECT_EQ(view.queues[0].ring.slots[9], SlotState::unknown);
}

TEST(StateView, WhatIsWrongInARingIsSaidInAllForms) {
    TraceBuilder trace;
    trace.start_block_device();
    trace::ChainEntry entry = block_write(3, 0, 512);
    entry.problem = static_cast<std::uint16_t>(virtio::ChainProblem::next_out_of_range);
    trace.chain(entry);
    trace::ChainEntry done = block_write_done(99, 0);
    trace.chain(done);
    const RingView ring = state_after(trace).queues[0].ring;
    ASSERT_EQ(ring.problems.size(), 2U);
    EXPECT_THAT(ring.problems[0], HasSubstr(chain_problem_text(entry.problem)));
    EXPECT_THAT(ring.problems[1], HasSubstr("id 99 is none, the queue has 16 descriptors"));
    EXPECT_THAT(ring_text(ring, Style(false)), HasSubstr("!! " + ring.problems[1]));
    EXPECT_THAT(ring_facts(ring), HasSubstr("!! " + ring.problems[0]));
    EXPECT_THAT(ring_json(ring), HasSubstr("\"problems\":["));
}

TEST(StateView, OfNothingIsEmpty) {
    const StateView view = view_state({}, 0, 1, 0);
    EXPECT_TRUE(view.features.empty());
    EXPECT_TRUE(view.regions.empty());
    EXPECT_TRUE(view.queues.empty());
    EXPECT_FALSE(view.accepted_protocol);
}

TEST(DescriptorTexts, SayWhatForAndUntilWhen) {
    session::DescriptorLife life;
    life.use = session::DescriptorUse::kick;
    life.queue = 3;
    EXPECT_EQ(use_text(life), "kick of queue 3");
    EXPECT_EQ(end_text(life), "in use to the end of the trace");
    life.end = session::DescriptorEnd::replaced;
    life.ended = 12;
    EXPECT_EQ(end_text(life), "replaced by record 12");
    life.use = session::DescriptorUse::other;
    life.request = static_cast<std::uint32_t>(FrontEndRequest::SET_LOG_BASE);
    EXPECT_EQ(use_text(life), "SET_LOG_BASE");
    const trace::Descriptor descriptor{10, {DescriptorKind::memfd, 0, 0, 1, 7, 4096}};
    EXPECT_EQ(descriptor_text(descriptor), "memfd  id 10  inode 7  device 0:1  size 4096 (4K)");
}

}  // namespace
}  // namespace vutrace::render::test
