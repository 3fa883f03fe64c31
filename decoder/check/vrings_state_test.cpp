#include "check_fixture.h"

#include <vutrace/protocol/features.h>

#include <gmock/gmock.h>

namespace vutrace::check {
namespace {

using session::testing::literal;
using session::testing::used_entry;
using test::BlockSession;
using test::FrontEndRequest;
using test::later;
using test::on_back_end_channel;
using test::SessionBuilder;
using test::texts;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::int64_t long_after = 2'000'000'000;
constexpr std::uint64_t buffers = 0x100000;

SessionBuilder started() {
    SessionBuilder session;
    BlockSession::start(session);
    return session;
}

std::uint64_t offer(SessionBuilder& session, std::uint16_t head, std::uint16_t index) {
    return session.chains(0, {BlockSession::write_request(head, index, 8, buffers, Bytes(512))});
}
std::uint64_t use(SessionBuilder& session, std::uint16_t head, std::uint16_t index) {
    return session.chains(0, {used_entry(head, index, literal(Bytes(1)))});
}

TEST(VringStop, ARingThatWasNeverSetUp) {
    SessionBuilder session = started();
    session.set(FrontEndRequest::GET_VRING_BASE, 1, 0);
    EXPECT_THAT(texts(session, {"VU054"}), ElementsAre(AllOf(HasSubstr("warn front-end"), HasSubstr("queue 1"))));
}

TEST(VringStop, ARingThatWasSetUpMayBeStoppedTwice) {
    SessionBuilder session = started();
    BlockSession::stop_queue(session, 0, 0);
    BlockSession::stop_queue(session, 0, 0);
    EXPECT_THAT(texts(session, {"VU054"}), IsEmpty());
}

TEST(VringStop, ACallLongAfterTheAnswerIsTheBackEnds) {
    SessionBuilder session = started();
    BlockSession::stop_queue(session, 0, 0);
    const std::uint64_t call = session.add(trace::EventRecord{trace::EventRecord::Kind::call, 0, 1});
    EXPECT_THAT(texts(session, {"VU055"}), IsEmpty()) << "it may have been seen late";
    EXPECT_THAT(texts(later(session.records(), call, long_after), {"VU055"}),
                ElementsAre(AllOf(HasSubstr("error back-end"), HasSubstr("a call on queue 0"))));
}

TEST(VringStop, AUsedEntryLongAfterTheAnswerIsTheBackEnds) {
    SessionBuilder session = started();
    offer(session, 0, 0);
    BlockSession::stop_queue(session, 0, 0);
    const std::uint64_t used = use(session, 0, 0);
    EXPECT_THAT(texts(later(session.records(), used, long_after), {"VU055"}),
                ElementsAre(HasSubstr("head 0 of queue 0")));
    EXPECT_THAT(texts(session, {"VU055"}), IsEmpty());
}

TEST(VringStop, ACallOnANewEventfdIsTheOneThatSomeBackEndsMake) {
    SessionBuilder session = started();
    BlockSession::stop_queue(session, 0, 0);
    const std::uint64_t first = session.request(FrontEndRequest::SET_VRING_CALL, protocol::serialise_u64(0), {50});
    session.add(trace::EventRecord{trace::EventRecord::Kind::call, 0, 1});
    EXPECT_THAT(texts(later(session.records(), first, long_after), {"VU055"}), IsEmpty());
}

TEST(VringStop, GetVringBaseAnswering0OnARingThatMovedIsTheBackEnds) {
    SessionBuilder session = started();
    for (std::uint16_t i = 0; i < 5; ++i) {
        offer(session, 0, i);
        use(session, 0, i);
    }
    BlockSession::stop_queue(session, 0, 0);
    EXPECT_THAT(texts(session, {"VU056"}),
                ElementsAre(AllOf(HasSubstr("VU056 @" + std::to_string(session.last_sequence()) + " error back-end"),
                                  HasSubstr("base 0, but its used index is 5"))));
}

// A ring that is polled moves on by thousands between two looks.
TEST(VringStop, ABaseBeyondWhatIsKnownIsNotJudgedWhereSomethingWasLost) {
    for (const bool before : {true, false}) {
        SessionBuilder session = started();
        offer(session, 0, 0);
        use(session, 0, 0);
        const trace::GapRecord gap{0, 0, 0, 0, "at the last look an index was further ahead than the queue holds"};
        if (before) {
            session.add(gap);
        }
        BlockSession::stop_queue(session, 0, 5000);
        if (!before) {
            session.add(gap);
        }
        test::close(session);
        EXPECT_THAT(texts(session, {"VU056"}), IsEmpty()) << before;
    }
}

TEST(VringStop, ABaseEqualToTheUsedIndexIsRight) {
    SessionBuilder session = started();
    offer(session, 0, 0);
    use(session, 0, 0);
    BlockSession::stop_queue(session, 0, 1);
    test::close(session);
    EXPECT_THAT(texts(session, {"VU056"}), IsEmpty());
}

TEST(VringStop, RequestsLeftInFlightAreAWarningWhereTheyMustBeFinished) {
    SessionBuilder session = started();
    offer(session, 0, 0);
    use(session, 0, 0);
    offer(session, 3, 1);
    BlockSession::stop_queue(session, 0, 2);
    EXPECT_THAT(texts(session, {"VU056"}), IsEmpty()) << "the last completion may still be recorded";
    SessionBuilder recorded_late = session;
    use(recorded_late, 3, 1);
    test::close(recorded_late);
    EXPECT_THAT(texts(recorded_late, {"VU056"}), IsEmpty());
    SessionBuilder with_loss = session;
    with_loss.add(trace::GapRecord{0, 1, 0, 0, "overload"});
    test::close(with_loss);
    EXPECT_THAT(texts(with_loss, {"VU056"}), IsEmpty());
    test::close(session);
    EXPECT_THAT(texts(session, {"VU056"}),
                ElementsAre(AllOf(HasSubstr("warn back-end"), HasSubstr("1 request taken"))));
}

TEST(VringStop, AnAnswerAboutAnotherQueueOrWithUpperBits) {
    SessionBuilder other = started();
    other.set(FrontEndRequest::GET_VRING_BASE, 0, 0);
    other.reply(FrontEndRequest::GET_VRING_BASE, protocol::serialise(protocol::VringState{1, 0}));
    EXPECT_THAT(texts(other, {"VU056"}), ElementsAre(HasSubstr("of queue 0 is answered with queue 1")));
    SessionBuilder upper = started();
    BlockSession::stop_queue(upper, 0, 0x10000);
    EXPECT_THAT(texts(upper, {"VU056"}), ElementsAre(HasSubstr("bits 16 to 31")));
}

TEST(VringStop, ARestartGoesOnWhereItStoppedOrAnew) {
    for (const auto& [base, wrong] : std::vector<std::pair<std::uint32_t, bool>>{{5, false}, {0, false}, {4, true}}) {
        SessionBuilder session = started();
        BlockSession::stop_queue(session, 0, 5);
        BlockSession::start_queue(session, 0, base);
        EXPECT_THAT(texts(session, {"VU057"}), testing::SizeIs(wrong ? 1 : 0)) << base;
    }
}

// The back-end takes the kick for the permission.
TEST(VringState, KickBeforeEnableDoesNotLetTheBackEndAct) {
    SessionBuilder session;
    BlockSession::connect(session);
    session.set(FrontEndRequest::SET_FEATURES, BlockSession::features | 1U << protocol::feature::PROTOCOL_FEATURES);
    BlockSession::add_regions(session);
    BlockSession::start_queue(session);
    SessionBuilder early;
    for (std::size_t i = 0; i + 1 < session.records().size(); ++i) {  // without SET_VRING_ENABLE
        early.add(session.records()[i].body);
    }
    offer(early, 0, 0);
    const std::uint64_t used = use(early, 0, 0);
    const std::uint64_t enabled = early.set(FrontEndRequest::SET_VRING_ENABLE, 0, 1);
    EXPECT_THAT(texts(early, {"VU058"}), IsEmpty()) << "the request may have been recorded after its effect";
    EXPECT_THAT(texts(later(early.records(), enabled, 20'000'000), {"VU058"}),
                ElementsAre(AllOf(HasSubstr("VU058 @" + std::to_string(used) + " error back-end"),
                                  HasSubstr("1 byte for head 0"))));
    offer(session, 0, 0);
    use(session, 0, 0);
    test::close(session);
    EXPECT_THAT(texts(session, {"VU058"}), IsEmpty()) << "enabled before";
}

TEST(VringState, WhatWasTakenBeforeTheRingWasDisabledMayBeFinished) {
    SessionBuilder session;
    BlockSession::connect(session);
    session.set(FrontEndRequest::SET_FEATURES, BlockSession::features | 1U << protocol::feature::PROTOCOL_FEATURES);
    BlockSession::add_regions(session);
    BlockSession::start_queue(session);
    offer(session, 0, 0);
    session.set(FrontEndRequest::SET_VRING_ENABLE, 0, 0);
    session.request(FrontEndRequest::GET_FEATURES);
    session.reply(FrontEndRequest::GET_FEATURES, protocol::serialise_u64(BlockSession::offered_features));
    use(session, 0, 0);
    SessionBuilder taken_after = session;
    const std::uint64_t offered = offer(taken_after, 3, 1);
    use(taken_after, 3, 1);
    test::close(session);
    test::close(taken_after);
    EXPECT_THAT(texts(session, {"VU058"}), IsEmpty());
    EXPECT_THAT(texts(taken_after, {"VU058"}), IsEmpty()) << "it may have been seen late";
    EXPECT_THAT(texts(later(taken_after.records(), offered, long_after), {"VU058"}),
                ElementsAre(HasSubstr("for head 3")));
}

TEST(VringState, EnableTakes0Or1) {
    SessionBuilder session = started();
    session.set(FrontEndRequest::SET_VRING_ENABLE, 0, 2);
    EXPECT_THAT(texts(session, {"VU059"}), ElementsAre(HasSubstr("SET_VRING_ENABLE of queue 0 has 2")));
}

TEST(VringState, ASuspendedDeviceAsksForNothing) {
    constexpr std::uint32_t config_change = 2;
    constexpr std::uint32_t host_notifier = 3;
    SessionBuilder session = started();
    on_back_end_channel(session, Side::back_end, config_change, protocol::version_1, {});
    BlockSession::stop_queue(session, 0, 0);
    const std::uint64_t first = on_back_end_channel(session, Side::back_end, config_change, protocol::version_1, {});
    on_back_end_channel(session, Side::back_end, host_notifier, protocol::version_1, Bytes(24));
    EXPECT_THAT(texts(session, {"VU061"}), IsEmpty()) << "two sockets have no order";
    EXPECT_THAT(texts(later(session.records(), first, 20'000'000), {"VU061"}),
                ElementsAre(AllOf(HasSubstr("info"), HasSubstr("CONFIG_CHANGE")),
                            AllOf(HasSubstr("error back-end"), HasSubstr("VRING_HOST_NOTIFIER"))));
}

TEST(VringState, TheByteOrderIsSetOnceAndBeforeTheStart) {
    SessionBuilder session;
    BlockSession::connect(session);
    session.set(FrontEndRequest::SET_VRING_ENDIAN, 0, 1);
    EXPECT_THAT(texts(session, {"VU062"}), IsEmpty());
    session.set(FrontEndRequest::SET_VRING_ENDIAN, 0, 1);
    session.set(FrontEndRequest::SET_VRING_ENDIAN, 1, 2);
    BlockSession::start_queue(session, 2);
    session.set(FrontEndRequest::SET_VRING_ENDIAN, 2, 0);
    EXPECT_THAT(texts(session, {"VU062"}),
                ElementsAre(HasSubstr("a second time"), HasSubstr("has 2"), HasSubstr("while it is started")));
}

}  // namespace
}  // namespace vutrace::check
