#include "check_fixture.h"

#include <vutrace/protocol/features.h>

#include <gmock/gmock.h>

namespace vutrace::check {
namespace {

using test::BlockSession;
using test::close_by;
using test::FrontEndRequest;
using test::SessionBuilder;
using test::texts;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::uint64_t packed = BlockSession::features | std::uint64_t{1} << protocol::feature::RING_PACKED;
constexpr std::uint64_t ring = BlockSession::user_base + BlockSession::descriptor;

// Up to the memory, no ring yet.
SessionBuilder connected(std::uint64_t features = BlockSession::features) {
    SessionBuilder session;
    BlockSession::connect(session);
    session.set(FrontEndRequest::SET_FEATURES, features);
    BlockSession::add_regions(session);
    return session;
}

std::uint64_t place(SessionBuilder& session, protocol::VringAddress at) {
    return session.request(FrontEndRequest::SET_VRING_ADDR, protocol::serialise(at));
}

protocol::VringAddress usual(std::uint32_t queue = 0, std::uint64_t offset = 0) {
    return {queue, 0, ring + offset, ring + offset + 0x1000, ring + offset + 0x800, 0};
}

void kick(SessionBuilder& session, std::uint32_t queue) {
    session.request(FrontEndRequest::SET_VRING_KICK, protocol::serialise_u64(queue), {30 + queue});
}

TEST(VringSetup, SizesOfASplitRing) {
    for (const auto& [size, wrong] : std::vector<std::pair<std::uint32_t, bool>>{
             {0, true}, {1, false}, {3, true}, {128, false}, {32768, false}, {65536, true}}) {
        SessionBuilder session = connected();
        session.set(FrontEndRequest::SET_VRING_NUM, 0, size);
        EXPECT_THAT(texts(session, {"VU046"}), SizeIs(wrong ? 1 : 0)) << size;
    }
}

TEST(VringSetup, APackedRingMayHaveAnySize) {
    SessionBuilder session = connected(packed);
    session.set(FrontEndRequest::SET_VRING_NUM, 0, 100);
    EXPECT_THAT(texts(session, {"VU046"}), IsEmpty());
    session.set(FrontEndRequest::SET_VRING_NUM, 1, 32769);
    EXPECT_THAT(texts(session, {"VU046"}), ElementsAre(HasSubstr("front-end: queue 1 gets a size of 32769")));
}

TEST(VringSetup, APartBehindTheEndOfItsRegionIsNamed) {
    SessionBuilder session = connected();
    session.set(FrontEndRequest::SET_VRING_NUM, 0, BlockSession::queue_size);
    protocol::VringAddress at = usual();
    at.used = BlockSession::user_base + 0x4000000 - 16;  // 16 bytes before the end of memory
    place(session, at);
    kick(session, 0);
    EXPECT_THAT(texts(session, {"VU047"}),
                ElementsAre(AllOf(HasSubstr("error front-end"), HasSubstr("used ring of queue 0, 1028 bytes"))));
}

TEST(VringSetup, AMisalignedPartIsNamed) {
    SessionBuilder session = connected();
    protocol::VringAddress at = usual();
    at.available += 1;
    const std::uint64_t record = place(session, at);
    EXPECT_THAT(texts(session, {"VU047"}),
                ElementsAre(AllOf(HasSubstr("@" + std::to_string(record)), HasSubstr("available ring of queue 0"))));
}

TEST(VringSetup, AddressesOfAnIommuAreInNoRegion) {
    SessionBuilder session = connected(BlockSession::features | std::uint64_t{1} << protocol::feature::ACCESS_PLATFORM);
    session.set(FrontEndRequest::SET_VRING_NUM, 0, BlockSession::queue_size);
    place(session, {0, 0, 0x1000, 0x3000, 0x2000, 0});
    kick(session, 0);
    EXPECT_THAT(texts(session, {"VU047"}), IsEmpty());
}

TEST(VringSetup, PartsThatOverlap) {
    SessionBuilder session = connected();
    session.set(FrontEndRequest::SET_VRING_NUM, 0, BlockSession::queue_size);
    protocol::VringAddress at = usual();
    at.available = at.descriptor + 0x7f0;  // the last descriptor
    place(session, at);
    kick(session, 0);
    EXPECT_THAT(texts(session, {"VU048"}),
                ElementsAre(AllOf(HasSubstr("descriptor table of queue 0"), HasSubstr("available ring of queue 0"))));
}

TEST(VringSetup, RingsThatOverlapWhileBothAreStarted) {
    const auto second_ring = [](bool stopped) {
        SessionBuilder session = connected();
        BlockSession::start_queue(session, 0);
        if (stopped) {
            BlockSession::stop_queue(session, 0, 0);
        }
        session.set(FrontEndRequest::SET_VRING_NUM, 1, BlockSession::queue_size);
        place(session, usual(1, 0x1000));
        kick(session, 1);
        return texts(session, {"VU048"});
    };
    EXPECT_THAT(second_ring(false), ElementsAre(AllOf(HasSubstr("of queue 1"), HasSubstr("used ring of queue 0"))));
    EXPECT_THAT(second_ring(true), IsEmpty());
}

TEST(VringSetup, FlagsOfTheAddresses) {
    SessionBuilder session = connected();
    protocol::VringAddress at = usual();
    at.flags = 1;
    place(session, at);
    EXPECT_THAT(texts(session, {"VU049"}), IsEmpty());
    at.flags = 3;
    place(session, at);
    EXPECT_THAT(texts(session, {"VU049"}), ElementsAre(HasSubstr("flags 0x3")));
}

TEST(VringSetup, WhatIsChangedWhileTheRingIsStarted) {
    SessionBuilder session = connected();
    BlockSession::start_queue(session);
    protocol::VringAddress at = usual();
    at.flags = 1;
    at.log = BlockSession::used;
    place(session, at);
    session.set(FrontEndRequest::SET_VRING_NUM, 0, BlockSession::queue_size);
    EXPECT_THAT(texts(session, {"VU050"}), IsEmpty()) << "the same size and place, logging turned on";
    place(session, usual(0, 0x4000));
    session.set(FrontEndRequest::SET_VRING_NUM, 0, 64);
    session.set(FrontEndRequest::SET_VRING_BASE, 0, 7);
    EXPECT_THAT(texts(session, {"VU050"}),
                ElementsAre(HasSubstr("queue 0 is moved"), HasSubstr("64 after 128"), HasSubstr("base 7")));
}

TEST(VringSetup, ARingThatMovesWhileItIsStartedIsToldByTheParts) {
    using Change = void (*)(protocol::VringAddress&);
    const std::vector<std::pair<Change, std::string>> changes{
        {[](protocol::VringAddress& at) { at.descriptor += 0x40; }, "started: descriptors from 0x"},
        {[](protocol::VringAddress& at) { at.available += 0x40; }, "started: available ring from 0x"},
        {[](protocol::VringAddress& at) { at.used += 0x40; }, "started: used ring from 0x"},
    };
    protocol::VringAddress all = usual();
    for (const auto& [change, said] : changes) {
        SessionBuilder session = connected();
        BlockSession::start_queue(session);
        protocol::VringAddress at = usual();
        change(at);
        change(all);
        place(session, at);
        EXPECT_THAT(texts(session, {"VU050"}), ElementsAre(AllOf(HasSubstr(said), Not(HasSubstr(", ")))));
    }
    SessionBuilder session = connected();
    BlockSession::start_queue(session);
    place(session, all);
    EXPECT_THAT(texts(session, {"VU050"}), ElementsAre(AllOf(HasSubstr("descriptors from"),
                                                             HasSubstr(", available ring"), HasSubstr(", used ring"))));
}

TEST(VringStart, ARingThatIsEnabledWithoutItsPlaceIsAnError) {
    SessionBuilder session = connected();
    session.set(FrontEndRequest::SET_VRING_NUM, 0, 128);
    kick(session, 0);
    const std::uint64_t started = session.last_sequence();
    EXPECT_THAT(texts(session, {"VU051"}), IsEmpty()) << "it does no harm yet";
    session.set(FrontEndRequest::SET_VRING_ENABLE, 0, 1);
    EXPECT_THAT(texts(session, {"VU051"}),
                ElementsAre(AllOf(HasSubstr("VU051 @" + std::to_string(started) + " error front-end"),
                                  HasSubstr("without SET_VRING_ADDR"))));
}

TEST(VringStart, AKickBeforeTheRestOfTheSetUpIsANote) {
    SessionBuilder session = connected();
    kick(session, 0);
    session.set(FrontEndRequest::SET_VRING_NUM, 0, 128);
    place(session, usual());
    session.set(FrontEndRequest::SET_VRING_ENABLE, 0, 1);
    EXPECT_THAT(texts(session, {"VU051"}), ElementsAre(AllOf(HasSubstr("info front-end"), HasSubstr("came later"))));
}

TEST(VringStart, ASessionWhoseBeginningIsMissingIsNotJudged) {
    SessionBuilder session;
    session.set(FrontEndRequest::SET_FEATURES, 0);
    kick(session, 0);
    EXPECT_THAT(texts(session, {"VU051"}), IsEmpty());
}

TEST(VringStart, AQueueIndexOutOfRangeIsTheFrontEnds) {
    SessionBuilder session = connected();
    session.set(FrontEndRequest::SET_VRING_NUM, 256, 128);
    session.request(FrontEndRequest::SET_VRING_KICK, protocol::serialise_u64(0x200), {9});
    EXPECT_THAT(texts(session, {"VU052"}), ElementsAre(AllOf(HasSubstr("warn front-end"), HasSubstr("queue 256")),
                                                       AllOf(HasSubstr("warn front-end"), HasSubstr("0x200"))));
}

TEST(VringStart, ADescriptorWithBit8IsAnIndexThatDidNotFit) {
    SessionBuilder session = connected();
    session.request(FrontEndRequest::SET_VRING_KICK, protocol::serialise_u64(0x100), {9});
    session.request(FrontEndRequest::SET_VRING_CALL, protocol::serialise_u64(1));
    EXPECT_THAT(texts(session, {"VU052"}),
                ElementsAre(AllOf(HasSubstr("front-end: SET_VRING_KICK has 0x100 and a descriptor")),
                            HasSubstr("SET_VRING_CALL of queue 1 comes without a descriptor")));
}

TEST(VringStart, PollingIsInOrder) {
    SessionBuilder session = connected();
    session.request(FrontEndRequest::SET_VRING_KICK, protocol::serialise_u64(0x101));
    session.request(FrontEndRequest::SET_VRING_CALL, protocol::serialise_u64(0x101));
    EXPECT_THAT(texts(session, {"VU052"}), IsEmpty());
}

TEST(VringStart, Bit8ReadAsAnIndexByTheBackEndIsItsFault) {
    SessionBuilder refused = connected();
    refused.request_with_reply(FrontEndRequest::SET_VRING_KICK, protocol::serialise_u64(0x101));
    refused.reply(FrontEndRequest::SET_VRING_KICK, protocol::serialise_u64(1));
    EXPECT_THAT(texts(refused, {"VU052"}), ElementsAre(AllOf(HasSubstr("warn back-end"), HasSubstr("bit 8"))));
    SessionBuilder dropped = connected();
    dropped.request(FrontEndRequest::SET_VRING_CALL, protocol::serialise_u64(0x101));
    const std::uint64_t end = close_by(dropped, "back-end");
    EXPECT_THAT(texts(dropped, {"VU052"}), ElementsAre(AllOf(HasSubstr("warn back-end"), HasSubstr("0x101"))));
    EXPECT_THAT(texts(test::later(dropped.records(), end, 2'000'000'000), {"VU052"}), IsEmpty()) << "not because of it";
    SessionBuilder by_front_end = connected();
    by_front_end.request(FrontEndRequest::SET_VRING_CALL, protocol::serialise_u64(0x101));
    close_by(by_front_end, "front-end");
    EXPECT_THAT(texts(by_front_end, {"VU052"}), IsEmpty());
}

}  // namespace
}  // namespace vutrace::check
