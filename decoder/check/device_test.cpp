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
using testing::StartsWith;
namespace feature = protocol::feature;

TEST(Device, AUsedHeadThatWasNeverAvailableIsFound) {
    RingSession ring;
    ring.offer(ring.write(0));
    const auto record = ring.complete(9);
    EXPECT_THAT(ring.said({"VU084"}),
                ElementsAre(AllOf(StartsWith(at("VU084", record, "error back-end")), HasSubstr("head 9"))));
}

TEST(Device, AHeadThatIsCompletedTwiceIsFound) {
    RingSession ring;
    ring.offer(ring.write(0));
    ring.complete(0);
    const auto record = ring.complete(0);
    EXPECT_THAT(ring.said({"VU084"}), ElementsAre(StartsWith(at("VU084", record, "error back-end"))));
}

TEST(Device, WhatCaptureSaysOfAnUnseenOfferIsNoLoss) {
    RingSession ring;
    ring.lose(1, 0, "head 9 was used and never seen available");
    ring.complete(9);
    EXPECT_THAT(ring.said({"VU084"}), ElementsAre(HasSubstr("VU084")));
}

TEST(Device, AUsedHeadWhoseOfferMayBeLostIsNotJudged) {
    RingSession ring;
    ring.lose(3, 0);
    ring.complete(9);
    EXPECT_THAT(ring.said({"VU084", "VU087"}), IsEmpty());
}

TEST(Device, AfterALossRulesSpeakAgainOnceTheRingIsQuiet) {
    RingSession ring;
    ring.lose(3, 0);
    ring.available = 3;
    ring.used = 2;
    ring.complete(9);  // now both indices are 3
    const auto record = ring.complete(12);
    EXPECT_THAT(ring.said({"VU084"}), ElementsAre(StartsWith(at("VU084", record, "error back-end"))));
}

TEST(Device, ChainsOfAnEarlierLifeMayBeCompleted) {
    trace::ChainEntry old;
    RingSession ring;
    ring.offer(ring.write(0));
    ring.session.set(FrontEndRequest::GET_VRING_BASE, 0, 0);
    ring.session.reply(FrontEndRequest::GET_VRING_BASE, protocol::serialise(protocol::VringState{0, 5}));
    BlockSession::start_queue(ring.session, 0, 5);
    ring.available = 5;
    ring.used = 3;
    ring.complete(44);
    ring.complete(45);
    EXPECT_THAT(ring.said({"VU084", "VU086", "VU087"}), IsEmpty());
}

TEST(Device, UsedElementsBeyondTheTableAreFoundInTheirGap) {
    RingSession ring;
    const auto record = ring.lose(0, 1, "a used element names no descriptor of the queue");
    EXPECT_THAT(ring.said({"VU084"}),
                ElementsAre(AllOf(StartsWith(at("VU084", record, "error back-end")), HasSubstr("which has 128"))));
}

TEST(Device, AUsedLengthBeyondTheWritableBytesIsFound) {
    RingSession ring;
    ring.offer(ring.write(0));
    const auto record = ring.use(ring.done(0, Bytes(2)));
    EXPECT_THAT(ring.said({"VU085"}), ElementsAre(AllOf(StartsWith(at("VU085", record, "error back-end")),
                                                        HasSubstr("2 bytes said to be written, 1 writable"))));
}

TEST(Device, AUsedLengthIsNotJudgedWhereTheChainWasNotWalkedToItsEnd) {
    RingSession ring;
    trace::ChainEntry entry = ring.write(0);
    entry.problem = static_cast<std::uint16_t>(virtio::ChainProblem::next_out_of_range);
    ring.offer(entry);
    ring.use(ring.done(0, Bytes(2)));
    EXPECT_THAT(ring.said({"VU085"}), IsEmpty());
}

TEST(Device, AUsedLengthIsNotJudgedWhereTheDescriptorsWereReadLate) {
    RingSession ring;
    trace::ChainEntry entry = ring.write(0);
    entry.proof = trace::Proof::late;
    ring.offer(entry);
    ring.use(ring.done(0, Bytes(2)));
    EXPECT_THAT(ring.said({"VU085"}), IsEmpty());
}

TEST(Device, LegacyDevicesReportWrongLengths) {
    RingSession ring;
    ring.session.set(FrontEndRequest::SET_FEATURES, BlockSession::features & ~bit(feature::VERSION_1));
    ring.offer(ring.write(0));
    ring.use(ring.done(0, Bytes(2)));
    EXPECT_THAT(ring.said({"VU085"}), ElementsAre(HasSubstr("info back-end")));
}

TEST(Device, AUsedIndexThatJumpsWithoutALossIsFound) {
    RingSession ring;
    ring.offer(ring.write(0));
    ring.offer(ring.write(3));
    ring.complete(0);
    ring.used = 4;
    const auto record = ring.complete(3);
    EXPECT_THAT(ring.said({"VU086"}),
                Contains(AllOf(StartsWith(at("VU086", record, "error back-end")), HasSubstr("from 1 to 4"))));
    RingSession lossy;
    lossy.offer(lossy.write(0));
    lossy.complete(0);
    lossy.lose(0, 3);
    lossy.used = 4;
    lossy.available = 4;
    lossy.offer(lossy.write(3));
    lossy.complete(3);
    EXPECT_THAT(lossy.said({"VU086"}), IsEmpty());
}

TEST(Device, AUsedIndexThatPassesTheAvailableIndexIsFound) {
    RingSession ring;
    ring.offer(ring.write(0));
    ring.used = 5;
    trace::ChainEntry entry = session::testing::used_entry(0, 0, session::testing::literal(Bytes(1)));
    ring.add({entry});  // used index 5, available index 1
    ring.used = 5;
    const auto record = ring.offer(ring.write(3));
    EXPECT_THAT(ring.said({"VU086"}),
                ElementsAre(AllOf(StartsWith(at("VU086", record, "error back-end")), HasSubstr("used index was 5"))));
}

TEST(Device, AUsedIndexThatIsAheadInOneLookOnlyIsInOrder) {
    RingSession ring;
    ring.offer(ring.write(0));
    ring.complete(0);
    // The available index was read first, and the device went on.
    ring.fields.available_index = 1;
    ring.fields.used_index = 2;
    ring.available = 2;
    ring.session.chains(0, {ring.write(3)}, {2, 0, 0, 3, 0, 0});
    ring.available = 4;
    ring.used = 3;
    EXPECT_THAT(ring.said({"VU086"}), IsEmpty());
}

TEST(Device, AnIndexThatIsPublishedBeforeItsElementIsFound) {
    RingSession ring;
    for (std::uint16_t i = 0; i < 128; ++i) {
        ring.offer(ring.write(static_cast<std::uint16_t>(3 * (i % 40))));
        ring.complete(static_cast<std::uint16_t>(3 * (i % 40)));
    }
    ring.offer(ring.write(120));
    const auto record = ring.complete(0);  // what slot 0 held before
    EXPECT_THAT(ring.said({"VU084", "VU087"}), ElementsAre(StartsWith(at("VU087", record, "error back-end"))));
}

TEST(Device, UnknownFlagsOfTheUsedRingAreToldOnce) {
    RingSession ring;
    ring.fields.used_flags = 2;
    const auto record = ring.offer(ring.write(0));
    ring.complete(0);
    EXPECT_THAT(ring.said({"VU089"}), ElementsAre(StartsWith(at("VU089", record, "error back-end"))));
    RingSession fine;
    fine.fields.used_flags = 1;
    fine.offer(fine.write(0));
    EXPECT_THAT(fine.said({"VU089"}), IsEmpty());
}

TEST(Device, AnEventIndexWrittenWithoutTheFeatureIsFound) {
    RingSession ring;
    ring.offer(ring.write(0));
    ring.fields.available_event = 1;
    const auto record = ring.complete(0);
    EXPECT_THAT(ring.said({"VU089"}),
                ElementsAre(AllOf(StartsWith(at("VU089", record, "error back-end")), HasSubstr("available_event"))));
    RingSession negotiated(bit(feature::RING_EVENT_IDX));
    negotiated.offer(negotiated.write(0));
    negotiated.fields.available_event = 1;
    negotiated.complete(0);
    EXPECT_THAT(negotiated.said({"VU089"}), IsEmpty());
}

// --- VU090 - VU095

TEST(Device, ACallThatCameLateIsFound) {
    RingSession ring;
    ring.kick();
    ring.offer(ring.write(0));
    const auto record = ring.complete(0);
    ring.session.pass(2 * one_second);
    ring.call();
    EXPECT_THAT(ring.said({"VU090"}),
                ElementsAre(AllOf(StartsWith(at("VU090", record, "warn back-end")), HasSubstr("does not call"))));
}

TEST(Device, ALateCallInTapMayHaveBeenMissed) {
    RingSession ring(0, "tap");
    ring.call();
    ring.kick();
    ring.offer(ring.write(0));
    ring.complete(0);
    ring.session.pass(2 * one_second);
    ring.call();
    EXPECT_THAT(ring.said({"VU090"}), IsEmpty());
}

TEST(Device, ACallThatIsRecordedBeforeItsCompletionCounts) {
    RingSession ring;
    ring.kick();
    ring.offer(ring.write(0));
    ring.call();
    ring.complete(0);
    ring.session.pass(2 * one_second);
    ring.call();
    EXPECT_THAT(ring.said({"VU090", "STALL004"}), IsEmpty());
}

// A device that polls is called for and done before anybody looks: the call is read first, and the look finds both.
TEST(Device, ACallBeforeALookThatFindsOfferAndCompletionCounts) {
    RingSession ring;
    const auto both = [&ring] {
        trace::ChainEntry offered = ring.write(0);
        offered.index = ring.available++;
        trace::ChainEntry done = ring.done(0);
        done.index = ring.used++;
        return ring.add({std::move(offered), std::move(done)});
    };
    ring.call();
    both();
    ring.session.pass(2 * one_second);
    ring.call();
    EXPECT_THAT(ring.said({"VU090", "STALL004"}), IsEmpty());
    // The same again without a call since the look before: this one is missing.
    both();
    const auto record = both();
    ring.session.pass(2 * one_second);
    ring.call();
    EXPECT_THAT(ring.said({"VU090"}), ElementsAre(StartsWith(at("VU090", record + 1, "warn back-end"))));
}

TEST(Device, ACallOnAStoppedQueueIsFoundButTheFirst) {
    RingSession ring;
    BlockSession::stop_queue(ring.session, 0, 0);
    ring.session.request(FrontEndRequest::SET_VRING_CALL, protocol::serialise_u64(0), {2});
    ring.session.pass(2 * one_second);
    ring.call();
    ring.call();  // the session began with a SET_VRING_CALL, too
    EXPECT_THAT(ring.said({"VU091"}), IsEmpty()) << "libvhost-user calls once when it gets the descriptor";
    const auto record = ring.call();
    ring.call();
    EXPECT_THAT(ring.said({"VU091"}), ElementsAre(StartsWith(at("VU091", record, "error back-end"))));
}

TEST(Device, AfterALossTheOrderOfCompletionsIsNotJudged) {
    RingSession ring(1ULL << protocol::feature::IN_ORDER);
    ring.offer(ring.write(0));
    ring.offer(ring.write(3));
    ring.lose(256, 256);
    ring.complete(3);
    ring.complete(0);  // of an offer that was lost
    EXPECT_THAT(ring.said({"VU092"}), IsEmpty());
}

TEST(Device, InOrderCompletionsKeepTheirOrder) {
    RingSession ring(bit(feature::IN_ORDER));
    ring.offer(ring.write(0));
    ring.offer(ring.write(3));
    ring.complete(3);
    const auto record = ring.complete(0);
    EXPECT_THAT(ring.said({"VU092"}), ElementsAre(StartsWith(at("VU092", record, "error back-end"))));
    RingSession any_order;
    any_order.offer(any_order.write(0));
    any_order.offer(any_order.write(3));
    any_order.complete(3);
    any_order.complete(0);
    EXPECT_THAT(any_order.said({"VU092"}), IsEmpty());
}

TEST(Device, ChainsThatWereTakenAndNeverCompletedAreFoundAtTheStop) {
    RingSession ring;
    const auto left = ring.offer(ring.write(0));
    ring.offer(ring.write(3));
    BlockSession::stop_queue(ring.session, 0, 1);  // the second was not taken
    const auto record = ring.session.last_sequence();
    test::close(ring.session);
    EXPECT_THAT(ring.said({"VU094"}),
                ElementsAre(AllOf(StartsWith(at("VU094", record, "warn back-end")), HasSubstr("1 chain taken"),
                                  HasSubstr("of record " + std::to_string(left)))));
}

TEST(Device, ACompletionThatIsRecordedAfterTheStopCounts) {
    RingSession ring;
    ring.offer(ring.write(0));
    BlockSession::stop_queue(ring.session, 0, 1);
    ring.complete(0);
    test::close(ring.session);
    EXPECT_THAT(ring.said({"VU094"}), IsEmpty());
}

// Poll-mode peers: the last look comes too late, and says so.
TEST(Device, WhatATapLostAfterTheAnswerIsNotLeftBehind) {
    for (const bool lost : {false, true}) {
        RingSession ring(0, "tap");
        ring.offer(ring.write(0));
        BlockSession::stop_queue(ring.session, 0, 1);
        BlockSession::start_queue(ring.session, 0, 1);
        if (lost) {
            ring.lose(0, 0, "at the last look, after the queue had ended, an index was further ahead");
        }
        test::close(ring.session);
        EXPECT_THAT(ring.said({"VU094"}), testing::SizeIs(lost ? 0 : 1)) << lost;
    }
}

TEST(Device, BuffersThatWaitForSomethingMayBeLeftAtTheStop) {
    RingSession ring;
    ring.offer(ring.request(0, {{0x200000, 1500, 2, 0}}));
    BlockSession::stop_queue(ring.session, 0, 1);
    test::close(ring.session);
    EXPECT_THAT(ring.said({"VU094"}), IsEmpty());
}

}  // namespace
}  // namespace vutrace::check
