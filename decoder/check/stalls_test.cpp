#include "ring_fixture.h"

#include <gmock/gmock.h>

#include <functional>

namespace vutrace::check {
namespace {

using test::ask_on_back_end_channel;
using test::at;
using test::bit;
using test::BlockSession;
using test::FrontEndRequest;
using test::one_second;
using test::RingSession;
using test::SessionBuilder;
using test::texts;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
namespace feature = protocol::feature;
namespace protocol_feature = protocol::protocol_feature;

const std::vector<std::string_view> stalls{"STALL001", "STALL002", "STALL003", "STALL004", "STALL005"};

// The trace goes on, of another thing.
void later(SessionBuilder& session, std::int64_t nanoseconds = 3 * one_second) {
    session.pass(nanoseconds);
    session.add(trace::NoteRecord{trace::NoteRecord::Severity::info, trace::no_queue, "the trace goes on"});
}

SessionBuilder with_protocol_features(std::uint64_t features) {
    SessionBuilder session;
    session.add(trace::SessionRecord{trace::SessionRecord::Kind::opened, {{"datapath", "tap"}}});
    session.set(FrontEndRequest::SET_PROTOCOL_FEATURES, features);
    return session;
}

Bytes iotlb(std::uint64_t address, std::uint64_t size, std::uint8_t type) {
    Bytes bytes(32);
    store<std::uint64_t>(bytes, 0, address);
    store<std::uint64_t>(bytes, 8, size);
    store<std::uint8_t>(bytes, 24, 3);
    store<std::uint8_t>(bytes, 25, type);
    return bytes;
}
constexpr std::uint32_t iotlb_msg = 1, config_change_msg = 2;
constexpr std::uint8_t miss = 1, update = 2;

void answer_miss(SessionBuilder& session, std::uint64_t address) {
    session.request(FrontEndRequest::IOTLB_MSG, iotlb(address, 0x1000, update));
    session.reply(FrontEndRequest::IOTLB_MSG, protocol::serialise_u64(0));
}

// --- STALL001

TEST(Stall, AnUnansweredRequestNamesTheBackEndAndItsAge) {
    SessionBuilder session;
    const auto asked = session.request(FrontEndRequest::GET_FEATURES);
    later(session);
    EXPECT_THAT(texts(session, stalls), ElementsAre(AllOf(StartsWith(at("STALL001", asked, "error back-end")),
                                                          HasSubstr("GET_FEATURES"), HasSubstr("for 3.0 s"))));
}

TEST(Stall, ARequestThatIsOnItsWayIsANote) {
    SessionBuilder session;
    session.request(FrontEndRequest::GET_FEATURES);
    EXPECT_THAT(texts(session, stalls), ElementsAre(HasSubstr("info back-end")));
}

TEST(Stall, ASlowSessionIsGivenMoreTime) {
    SessionBuilder session;
    session.request(FrontEndRequest::GET_FEATURES);
    session.pass(one_second);
    session.reply(FrontEndRequest::GET_FEATURES, protocol::serialise_u64(0));
    session.request(FrontEndRequest::GET_QUEUE_NUM);
    later(session);
    EXPECT_THAT(texts(session, stalls), ElementsAre(HasSubstr("info back-end")));
    later(session, 10 * one_second);
    EXPECT_THAT(texts(session, stalls), ElementsAre(HasSubstr("error back-end")));
}

TEST(Stall, ABackEndThatClosesInsteadOfAnsweringIsNamed) {
    SessionBuilder session;
    const auto asked = session.request(FrontEndRequest::GET_FEATURES);
    session.add(trace::SessionRecord{trace::SessionRecord::Kind::closed, {{"reason", "back-end closed"}}});
    EXPECT_THAT(texts(session, stalls), ElementsAre(AllOf(StartsWith(at("STALL001", asked, "error back-end")),
                                                          HasSubstr("closed the connection instead"))));
}

TEST(Stall, AnUnansweredRequestOfTheBackEndNamesTheFrontEnd) {
    SessionBuilder session =
        with_protocol_features(bit(protocol_feature::REPLY_ACK) | bit(protocol_feature::BACKEND_REQ));
    const auto asked = ask_on_back_end_channel(session, config_change_msg, {}, 9);
    later(session);
    EXPECT_THAT(texts(session, stalls), ElementsAre(StartsWith(at("STALL001", asked, "error front-end"))));
}

TEST(Stall, AMissThatIsNeverUpdatedNamesTheFrontEnd) {
    SessionBuilder session = with_protocol_features(bit(protocol_feature::BACKEND_REQ));
    const auto asked = ask_on_back_end_channel(session, iotlb_msg, iotlb(0x5000, 0, miss), 1);
    later(session);
    EXPECT_THAT(texts(session, stalls), ElementsAre(AllOf(StartsWith(at("STALL001", asked, "error front-end")),
                                                          HasSubstr("IOTLB miss for 0x5000"))));
    answer_miss(session, 0x5000);
    EXPECT_THAT(texts(session, stalls), IsEmpty());
}

// --- STALL002

TEST(Stall, AnAcknowledgementWaitedForThatWasNeverRequested) {
    SessionBuilder session = with_protocol_features(bit(protocol_feature::REPLY_ACK));
    session.set(FrontEndRequest::SET_FEATURES, BlockSession::features);
    BlockSession::add_regions(session);
    const protocol::MemoryRegion more{0x8000000, 0x1000, 0x7f0000000000, 0, 0, 0};
    const auto last = session.request(FrontEndRequest::ADD_MEM_REG, protocol::serialise_region(more, false), {12});
    later(session);
    EXPECT_THAT(texts(session, stalls), ElementsAre(AllOf(StartsWith(at("STALL002", last, "warn front-end")),
                                                          HasSubstr("ADD_MEM_REG"), HasSubstr("never asked for"))));
}

TEST(Stall, AnAcknowledgementWaitedForThatWasNeverNegotiated) {
    SessionBuilder session;
    const auto last = session.request_with_reply(FrontEndRequest::SET_OWNER);
    later(session);
    EXPECT_THAT(texts(session, stalls),
                ElementsAre(AllOf(StartsWith(at("STALL002", last, "warn front-end")), HasSubstr("REPLY_ACK"))));
}

TEST(Stall, AFrontEndMayRestUntilItsGuestStarts) {
    SessionBuilder session;
    BlockSession::connect(session);
    session.request(FrontEndRequest::SET_VRING_CALL, protocol::serialise_u64(1), {2});
    later(session);
    EXPECT_THAT(texts(session, stalls), IsEmpty());
    SessionBuilder running;
    BlockSession::start(running);
    later(running);
    EXPECT_THAT(texts(running, stalls), IsEmpty());
}

// --- STALL003

TEST(Stall, AvailableEntriesNeverUsed) {
    RingSession ring;
    ring.kick();
    ring.offer(ring.write(0));
    ring.call();
    ring.complete(0);
    ring.kick();
    const auto first = ring.offer(ring.write(3));
    ring.kick();
    ring.offer(ring.write(6));
    later(ring.session);
    EXPECT_THAT(ring.said(stalls), ElementsAre(AllOf(StartsWith(at("STALL003", first, "warn back-end")),
                                                     HasSubstr("2 chains"), HasSubstr("head 3"), HasSubstr("3.0 s"))));
}

TEST(Stall, AKickThatCameBeforeTheRingWasEnabledIsNamed) {
    RingSession ring;
    ring.session.set(FrontEndRequest::SET_VRING_ENABLE, 0, 0);
    const auto early = ring.kick();
    ring.offer(ring.write(0));
    ring.session.set(FrontEndRequest::SET_VRING_ENABLE, 0, 1);
    RingSession again = ring;
    later(ring.session);
    EXPECT_THAT(ring.said(stalls),
                ElementsAre(AllOf(HasSubstr("warn back-end: 1 chain is available and not used"),
                                  HasSubstr("none of the queue was used before"),
                                  HasSubstr("kick (record " + std::to_string(early) + ") came before"))));
    again.kick();
    later(again.session);
    EXPECT_THAT(again.said(stalls), ElementsAre(testing::Not(HasSubstr("came before the ring was enabled"))));
}

TEST(Stall, ChainsThatAreInFlightAtTheEndAreANote) {
    RingSession ring;
    ring.kick();
    ring.offer(ring.write(0));
    EXPECT_THAT(ring.said(stalls), ElementsAre(HasSubstr("STALL003")));
    EXPECT_THAT(ring.said(stalls), ElementsAre(HasSubstr("info back-end")));
    test::close(ring.session);
    EXPECT_THAT(ring.said(stalls), ElementsAre(HasSubstr("info back-end")));
}

TEST(Stall, ASlowQueueIsGivenMoreTime) {
    RingSession ring;
    ring.kick();
    ring.offer(ring.write(0));
    ring.session.pass(one_second);
    ring.call();
    ring.complete(0);
    ring.kick();
    ring.offer(ring.write(0));
    later(ring.session, 10 * one_second);
    EXPECT_THAT(ring.said(stalls), ElementsAre(HasSubstr("info back-end")));
}

TEST(Stall, BuffersThatWaitForSomethingAreNobodysDebt) {
    RingSession ring;
    ring.kick();
    ring.offer(ring.request(0, {{0x200000, 1500, 2, 0}}));
    later(ring.session);
    EXPECT_THAT(ring.said(stalls), IsEmpty());
}

// Chains with readable bytes that their device keeps: the shape tells where nothing else does.
struct Held {
    const char* name;
    std::uint16_t queue;
    std::vector<trace::ChainDescriptor> descriptors;
    bool held;
};
const std::vector<Held> held_or_not{
    {"gpio events", 1, {{0x200000, 2, 1, 1}, {0x201000, 1, 2, 0}}, true},
    {"gpio requests", 0, {{0x200000, 2, 1, 1}, {0x201000, 1, 2, 0}}, false},
    {"balloon statistics", 2, {{0x200000, 100, 0, 0}}, true},
    {"sound that comes in", 3, {{0x200000, 4, 1, 1}, {0x201000, 4096, 3, 2}, {0x202000, 8, 2, 0}}, true},
    {"a disk's requests", 1, {{0x200000, 16, 1, 1}, {0x201000, 1, 2, 0}}, false},
    {"frames sent", 1, {{0x200000, 12, 1, 1}, {0x201000, 60, 0, 0}}, false},
};

RingSession offering(const Held& one) {
    RingSession ring(1U << 1U);  // of a balloon: statistics
    ring.queue = one.queue;
    if (one.queue != 0) {
        BlockSession::start_queue(ring.session, one.queue);
    }
    ring.kick();
    ring.offer(ring.request(0, one.descriptors));
    return ring;
}

std::vector<std::string> without_device_type(RingSession ring, const std::vector<std::string_view>& rules) {
    std::vector<std::string> said;
    Selection selection;
    for (const std::string_view id : rules) {
        selection.rules.push_back(find_rule(id));
    }
    Checker checker(
        selection, [&said](const Finding& finding) { said.push_back(finding.text); }, 0);
    for (const trace::Record& record : ring.session.records()) {
        checker.take(record);
    }
    checker.finish();
    return said;
}

TEST(Stall, BuffersThatDevicesKeepByDesignAreNobodysDebt) {
    for (const Held& one : held_or_not) {
        RingSession ring = offering(one);
        later(ring.session);
        EXPECT_EQ(without_device_type(ring, {"STALL003"}).empty(), one.held) << one.name;
        EXPECT_THAT(ring.said({"STALL003"}), ElementsAre(HasSubstr("STALL003"))) << "a disk has no such queue";
        BlockSession::stop_queue(ring.session, one.queue, 1);
        EXPECT_EQ(without_device_type(ring, {"VU094"}).empty(), one.held) << one.name;
    }
}

TEST(Stall, AQueueThatIsDisabledOrStoppedOwesNothing) {
    RingSession ring;
    ring.kick();
    ring.offer(ring.write(0));
    ring.session.set(FrontEndRequest::SET_VRING_ENABLE, 0, 0);
    later(ring.session);
    EXPECT_THAT(ring.said(stalls), IsEmpty());
}

TEST(Stall, ARingOfWhichSomethingWasLostIsNotJudged) {
    RingSession ring;
    ring.kick();
    ring.offer(ring.write(0));
    ring.lose(0, 1);
    later(ring.session);
    EXPECT_THAT(ring.said(stalls), IsEmpty());
}

TEST(Stall, AvailableEntriesThatNobodyKickedForAreTheDriversDebt) {
    RingSession ring(bit(feature::RING_EVENT_IDX));
    ring.kick();
    ring.offer(ring.write(0));
    ring.fields.available_event = 1;
    ring.call();
    ring.complete(0);
    const auto first = ring.offer(ring.write(0));
    later(ring.session);
    EXPECT_THAT(ring.said(stalls),
                ElementsAre(AllOf(StartsWith(at("STALL003", first, "warn driver")), HasSubstr("no kick was seen"))));
    RingSession suppressed(bit(feature::RING_EVENT_IDX));
    suppressed.kick();
    suppressed.offer(suppressed.write(0));
    suppressed.fields.available_event = 77;
    suppressed.fields.used_event = 77;
    suppressed.complete(0);
    suppressed.offer(suppressed.write(0));
    later(suppressed.session);
    EXPECT_THAT(suppressed.said(stalls), ElementsAre(HasSubstr("warn back-end")));
}

TEST(Stall, ABrokenChainIsTheDriversDebt) {
    RingSession ring;
    ring.kick();
    trace::ChainEntry entry = ring.write(0);
    entry.problem = static_cast<std::uint16_t>(virtio::ChainProblem::next_out_of_range);
    ring.offer(entry);
    later(ring.session);
    EXPECT_THAT(ring.said(stalls), ElementsAre(HasSubstr("warn driver")));
}

// --- STALL004

TEST(Stall, UsedAdvancedButNoCallWhileItWasAskedFor) {
    for (const std::uint64_t features : {std::uint64_t{0}, bit(feature::RING_EVENT_IDX)}) {
        RingSession ring(features);
        ring.kick();
        ring.offer(ring.write(0));
        const auto used = ring.complete(0);
        later(ring.session);
        EXPECT_THAT(ring.said(stalls), ElementsAre(AllOf(StartsWith(at("STALL004", used, "warn back-end")),
                                                         HasSubstr("no call was seen for 3.0 s"))));
        test::close(ring.session);
        EXPECT_THAT(ring.said(stalls), ElementsAre(HasSubstr("STALL004")));
    }
}

TEST(Stall, ACallThatWasNotAskedForMayBeMissing) {
    RingSession event(bit(feature::RING_EVENT_IDX));
    event.fields.used_event = 9;
    RingSession flags;
    flags.fields.available_flags = 1;
    for (RingSession* ring : {&event, &flags}) {
        ring->kick();
        ring->offer(ring->write(0));
        ring->complete(0);
        later(ring->session);
        EXPECT_THAT(ring->said(stalls), IsEmpty());
    }
}

TEST(Stall, ADriverThatHasJustClearedTheFlagLooksForItself) {
    RingSession ring;
    ring.fields.available_flags = 1;
    ring.kick();
    ring.offer(ring.write(0));
    ring.fields.available_flags = 0;
    ring.complete(0);
    later(ring.session);
    EXPECT_THAT(ring.said(stalls), IsEmpty());
}

TEST(Stall, CallsThatCaptureCannotSeeAreNotMissed) {
    RingSession ring(0, "tap");
    ring.kick();
    ring.offer(ring.write(0));
    ring.complete(0);
    later(ring.session);
    EXPECT_THAT(ring.said(stalls), IsEmpty());
    ring.call();
    ring.kick();
    ring.offer(ring.write(0));
    ring.complete(0);
    later(ring.session);
    EXPECT_THAT(ring.said(stalls), ElementsAre(AllOf(HasSubstr("STALL004"), HasSubstr("info back-end"))))
        << "calls were seen before: this one may be missing";
}

TEST(Stall, ADriverThatGoesOnNeedsNoCall) {
    RingSession ring;
    ring.kick();
    ring.offer(ring.write(0));
    ring.complete(0);
    ring.kick();
    ring.offer(ring.write(0));
    ring.call();
    ring.complete(0);
    later(ring.session);
    EXPECT_THAT(ring.said(stalls), IsEmpty());
}

// --- STALL005

TEST(Stall, DeadlockOfAnIotlbMissOverTwoChannels) {
    for (const std::uint32_t flags : {1U, 9U}) {
        SessionBuilder session =
            with_protocol_features(bit(protocol_feature::REPLY_ACK) | bit(protocol_feature::BACKEND_REQ));
        session.set(FrontEndRequest::SET_FEATURES, BlockSession::features | bit(feature::ACCESS_PLATFORM));
        BlockSession::start_queue(session);
        const auto base = session.set(FrontEndRequest::GET_VRING_BASE, 0, 0);
        const auto missed = ask_on_back_end_channel(session, iotlb_msg, iotlb(0x5000, 0, miss), flags);
        later(session);
        EXPECT_THAT(texts(session, stalls),
                    ElementsAre(AllOf(StartsWith(at("STALL005", base, "error front-end")),
                                      HasSubstr("GET_VRING_BASE (for 3.0 s)"), HasSubstr("IOTLB"),
                                      HasSubstr("of record " + std::to_string(missed) + " (for 3.0 s)"))));
        test::close(session);
        EXPECT_THAT(texts(session, {"VU008"}), IsEmpty()) << "the back-end cannot answer: it waits, too";
    }
}

TEST(Stall, AMissThatIsUpdatedMakesNoDeadlock) {
    SessionBuilder session = with_protocol_features(bit(protocol_feature::BACKEND_REQ));
    ask_on_back_end_channel(session, iotlb_msg, iotlb(0x5000, 0, miss), 1);
    answer_miss(session, 0x5000);
    session.set(FrontEndRequest::GET_VRING_BASE, 0, 0);
    later(session);
    EXPECT_THAT(texts(session, stalls), ElementsAre(HasSubstr("error back-end"))) << "only the back-end owes";
}

// A miss, then `between`; then GET_VRING_BASE is not answered for 3 s.
std::vector<std::string> hangs_after_a_miss(const std::function<void(SessionBuilder&)>& between,
                                            const std::vector<std::string_view>& rules = stalls) {
    SessionBuilder session = with_protocol_features(bit(protocol_feature::BACKEND_REQ));
    session.set(FrontEndRequest::SET_FEATURES, BlockSession::features | bit(feature::ACCESS_PLATFORM));
    BlockSession::start_queue(session);
    ask_on_back_end_channel(session, iotlb_msg, iotlb(0x5000, 0, miss), 1);
    between(session);
    session.set(FrontEndRequest::GET_VRING_BASE, 0, 0);
    later(session);
    test::close(session);
    return texts(session, rules);
}

TEST(Stall, AMissThatNobodyNeedsAnyMoreMakesNoDeadlock) {
    const std::vector<std::function<void(SessionBuilder&)>> ends{
        [](SessionBuilder& session) { BlockSession::stop_queue(session, 0, 0); },
        [](SessionBuilder& session) { session.request(FrontEndRequest::RESET_DEVICE); },
        [](SessionBuilder& session) { session.set(FrontEndRequest::SET_STATUS, 0); },
        [](SessionBuilder& session) { session.set(FrontEndRequest::SET_FEATURES, BlockSession::features); },
    };
    for (const auto& end : ends) {
        EXPECT_THAT(hangs_after_a_miss(end), ElementsAre(HasSubstr("error back-end: GET_VRING_BASE")));
        EXPECT_THAT(hangs_after_a_miss(end, {"VU008"}), ElementsAre(HasSubstr("VU008")));
    }
    const auto not_all_stopped = [](SessionBuilder& session) {
        session.set(FrontEndRequest::SET_STATUS, 15);
        BlockSession::start_queue(session, 1);
    };
    EXPECT_THAT(hangs_after_a_miss(not_all_stopped), ElementsAre(HasSubstr("STALL005")));
}

TEST(Stall, ABackEndThatAnsweredAfterItsMissIsNamedAsWell) {
    const auto answers = [](SessionBuilder& session) {
        session.request(FrontEndRequest::GET_FEATURES);
        session.reply(FrontEndRequest::GET_FEATURES, protocol::serialise_u64(0));
    };
    EXPECT_THAT(hangs_after_a_miss(answers),
                testing::UnorderedElementsAre(HasSubstr("error back-end: GET_VRING_BASE has waited"),
                                              HasSubstr("error front-end: the IOTLB miss"),
                                              AllOf(HasSubstr("STALL005"), HasSubstr("warn front-end"),
                                                    HasSubstr("the back-end answered in between (record"))));
    EXPECT_THAT(hangs_after_a_miss(answers, {"VU008"}), ElementsAre(HasSubstr("VU008")));
}

TEST(Stall, ARequestOfTheBackEndThatIsYoungMakesNoDeadlock) {
    SessionBuilder session =
        with_protocol_features(bit(protocol_feature::REPLY_ACK) | bit(protocol_feature::BACKEND_REQ));
    session.set(FrontEndRequest::GET_VRING_BASE, 0, 0);
    session.pass(3 * one_second);
    ask_on_back_end_channel(session, config_change_msg, {}, 9);
    EXPECT_THAT(texts(session, stalls), testing::UnorderedElementsAre(HasSubstr("error back-end: GET_VRING_BASE"),
                                                                      HasSubstr("info front-end")));
    later(session);
    EXPECT_THAT(texts(session, stalls), ElementsAre(HasSubstr("STALL005")));
}

}  // namespace
}  // namespace vutrace::check
