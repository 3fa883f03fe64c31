#include "ring_fixture.h"

#include <gmock/gmock.h>

namespace vutrace::check {
namespace {

using test::at;
using test::bit;
using test::BlockSession;
using test::FrontEndRequest;
using test::one_second;
using test::RingSession;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;
using virtio::ChainProblem;
namespace feature = protocol::feature;

trace::ChainEntry with(trace::ChainEntry entry, ChainProblem problem, trace::Proof proof = trace::Proof::verified) {
    entry.problem = static_cast<std::uint16_t>(problem);
    entry.proof = proof;
    return entry;
}

// 600 requests over a queue of 128, as a healthy pair does them.
RingSession healthy() {
    RingSession ring;
    for (std::uint16_t i = 0; i < 600; ++i) {
        const auto head = static_cast<std::uint16_t>(3 * (i % 40));
        ring.kick();
        ring.offer(i % 2 == 0 ? ring.write(head) : ring.read(head));
        ring.call();
        ring.use(ring.done(head, Bytes(i % 2 == 0 ? 1 : 513)));
    }
    return ring;
}

TEST(Driver, AHealthyRingGivesNothing) {
    RingSession ring = healthy();
    EXPECT_THAT(ring.said(), IsEmpty());
    BlockSession::stop_queue(ring.session, 0, ring.available);
    test::close(ring.session);
    EXPECT_THAT(ring.said(), IsEmpty());
}

// --- VU069, VU070

TEST(Driver, AnAvailableIndexThatGoesBackIsFound) {
    RingSession ring;
    ring.offer(ring.write(0));
    ring.complete(0);
    ring.available = 0;
    const auto record = ring.offer(ring.write(3));
    EXPECT_THAT(ring.said({"VU069"}), Contains(StartsWith(at("VU069", record, "error driver"))));
}

TEST(Driver, AnAvailableIndexThatJumpsWithoutALossIsFound) {
    RingSession ring;
    ring.offer(ring.write(0));
    ring.available = 5;
    const auto record = ring.offer(ring.write(3));
    EXPECT_THAT(ring.said({"VU069"}),
                ElementsAre(AllOf(StartsWith(at("VU069", record, "error driver")), HasSubstr("from 1 to 5"))));
}

TEST(Driver, AnAvailableIndexThatJumpsOverALossIsInOrder) {
    RingSession ring;
    ring.offer(ring.write(0));
    ring.lose(4, 0);
    ring.available = 5;
    ring.offer(ring.write(3));
    EXPECT_THAT(ring.said({"VU069", "VU070"}), IsEmpty());
}

TEST(Driver, MoreInFlightThanTheQueueHoldsIsFound) {
    RingSession ring;
    trace::ChainEntry entry = ring.write(0);
    ring.available = 129;
    const auto record = ring.add({entry});
    EXPECT_THAT(ring.said({"VU069"}), ElementsAre(AllOf(StartsWith(at("VU069", record, "error driver")),
                                                        HasSubstr("129 ahead of used index 0"))));
    RingSession full;
    full.available = 128;
    full.add({entry});
    EXPECT_THAT(full.said({"VU069"}), IsEmpty());
}

TEST(Driver, ARingThatIsStartedBehindItsDriverIsTheFrontEndsFault) {
    RingSession ring;
    ring.available = 5000;
    ring.used = 5000;
    const auto record = ring.offer(ring.write(0));
    ring.offer(ring.write(3));
    EXPECT_THAT(ring.said({"VU069"}), ElementsAre(AllOf(StartsWith(at("VU069", record, "warn front-end")),
                                                        HasSubstr("at base 0, its driver goes on with entry 5000"))));
}

TEST(Driver, AJumpWithCompletionsThatWereMissedIsInOrder) {
    RingSession ring;
    ring.offer(ring.write(0));
    ring.lose(5000, 0, "the available index ran ahead by more than the queue holds");
    ring.lose(0, 5001, "the used index ran ahead by more than the queue holds");
    ring.session.pass(2 * one_second);
    test::close(ring.session);
    EXPECT_THAT(ring.said({"VU069"}), IsEmpty());
}

TEST(Driver, AJumpAfterWhichNothingIsCompletedIsSuspected) {
    constexpr const char* reason = "the available index ran ahead by more than the queue holds";
    RingSession ring;
    ring.offer(ring.write(0));
    const auto gap = ring.lose(1000, 0, reason);
    ring.session.pass(2 * one_second);
    ring.kick();
    EXPECT_THAT(ring.said({"VU069"}), ElementsAre(StartsWith(at("VU069", gap, "warn driver"))));

    ring.available = 1001;
    ring.used = 1000;
    ring.use(ring.done(0));
    EXPECT_THAT(ring.said({"VU069"}), IsEmpty()) << "the device has seen them: capture was slow";
}

TEST(Driver, AHeadBeyondTheQueueIsFound) {
    RingSession ring;
    const auto record = ring.offer(with(ring.request(500, {}), ChainProblem::head_out_of_range));
    EXPECT_THAT(ring.said({"VU070"}),
                ElementsAre(AllOf(StartsWith(at("VU070", record, "error driver")), HasSubstr("head 500"))));
}

TEST(Driver, AHeadThatIsOfferedTwiceIsFound) {
    RingSession ring;
    const auto first = ring.offer(ring.write(3));
    const auto record = ring.offer(ring.write(3));
    EXPECT_THAT(ring.said({"VU070"}), ElementsAre(AllOf(StartsWith(at("VU070", record, "error driver")),
                                                        HasSubstr("since record " + std::to_string(first)))));
}

TEST(Driver, AHeadThatIsOfferedTwiceAfterALossIsANote) {
    RingSession ring;
    ring.offer(ring.write(3));
    ring.lose(0, 1);
    const auto record = ring.offer(ring.write(3));
    EXPECT_THAT(ring.said({"VU070"}), ElementsAre(StartsWith(at("VU070", record, "info driver"))));
}

// --- VU071 - VU076: what walking met

struct WalkCase {
    ChainProblem problem;
    const char* rule;
};
const WalkCase walk_cases[] = {
    {ChainProblem::too_long, "VU071"},
    {ChainProblem::indirect_too_long, "VU071"},
    {ChainProblem::next_out_of_range, "VU072"},
    {ChainProblem::readable_after_writable, "VU073"},
    {ChainProblem::indirect_with_next, "VU074"},
    {ChainProblem::indirect_in_table, "VU074"},
    {ChainProblem::address_overflow, "VU076"},
    {ChainProblem::length_overflow, "VU076"},
    {ChainProblem::descriptor_unreadable, "VU076"},
};
const char* const walk_rules[] = {"VU071", "VU072", "VU073", "VU074", "VU075", "VU076"};

TEST(Driver, EachProblemOfAChainBelongsToOneRule) {
    for (const WalkCase& one : walk_cases) {
        RingSession ring;
        const auto record = ring.offer(with(ring.write(3), one.problem));
        EXPECT_THAT(ring.said({std::begin(walk_rules), std::end(walk_rules)}),
                    ElementsAre(AllOf(StartsWith(at(one.rule, record, "error driver")),
                                      HasSubstr(virtio::name_of(one.problem)))));
    }
}

TEST(Driver, AChainThatWasCopiedLateIsNotJudged) {
    for (const WalkCase& one : walk_cases) {
        RingSession ring;
        ring.offer(with(ring.write(3), one.problem, trace::Proof::late));
        EXPECT_THAT(ring.said({std::begin(walk_rules), std::end(walk_rules)}), IsEmpty());
    }
}

TEST(Driver, AChainThatMayHaveBeenCopiedLateIsNotJudged) {
    RingSession ring;
    trace::ChainEntry offered = with(ring.write(3), ChainProblem::next_out_of_range, trace::Proof::absent);
    ring.available = ring.used = 1;
    ring.add({offered, session::testing::used_entry(3, 0, {})});
    EXPECT_THAT(ring.said({"VU072"}), IsEmpty());
    RingSession in_flight;
    in_flight.offer(offered);
    EXPECT_THAT(in_flight.said({"VU072"}), ElementsAre(HasSubstr("error driver")));
}

trace::ChainEntry indirect(const RingSession& ring, std::uint32_t entries) {
    trace::ChainEntry entry = ring.write(3);
    entry.descriptors.insert(entry.descriptors.begin(), {0x300000, 16 * entries, virtio::descriptor_indirect, 0});
    return entry;
}

TEST(Driver, AnIndirectTableHasToBeNegotiated) {
    RingSession ring;
    const auto record = ring.offer(indirect(ring, 3));
    EXPECT_THAT(ring.said({"VU075"}), ElementsAre(StartsWith(at("VU075", record, "error driver"))));
    RingSession negotiated(bit(feature::RING_INDIRECT_DESC));
    negotiated.offer(indirect(negotiated, 3));
    EXPECT_THAT(negotiated.said(), Not(Contains(HasSubstr("VU075"))));
}

TEST(Driver, ABrokenIndirectTableIsFound) {
    for (const ChainProblem problem : {ChainProblem::indirect_bad_length, ChainProblem::indirect_unreadable}) {
        RingSession ring(bit(feature::RING_INDIRECT_DESC));
        const auto record = ring.offer(with(indirect(ring, 3), problem));
        EXPECT_THAT(ring.said({"VU075"}), ElementsAre(StartsWith(at("VU075", record, "error driver"))));
    }
}

TEST(Driver, ATableLongerThanTheQueueIsANoteOnce) {
    RingSession ring(bit(feature::RING_INDIRECT_DESC));
    const auto record = ring.offer(indirect(ring, 515));
    ring.offer(indirect(ring, 515));
    EXPECT_THAT(ring.said({"VU071"}),
                ElementsAre(AllOf(StartsWith(at("VU071", record, "info driver")), HasSubstr("515 entries"))));
    RingSession fits(bit(feature::RING_INDIRECT_DESC));
    fits.offer(indirect(fits, 128));
    EXPECT_THAT(fits.said({"VU071"}), IsEmpty());
}

// --- VU076 - VU079

TEST(Driver, ABufferOutsideTheRegionsIsFound) {
    RingSession ring;
    trace::ChainEntry entry = ring.write(3);
    entry.descriptors[2].address = 0xb0000;  // between the two regions
    const auto record = ring.offer(entry);
    EXPECT_THAT(ring.said({"VU076"}), ElementsAre(AllOf(StartsWith(at("VU076", record, "error driver")),
                                                        HasSubstr("1 byte at 0xb0000 (writable)"))));
}

TEST(Driver, WhatTapSawTooLateToCopyIsNotJudged) {
    RingSession ring(0, "tap");
    trace::ChainEntry entry = ring.write(3);
    entry.descriptors[2].address = 0xb0000;
    entry.proof = trace::Proof::absent;
    ring.offer(entry);
    EXPECT_THAT(ring.said({"VU076"}), IsEmpty());
}

TEST(Driver, ABufferThatRunsOutOfItsRegionIsFound) {
    RingSession ring;
    trace::ChainEntry entry = ring.write(3);
    entry.descriptors[2] = {0x3ffff00, 0x101, 2, 0};
    ring.offer(entry);
    EXPECT_THAT(ring.said({"VU076"}), ElementsAre(HasSubstr("257 bytes")));
    entry.descriptors[2].length = 0x100;
    RingSession fits;
    fits.offer(entry);
    EXPECT_THAT(fits.said({"VU076"}), IsEmpty());
}

TEST(Driver, ABufferMayGoOnInTheNeighbouringRegion) {
    RingSession ring;
    const protocol::MemoryRegion next{0x4000000, 0x1000, BlockSession::user_base + 0x10000000, 0, 0, 0};
    ring.session.request(FrontEndRequest::ADD_MEM_REG, protocol::serialise_region(next, false), {12});
    trace::ChainEntry entry = ring.write(3);
    entry.descriptors[2] = {0x3ffff00, 0x200, 2, 0};
    ring.offer(entry);
    EXPECT_THAT(ring.said({"VU076"}), IsEmpty());
}

TEST(Driver, ABufferOfARegionThatWasJustRemovedIsNotJudged) {
    RingSession ring;
    ring.session.request(FrontEndRequest::REM_MEM_REG, protocol::serialise_region(BlockSession::regions()[1], false));
    ring.offer(ring.write(3));
    EXPECT_THAT(ring.said({"VU076"}), IsEmpty()) << "it may only have been recorded after the message";
    ring.session.pass(2 * one_second);
    ring.offer(ring.write(6));
    EXPECT_THAT(ring.said({"VU076"}), ElementsAre(HasSubstr("VU076")));
}

TEST(Driver, BuffersBehindAnIommuAreNotJudged) {
    RingSession ring(bit(feature::ACCESS_PLATFORM));
    trace::ChainEntry entry = ring.write(3);
    entry.descriptors[2].address = 0xffff0000;
    ring.offer(entry);
    EXPECT_THAT(ring.said({"VU076"}), IsEmpty());
}

TEST(Driver, ADescriptorInFlightInAnotherChainIsFound) {
    RingSession ring;
    const auto first = ring.offer(ring.write(3));  // 3, 4, 5
    trace::ChainEntry thief = ring.write(4);       // 4, 5, 6
    const auto record = ring.offer(thief);
    EXPECT_THAT(ring.said({"VU077"}),
                ElementsAre(AllOf(StartsWith(at("VU077", record, "error driver")), HasSubstr("descriptor 4"),
                                  HasSubstr("since record " + std::to_string(first)))));
}

TEST(Driver, ADescriptorOfACompletedChainMayBeTakenAgain) {
    RingSession ring;
    ring.offer(ring.write(3));
    ring.complete(3);
    ring.offer(ring.write(4));
    ring.complete(4);
    ring.offer(ring.write(3));
    EXPECT_THAT(ring.said({"VU077"}), IsEmpty());
}

TEST(Driver, ADescriptorWhoseCompletionComesInTheSameRecordMayBeTakenAgain) {
    RingSession ring;
    ring.offer(ring.write(3));
    trace::ChainEntry next = ring.write(4);
    ring.available = 2;
    ring.used = 1;
    ring.add({next, session::testing::used_entry(3, 0, session::testing::literal(Bytes(1)))});
    EXPECT_THAT(ring.said({"VU077"}), IsEmpty());
}

TEST(Driver, EmptyBuffersAreToldOnce) {
    RingSession ring;
    trace::ChainEntry entry = ring.write(3);
    entry.descriptors[1].length = 0;
    const auto record = ring.offer(entry);
    ring.complete(3);
    ring.offer(entry);
    EXPECT_THAT(ring.said({"VU078"}), ElementsAre(StartsWith(at("VU078", record, "warn driver"))));
}

TEST(Driver, InOrderMeansTheNextDescriptor) {
    trace::ChainEntry skips;
    RingSession ring(bit(feature::IN_ORDER));
    skips = ring.write(3);
    skips.descriptors[0].next = 7;
    const auto record = ring.offer(skips);
    EXPECT_THAT(ring.said({"VU079"}), ElementsAre(AllOf(StartsWith(at("VU079", record, "error driver")),
                                                        HasSubstr("descriptor 3 goes on at 7"))));
    RingSession wraps(bit(feature::IN_ORDER));
    wraps.offer(wraps.write(127));
    EXPECT_THAT(wraps.said({"VU079"}), IsEmpty());
    RingSession any_order;
    any_order.offer(skips);
    EXPECT_THAT(any_order.said({"VU079"}), IsEmpty());
}

// --- VU081 - VU083

TEST(Driver, UnknownFlagsOfTheAvailableRingAreToldOnce) {
    RingSession ring;
    ring.fields.available_flags = 3;
    const auto record = ring.offer(ring.write(0));
    ring.complete(0);
    EXPECT_THAT(ring.said({"VU081"}), ElementsAre(StartsWith(at("VU081", record, "error driver"))));
}

TEST(Driver, NoInterruptBelongsToRingsWithoutEventIndex) {
    RingSession ring;
    ring.fields.available_flags = 1;
    ring.offer(ring.write(0));
    EXPECT_THAT(ring.said({"VU081"}), IsEmpty());
    RingSession with_event_index(bit(feature::RING_EVENT_IDX));
    with_event_index.fields.available_flags = 1;
    with_event_index.offer(with_event_index.write(0));
    EXPECT_THAT(with_event_index.said({"VU081"}), ElementsAre(HasSubstr("warn driver")));
}

TEST(Driver, AnEventIndexWrittenWithoutTheFeatureIsFound) {
    RingSession ring;
    ring.fields.used_event = 7;
    ring.offer(ring.write(0));
    ring.complete(0);
    EXPECT_THAT(ring.said({"VU081"}), IsEmpty()) << "whatever lies behind the ring may have any value";
    ring.fields.used_event = 8;
    const auto record = ring.offer(ring.write(0));
    EXPECT_THAT(ring.said({"VU081"}), ElementsAre(AllOf(StartsWith(at("VU081", record, "error driver")),
                                                        HasSubstr("used_event is written without EVENT_IDX"))));
}

TEST(Driver, AKickThatNeverCameIsFoundWhenTheDeviceGoesOn) {
    RingSession ring;
    ring.kick();
    ring.offer(ring.write(0));
    ring.complete(0);
    const auto record = ring.offer(ring.write(3));
    ring.session.pass(2 * one_second);
    ring.complete(3);
    EXPECT_THAT(ring.said({"VU082"}),
                ElementsAre(AllOf(StartsWith(at("VU082", record, "warn driver")), HasSubstr("does not kick"))));
}

TEST(Driver, AKickThatWasNotAskedForMayBeMissing) {
    RingSession suppressed;
    suppressed.fields.used_flags = 1;
    suppressed.offer(suppressed.write(0));
    suppressed.session.pass(2 * one_second);
    suppressed.complete(0);
    EXPECT_THAT(suppressed.said({"VU082"}), IsEmpty());

    RingSession event(bit(feature::RING_EVENT_IDX));
    event.fields.available_event = 40;
    event.offer(event.write(0));
    event.session.pass(2 * one_second);
    event.complete(0);
    EXPECT_THAT(event.said({"VU082"}), IsEmpty());
}

TEST(Driver, AQuickDeviceNeedsNoKick) {
    RingSession ring;
    ring.offer(ring.write(0));
    ring.complete(0);
    ring.session.pass(2 * one_second);
    ring.kick();
    EXPECT_THAT(ring.said({"VU082"}), IsEmpty());
}

TEST(Driver, KicksThatCaptureCannotSeeAreNotMissed) {
    RingSession ring(0, "tap");
    ring.offer(ring.write(0));
    ring.session.pass(2 * one_second);
    ring.complete(0);
    EXPECT_THAT(ring.said({"VU082"}), IsEmpty());
}

TEST(Driver, AKickLongAfterTheStopIsFound) {
    RingSession ring;
    BlockSession::stop_queue(ring.session, 0, 0);
    ring.kick();
    ring.kick();
    EXPECT_THAT(ring.said({"VU083"}), IsEmpty()) << "recorded late";
    ring.session.pass(2 * one_second);
    ring.kick();
    const auto record = ring.kick();
    EXPECT_THAT(ring.said({"VU083"}), ElementsAre(StartsWith(at("VU083", record, "warn driver"))));
}

TEST(Driver, KicksBeforeDriverOkAreFoundButTheFirst) {
    RingSession ring;
    ring.session.set(FrontEndRequest::SET_PROTOCOL_FEATURES,
                     BlockSession::protocol_features | bit(protocol::protocol_feature::STATUS));
    ring.session.set(FrontEndRequest::SET_STATUS, 3);
    ring.kick();
    EXPECT_THAT(ring.said({"VU083"}), IsEmpty()) << "QEMU kicks when it starts a ring";
    const auto record = ring.kick();
    EXPECT_THAT(ring.said({"VU083"}), ElementsAre(StartsWith(at("VU083", record, "warn driver"))));
    ring.session.set(FrontEndRequest::SET_STATUS, 15);
    ring.kick();
    EXPECT_THAT(ring.said({"VU083"}), ElementsAre(HasSubstr("VU083")));
}

}  // namespace
}  // namespace vutrace::check
