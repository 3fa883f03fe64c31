#include "check_fixture.h"

#include <vutrace/protocol/features.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vutrace::check {
namespace {

using protocol::MemoryRegion;
using protocol::serialise_u64;
using test::at;
using test::BlockSession;
using test::findings;
using test::FrontEndRequest;
using test::SessionBuilder;
using test::texts;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
namespace pf = protocol::protocol_feature;

constexpr std::uint64_t user = 0x7f0000000000;
constexpr std::uint64_t mebibyte = 0x100000;

constexpr MemoryRegion region(std::uint64_t guest, std::uint64_t size, std::uint64_t offset = 0) {
    return {guest, size, user + guest, offset, 0, 0};
}
SessionBuilder opened() {
    SessionBuilder session;
    session.add(trace::SessionRecord{trace::SessionRecord::Kind::opened, {{"datapath", "tap"}}});
    return session;
}
std::uint64_t set_table(SessionBuilder& session, const std::vector<MemoryRegion>& regions) {
    std::vector<std::uint32_t> ids(regions.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
        ids[i] = static_cast<std::uint32_t>(100 + i);
    }
    return session.request(FrontEndRequest::SET_MEM_TABLE, protocol::serialise_regions(regions, false), ids);
}
std::uint64_t add_region(SessionBuilder& session, const MemoryRegion& added) {
    return session.request(FrontEndRequest::ADD_MEM_REG, protocol::serialise_region(added, false), {100});
}
std::uint64_t remove_region(SessionBuilder& session, const MemoryRegion& removed,
                            const std::vector<std::uint32_t>& ids = {}) {
    return session.request_with_reply(FrontEndRequest::REM_MEM_REG, protocol::serialise_region(removed, false), ids);
}
std::vector<std::string> of_table(const std::vector<MemoryRegion>& regions, std::string_view rule) {
    SessionBuilder session = opened();
    set_table(session, regions);
    return texts(session, {rule});
}

// --- VU037, VU038

TEST(Memory, OverlappingRegionsOfATableAreNamed) {
    EXPECT_THAT(of_table({region(0, mebibyte), region(mebibyte, mebibyte)}, "VU037"), IsEmpty()) << "they touch";
    MemoryRegion elsewhere = region(0xfffff, 0x1000);
    elsewhere.user_address = user + 64 * mebibyte;
    EXPECT_THAT(of_table({elsewhere, region(0, mebibyte)}, "VU037"),
                ElementsAre(AllOf(HasSubstr("VU037 @2 error front-end"), HasSubstr("regions 1 and 0 overlap in guest"),
                                  HasSubstr("0x0-0xfffff and 0xfffff-0x100ffe"))));
    MemoryRegion same_user = region(64 * mebibyte, mebibyte);
    same_user.user_address = user;
    EXPECT_THAT(of_table({region(0, mebibyte), same_user}, "VU037"), ElementsAre(HasSubstr("overlap in user")));
}

TEST(Memory, ALargeRegionThatHoldsSeveralOverlapsEach) {
    const auto found =
        of_table({region(0, 16 * mebibyte), region(mebibyte, 4096), region(2 * mebibyte, 4096)}, "VU037");
    EXPECT_THAT(found, SizeIs(4)) << "two in each address space";
}

TEST(Memory, ARegionAddedOverAnotherIsNamed) {
    SessionBuilder session = opened();
    add_region(session, region(0, mebibyte));
    add_region(session, region(mebibyte, mebibyte));
    const std::uint64_t again = add_region(session, region(0, mebibyte));
    EXPECT_THAT(texts(session, {"VU037"}),
                ElementsAre(AllOf(HasSubstr(at("VU037", again, "error front-end")), HasSubstr("guest addresses")),
                            HasSubstr("user addresses")));
}

TEST(Memory, ARegionThatWasRemovedMayBeAddedAnew) {
    SessionBuilder session = opened();
    add_region(session, region(0, mebibyte));
    remove_region(session, region(0, mebibyte));
    add_region(session, region(0, 2 * mebibyte));
    EXPECT_THAT(texts(session, {"VU037", "VU041", "VU042"}), IsEmpty());
}

TEST(Memory, EmptyAndWrappingRegionsAreNamed) {
    EXPECT_THAT(of_table({region(0, 0)}, "VU038"), ElementsAre(HasSubstr("is empty")));
    EXPECT_THAT(of_table({{UINT64_MAX - 4095, 4096, user, 0, 0, 0}}, "VU038"), IsEmpty()) << "the last page";
    EXPECT_THAT(of_table({{0, 4096, UINT64_MAX - 4094, 0, 0, 0}}, "VU038"),
                ElementsAre(HasSubstr("user address space")));
    EXPECT_THAT(of_table({region(0, mebibyte, UINT64_MAX - 1)}, "VU038"), ElementsAre(HasSubstr("beyond any file")));
    EXPECT_THAT(of_table({{UINT64_MAX, 2, 0, 0, 0, 0}}, "VU038"), ElementsAre(HasSubstr("guest's address space")));
    SessionBuilder session = opened();
    add_region(session, region(0, 0));
    EXPECT_THAT(texts(session, {"VU038"}), ElementsAre(HasSubstr("VU038 @2 error front-end")));
}

// --- VU039, VU044

std::vector<MemoryRegion> many(std::size_t count) {
    std::vector<MemoryRegion> regions;
    for (std::size_t i = 0; i < count; ++i) {
        regions.push_back(region(i * mebibyte, mebibyte));
    }
    return regions;
}

TEST(Memory, RegionsBeyondTheUsualNumberAreANoteAndThenAnError) {
    EXPECT_THAT(of_table(many(8), "VU039"), IsEmpty());
    EXPECT_THAT(of_table(many(9), "VU039"), ElementsAre(HasSubstr("VU039 @2 info front-end")));
    EXPECT_THAT(of_table(many(33), "VU039"), ElementsAre(AllOf(HasSubstr("error"), HasSubstr("33 regions"))));
    EXPECT_THAT(of_table({}, "VU039"), ElementsAre(HasSubstr("no region")));
}

TEST(Memory, RegionsBeyondTheSlotsOfTheBackEndAreAnError) {
    SessionBuilder session = opened();
    session.request(FrontEndRequest::GET_MAX_MEM_SLOTS);
    session.reply(FrontEndRequest::GET_MAX_MEM_SLOTS, serialise_u64(2));
    add_region(session, region(0, mebibyte));
    add_region(session, region(mebibyte, mebibyte));
    EXPECT_THAT(texts(session, {"VU039"}), IsEmpty());
    const std::uint64_t third = add_region(session, region(2 * mebibyte, mebibyte));
    EXPECT_THAT(texts(session, {"VU039"}), ElementsAre(AllOf(HasSubstr(at("VU039", third, "error front-end")),
                                                             HasSubstr("GET_MAX_MEM_SLOTS was answered 2"))));
}

TEST(Memory, SlotsThatTheTraceDoesNotShowAreNotMissed) {
    SessionBuilder whole = opened();
    SessionBuilder begun_before;
    for (const MemoryRegion& added : many(33)) {
        add_region(whole, added);
        add_region(begun_before, added);
    }
    EXPECT_THAT(texts(whole, {"VU039"}), SizeIs(33 - 8));
    EXPECT_THAT(texts(begun_before, {"VU039"}), IsEmpty());
}

TEST(Memory, AnAcknowledgementInPostcopyIsNoTable) {
    SessionBuilder session = opened();
    session.request(FrontEndRequest::POSTCOPY_LISTEN);
    set_table(session, many(1));
    session.request(FrontEndRequest::SET_MEM_TABLE, serialise_u64(0));
    EXPECT_THAT(texts(session, {"VU037", "VU038", "VU039", "VU042", "VU043"}), IsEmpty());
}

TEST(Memory, SlotsThatBecomeFewerAreTheBackEnds) {
    SessionBuilder session = opened();
    for (const std::uint64_t slots : {8U, 32U, 16U}) {
        session.request(FrontEndRequest::GET_MAX_MEM_SLOTS);
        session.reply(FrontEndRequest::GET_MAX_MEM_SLOTS, serialise_u64(slots));
    }
    EXPECT_THAT(texts(session, {"VU044"}),
                ElementsAre(AllOf(HasSubstr("VU044 @7 error back-end"), HasSubstr("16, in record 5 it was 32"))));
}

// --- VU040

std::vector<std::string> of_file(DescriptorKind kind, std::uint64_t size, const MemoryRegion& added) {
    SessionBuilder session = opened();
    trace::MessageRecord record;
    record.sender = Side::front_end;
    record.bytes = session::testing::message_bytes(static_cast<std::uint32_t>(FrontEndRequest::ADD_MEM_REG),
                                                   protocol::version_1, protocol::serialise_region(added, false));
    trace::Descriptor descriptor{1, {}};
    descriptor.description.kind = kind;
    descriptor.description.size = size;
    record.descriptors.push_back(descriptor);
    session.add(std::move(record));
    return texts(session, {"VU040"});
}

TEST(Memory, AFileThatIsTooShortForItsRegionIsNamed) {
    EXPECT_THAT(of_file(DescriptorKind::memfd, mebibyte, region(0, mebibyte)), IsEmpty());
    EXPECT_THAT(of_file(DescriptorKind::memfd, mebibyte, region(0, mebibyte, 1)),
                ElementsAre(AllOf(HasSubstr("VU040 @2 error front-end"), HasSubstr("offset 0x1 of its memfd"),
                                  HasSubstr("has 0x100000"))));
    EXPECT_THAT(of_file(DescriptorKind::file, 4096, region(0, 4096, UINT64_MAX - 100)), IsEmpty()) << "VU038 says so";
    EXPECT_THAT(of_file(DescriptorKind::hugetlbfs, mebibyte - 1, region(0, mebibyte)), SizeIs(1));
}

TEST(Memory, WhatHasNoKnownLengthIsNotJudged) {
    EXPECT_THAT(of_file(DescriptorKind::memfd, 0, region(0, mebibyte)), IsEmpty());
    EXPECT_THAT(of_file(DescriptorKind::other, 4096, region(0, mebibyte)), IsEmpty());
}

// --- VU041

SessionBuilder with_region(std::uint64_t protocol_features = BlockSession::protocol_features) {
    SessionBuilder session = opened();
    session.set(FrontEndRequest::SET_PROTOCOL_FEATURES, protocol_features);
    add_region(session, region(0, mebibyte));
    return session;
}

TEST(Memory, ARegionThatIsNotThereCannotBeRemoved) {
    SessionBuilder session = with_region();
    const std::uint64_t wrong = remove_region(session, region(0, mebibyte / 2));
    EXPECT_THAT(texts(session, {"VU041"}), ElementsAre(AllOf(HasSubstr(at("VU041", wrong, "error front-end")),
                                                             HasSubstr("no such region among 1"))));
    SessionBuilder in_the_middle;
    remove_region(in_the_middle, region(0, mebibyte));
    EXPECT_THAT(texts(in_the_middle, {"VU041"}), IsEmpty());
}

TEST(Memory, RemMemRegWithADescriptor) {
    SessionBuilder session = with_region();
    const std::uint64_t removal = remove_region(session, region(0, mebibyte, 4096), {7});
    EXPECT_THAT(texts(session, {"VU041"}), ElementsAre(HasSubstr(at("VU041", removal, "info front-end"))));
    const std::uint64_t refusal = session.reply(FrontEndRequest::REM_MEM_REG, serialise_u64(1));
    EXPECT_THAT(texts(session, {"VU041"}),
                ElementsAre(HasSubstr(" info "), AllOf(HasSubstr(at("VU041", refusal, "warn front-end")),
                                                       HasSubstr("it carried a descriptor"))));
}

TEST(Memory, RemMemRegWithoutADescriptor) {
    SessionBuilder session = with_region();
    remove_region(session, region(0, mebibyte));
    EXPECT_THAT(texts(session, {"VU041"}), IsEmpty()) << "as the specification has it";
    SessionBuilder accepted = session;
    accepted.reply(FrontEndRequest::REM_MEM_REG, serialise_u64(0));
    EXPECT_THAT(texts(accepted, {"VU041"}), IsEmpty());
    const std::uint64_t refusal = session.reply(FrontEndRequest::REM_MEM_REG, serialise_u64(1));
    EXPECT_THAT(texts(session, {"VU041"}), ElementsAre(HasSubstr(at("VU041", refusal, "warn back-end"))));
}

// --- VU042, VU043: the block session's ring is in the second of two regions.

TEST(Memory, ARegionWithAStartedRingIsNotRemoved) {
    SessionBuilder session;
    BlockSession::start(session);
    SessionBuilder other = session;
    remove_region(other, BlockSession::regions()[0]);
    EXPECT_THAT(texts(other, {"VU041", "VU042"}), IsEmpty()) << "no ring in it";
    const std::uint64_t removal = remove_region(session, BlockSession::regions()[1]);
    EXPECT_THAT(texts(session, {"VU042"}), ElementsAre(AllOf(HasSubstr(at("VU042", removal, "error front-end")),
                                                             HasSubstr("descriptor ring of queue 0"))));
    EXPECT_EQ(findings(session.records(), {"VU042"}).at(0).queue, 0U);
}

TEST(Memory, ARegionOfAStoppedRingMayBeRemoved) {
    SessionBuilder session;
    BlockSession::start(session);
    BlockSession::stop_queue(session, 0, 0);
    remove_region(session, BlockSession::regions()[1]);
    EXPECT_THAT(texts(session, {"VU042"}), IsEmpty());
}

// A write whose buffers are in the first region; the records from `message` on come `later` nanoseconds later.
std::vector<trace::Record> removed_under_a_request(bool used, std::int64_t later) {
    SessionBuilder session;
    BlockSession::start(session);
    session.chains(0, {BlockSession::write_request(3, 0, 0, 0x10000, Bytes(512))});
    if (used) {
        session.chains(0, {session::testing::used_entry(3, 0, session::testing::literal(Bytes(1)))});
    }
    const std::uint64_t removal = remove_region(session, BlockSession::regions()[0]);
    std::vector<trace::Record> records = session.records();
    for (trace::Record& record : records) {
        record.time += record.sequence >= removal ? later : 0;
    }
    return records;
}

TEST(Memory, ARegionWithARequestInFlightIsNotRemoved) {
    constexpr std::int64_t two_seconds = 2'000'000'000;
    EXPECT_THAT(texts(findings(removed_under_a_request(false, two_seconds), {"VU042"})),
                ElementsAre(AllOf(HasSubstr("warn front-end"), HasSubstr("guest address 0x10000"),
                                  HasSubstr("head 3 of queue 0"))));
    EXPECT_THAT(findings(removed_under_a_request(true, two_seconds), {"VU042"}), IsEmpty());
    EXPECT_THAT(findings(removed_under_a_request(false, 0), {"VU042"}), IsEmpty())
        << "its completion may be on its way into the trace";
}

TEST(Memory, SetMemTableUnderLiveRingsWithARingLeftOutside) {
    SessionBuilder session;
    BlockSession::start(session);
    SessionBuilder same = session;
    set_table(same, BlockSession::regions());
    EXPECT_THAT(texts(same, {"VU042", "VU043"}), IsEmpty()) << "the same regions again";
    const std::uint64_t table = set_table(session, {BlockSession::regions()[0]});
    EXPECT_THAT(texts(session, {"VU042", "VU043"}),
                ElementsAre(AllOf(HasSubstr(at("VU043", table, "error front-end")),
                                  HasSubstr("descriptor ring of queue 0 outside every region"),
                                  HasSubstr("the queue is started"))));
    EXPECT_EQ(findings(session.records(), {"VU043"}).at(0).queue, 0U);
}

TEST(Memory, ARingPartlyOutsideIsOutside) {
    SessionBuilder session;
    BlockSession::start(session);
    MemoryRegion shorter = BlockSession::regions()[1];
    shorter.size = BlockSession::used + 4 - shorter.guest_address;  // ends inside the used ring
    set_table(session, {shorter});
    EXPECT_THAT(texts(session, {"VU043"}), ElementsAre(HasSubstr("leaves the used ring of queue 0")));
}

TEST(Memory, AStoppedRingLeftOutsideIsANote) {
    SessionBuilder session;
    BlockSession::start(session);
    BlockSession::stop_queue(session, 0, 0);
    const std::uint64_t table = set_table(session, {BlockSession::regions()[0]});
    EXPECT_THAT(texts(session, {"VU043"}), ElementsAre(HasSubstr(at("VU043", table, "info front-end"))));
}

TEST(Memory, RingsAtGuestAddressesAreLookedForThere) {
    SessionBuilder session = opened();
    session.set(FrontEndRequest::SET_PROTOCOL_FEATURES, std::uint64_t{1} << pf::GPA_ADDRESSES);
    set_table(session, {region(0, mebibyte)});
    session.set(FrontEndRequest::SET_VRING_NUM, 0, 128);
    session.request(FrontEndRequest::SET_VRING_ADDR,
                    protocol::serialise(protocol::VringAddress{0, 0, 0x1000, 0x3000, 0x2000, 0}));
    session.request(FrontEndRequest::SET_VRING_KICK, serialise_u64(0), {1});
    set_table(session, {region(0, mebibyte), region(mebibyte, mebibyte)});
    EXPECT_THAT(texts(session, {"VU043"}), IsEmpty());
    set_table(session, {region(mebibyte, mebibyte)});
    EXPECT_THAT(texts(session, {"VU043"}), SizeIs(1));
}

TEST(Memory, RingsAtIovasAreNotJudged) {
    SessionBuilder session;
    BlockSession::connect(session);
    session.set(FrontEndRequest::SET_FEATURES,
                BlockSession::features | std::uint64_t{1} << protocol::feature::ACCESS_PLATFORM);
    BlockSession::add_regions(session);
    BlockSession::start_queue(session);
    remove_region(session, BlockSession::regions()[1]);
    set_table(session, {BlockSession::regions()[0]});
    EXPECT_THAT(texts(session, {"VU042", "VU043"}), IsEmpty());
}

// --- VU045

TEST(Memory, PaddingOfATableIsZero) {
    SessionBuilder session = opened();
    Bytes payload = protocol::serialise_regions(many(1), false);
    payload[4] = std::byte{1};
    session.request(FrontEndRequest::SET_MEM_TABLE, payload, {1});
    Bytes single = protocol::serialise_region(region(mebibyte, mebibyte), false);
    session.request(FrontEndRequest::ADD_MEM_REG, single, {1});
    single[0] = std::byte{1};
    session.request(FrontEndRequest::REM_MEM_REG, single);
    EXPECT_THAT(texts(session, {"VU045"}),
                ElementsAre(AllOf(HasSubstr("VU045 @2 error front-end"), HasSubstr("`padding` is 0x1")),
                            AllOf(HasSubstr("VU045 @4 error front-end"), HasSubstr("REM_MEM_REG"))));
}

}  // namespace
}  // namespace vutrace::check
