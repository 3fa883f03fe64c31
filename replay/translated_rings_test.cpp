// Rings of both layouts behind an IOMMU, with and without indirect tables; and rings that go elsewhere while they run.
#include "translated_session.h"

#include <gmock/gmock.h>

namespace vutrace::replay {
namespace {

using std::chrono::milliseconds;
using testing::BlockSession;
using ::testing::ElementsAre;
using testing::guest;
using testing::guest_tables;
using testing::iova;
using testing::iova_tables;
using ::testing::IsEmpty;
using testing::page;
using virtio::PackedRingLayout;
using virtio::SplitRingLayout;

struct Kind {
    const char* name;
    bool packed;
    bool indirect;
};

class TranslatedRings : public testing::TranslatedSession, public ::testing::WithParamInterface<Kind> {
  protected:
    TranslatedRings() {
        packed = GetParam().packed;
        indirect = GetParam().indirect;
    }
    // Their parts lie on two pages, which are `descriptor` and `used` from now on.
    void translate_ring_to(std::uint64_t descriptor, std::uint64_t used) {
        translate(BlockSession::iova_ring, descriptor, page);
        translate(BlockSession::iova_ring + page, used, page);
    }
    void invalidate_ring() { invalidate(BlockSession::iova_ring, 2 * page); }
};

TEST_P(TranslatedRings, ChainsAreServedByTheRecordedTranslations) {
    expect_chains_served(300);  // some rounds
}

TEST_P(TranslatedRings, ADeviceMayAskSoonerThanTheRecordedOne) {
    const std::uint64_t elsewhere = indirect ? iova_tables + 5 : iova + 2 * page;
    expect_answers_when_asked_first({iova + page, elsewhere, BlockSession::iova_ring + page});
}

// The recorded device never took the second chain, and nobody told where its buffer and its table are.
TEST_P(TranslatedRings, WhatTheDeviceFillsByItselfMayBeUnknown) {
    begin();
    start_queue();
    translate_ring();
    translate(iova, guest, page);
    if (indirect) {
        translate(iova_tables, guest_tables, 64);  // the first table
    }
    offer_empty(0, iova, 64);
    offer_empty(1, iova + page, 64);
    use(0);
    BlockSession::stop_queue(builder, 0, 1);
    const Report report = replay();
    EXPECT_THAT(kinds(report), IsEmpty()) << to_text(report);
    EXPECT_EQ(report.chains_completed, 1U);
    EXPECT_EQ(report.translations_unknown, 1U);
}

TEST_P(TranslatedRings, ARingThatIsTranslatedAnewIsFollowed) {
    begin();
    start_queue();
    translate_tables();
    translate(iova, guest, 2 * page);
    constexpr std::uint64_t first = 0x500000, second = 0x600000;
    std::uint16_t number = 0;
    for (int round = 0; round < 6; ++round) {
        if (round != 0) {
            invalidate_ring();
        }
        if (round % 2 == 0) {
            translate_ring_to(first, second);
        } else {
            translate_ring_to(second, first);  // each to where the other one was
        }
        for (int i = 0; i < 50; ++i, ++number) {
            offer(number, iova, "x", iova + page);
            use(number);
        }
    }
    const Report report = replay();
    EXPECT_EQ(report.divergence_count, 0U) << to_text(report);
    EXPECT_EQ(report.chains_completed, 300U);
    EXPECT_EQ(device->read.size(), 300U);
    EXPECT_EQ(device->moves, 5U);
}

TEST_P(TranslatedRings, ChainsInFlightMoveWithTheirRing) {
    begin();
    start_queue();
    translate_ring();
    translate_tables();
    translate(iova, guest, page);
    offer_empty(0, iova + page, 8);  // its translation comes later
    offer(1, iova, "second", iova + 100);
    invalidate(iova + page, page);
    invalidate_ring();
    translate_ring_to(0x500000, 0x600000);
    translate(iova + page, guest + page, page);
    use(0);
    use(1);
    const Report report = replay();
    EXPECT_EQ(report.divergence_count, 0U) << to_text(report);
    EXPECT_EQ(report.chains_completed, 2U);
    EXPECT_EQ(device->read, "second");
    EXPECT_EQ(device->moves, 1U);
}

// Other pages than its own, and the same place once more, leave a ring where it is.
TEST_P(TranslatedRings, OtherUpdatesLeaveARingAlone) {
    begin();
    start_queue();
    translate_ring();
    translate_tables();
    translate(iova, guest, 2 * page);
    offer(0, iova, "one", iova + page);
    use(0);
    invalidate_ring();
    translate(iova + 5 * page, guest, page);
    translate_ring();
    offer(1, iova, "two", iova + page);
    use(1);
    const Report report = replay();
    EXPECT_EQ(report.divergence_count, 0U) << to_text(report);
    EXPECT_EQ(device->read, "onetwo");
    EXPECT_EQ(device->moves, 0U);
}

TEST_P(TranslatedRings, ThePreviewKnowsWhereARingGoes) {
    begin();
    start_queue();
    const std::uint64_t start = builder.last_sequence();
    translate_ring();
    invalidate_ring();
    const std::uint64_t invalidation = builder.last_sequence() - 1;
    translate_ring_to(0x500000, 0x600000);
    invalidate_ring();
    translate_ring_to(0x500000, 0x600000);
    const auto preview = preview_trace(write_trace(), std::nullopt);
    ASSERT_TRUE(preview);
    const auto& placements = preview->starts.at(start).placements;
    ASSERT_EQ(placements.size(), 2U);
    EXPECT_EQ(placements[0].since, 0U);
    EXPECT_EQ(placements[1].since, invalidation);
    const std::uint64_t available = BlockSession::available - BlockSession::descriptor;
    const virtio::RingLayout expected =
        packed ? virtio::RingLayout(PackedRingLayout{128, 0x500000, 0x500000 + available, 0x600000})
               : virtio::RingLayout(SplitRingLayout{128, 0x500000, 0x500000 + available, 0x600000});
    EXPECT_EQ(placements[1].layout, expected);
}

INSTANTIATE_TEST_SUITE_P(Rings, TranslatedRings,
                         ::testing::Values(Kind{"Split", false, false}, Kind{"SplitIndirect", false, true},
                                           Kind{"Packed", true, false}, Kind{"PackedIndirect", true, true}),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace vutrace::replay
