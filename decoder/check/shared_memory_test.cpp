#include "check_fixture.h"

#include <vutrace/protocol/features.h>

#include <gmock/gmock.h>

namespace vutrace::check {
namespace {

using session::testing::available_entry;
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
using testing::SizeIs;

namespace bit = protocol::protocol_feature;
constexpr std::uint32_t map_request = 9;
constexpr std::uint32_t unmap_request = 10;
constexpr std::uint32_t reply = protocol::version_1 | protocol::reply_flag;

SessionBuilder opened() {
    SessionBuilder session;
    session.add(trace::SessionRecord{trace::SessionRecord::Kind::opened, {{"datapath", "off"}}});
    session.set(FrontEndRequest::SET_PROTOCOL_FEATURES, 1U << bit::REPLY_ACK);
    return session;
}

void answer_state(SessionBuilder& session, std::uint64_t value, const std::vector<std::uint32_t>& descriptors) {
    session.message(Side::back_end, FrontEndRequest::SET_DEVICE_STATE_FD, reply, protocol::serialise_u64(value),
                    descriptors);
}

TEST(DeviceStateTransfer, RingsStayStoppedUntilItWasChecked) {
    for (const bool checked : {false, true}) {
        SessionBuilder session;
        BlockSession::start(session);
        BlockSession::stop_queue(session, 0, 0);
        session.request(FrontEndRequest::SET_DEVICE_STATE_FD, Bytes(8), {50});
        answer_state(session, 0x100, {});
        if (checked) {
            session.request(FrontEndRequest::CHECK_DEVICE_STATE);
            session.reply(FrontEndRequest::CHECK_DEVICE_STATE, protocol::serialise_u64(0));
        }
        BlockSession::start_queue(session, 0);
        EXPECT_THAT(texts(session, {"VU103"}), SizeIs(checked ? 0 : 1));
    }
}

TEST(DeviceStateTransfer, ARefusedOneIsNone) {
    SessionBuilder session;
    BlockSession::connect(session);
    session.request(FrontEndRequest::SET_DEVICE_STATE_FD, Bytes(8), {50});
    answer_state(session, 0x101, {});
    BlockSession::start_queue(session, 0);
    EXPECT_THAT(texts(session, {"VU103"}), IsEmpty());
}

TEST(DeviceStateTransfer, TheAnswerHasADescriptorOrSaysThatItHasNone) {
    const auto answered = [](std::uint64_t value, const std::vector<std::uint32_t>& descriptors) {
        SessionBuilder session = opened();
        session.request(FrontEndRequest::SET_DEVICE_STATE_FD, Bytes(8), {50});
        answer_state(session, value, descriptors);
        return texts(session, {"VU104"});
    };
    EXPECT_THAT(answered(0x100, {}), IsEmpty());
    EXPECT_THAT(answered(0, {7}), IsEmpty());
    EXPECT_THAT(answered(0x101, {}), IsEmpty()) << "failed";
    EXPECT_THAT(answered(1, {}), IsEmpty()) << "failed";
    EXPECT_THAT(answered(0x100, {7}), ElementsAre(HasSubstr("error back-end")));
    EXPECT_THAT(answered(0, {}), ElementsAre(HasSubstr("no descriptor")));
    EXPECT_THAT(answered(0x200, {7}), ElementsAre(HasSubstr("bits 9 to 63")));
}

TEST(DeviceStateTransfer, AWrongDescriptorIsToldByOneRule) {
    SessionBuilder session = opened();
    session.request(FrontEndRequest::SET_DEVICE_STATE_FD, Bytes(8), {50});
    answer_state(session, 0x100, {7});
    EXPECT_THAT(texts(session, {"VU013", "VU104"}), ElementsAre(HasSubstr("VU104")));
}

std::uint64_t map(SessionBuilder& session, std::uint64_t offset, std::uint64_t length, bool wants_answer = true) {
    return on_back_end_channel(session, Side::back_end, map_request,
                               protocol::version_1 | (wants_answer ? protocol::need_reply_flag : 0U),
                               protocol::serialise(protocol::SharedMap{0, 0, offset, length, 1}), {70});
}
std::uint64_t unmap(SessionBuilder& session, std::uint64_t offset, std::uint64_t length) {
    return on_back_end_channel(session, Side::back_end, unmap_request, protocol::version_1,
                               protocol::serialise(protocol::SharedMap{0, 0, offset, length, 0}));
}
std::uint64_t acknowledge(SessionBuilder& session, std::uint64_t value = 0) {
    return on_back_end_channel(session, Side::front_end, map_request, reply, protocol::serialise_u64(value));
}

SessionBuilder with_region() {
    SessionBuilder session = opened();
    Bytes config(8 + 256 * 8);
    store<std::uint32_t>(config, 0, 1);
    store<std::uint64_t>(config, 8, 0x10000);
    session.request(FrontEndRequest::GET_SHMEM_CONFIG);
    session.reply(FrontEndRequest::GET_SHMEM_CONFIG, config);
    return session;
}

TEST(SharedMemory, AMapThatIsAcknowledgedAndTakenAway) {
    SessionBuilder session = with_region();
    map(session, 0x1000, 0x1000);
    acknowledge(session);
    map(session, 0x2000, 0x1000);
    acknowledge(session);
    unmap(session, 0x1000, 0x1000);
    map(session, 0x1000, 0x1000);
    EXPECT_THAT(texts(session, {"VU105"}), IsEmpty());
}

TEST(SharedMemory, RangesThatDoNotFit) {
    SessionBuilder session = with_region();
    map(session, 0xf000, 0x2000);
    map(session, 0x1000, 0);
    map(session, UINT64_MAX, 2);
    EXPECT_THAT(texts(session, {"VU105"}), SizeIs(3));
}

TEST(SharedMemory, AMapOverAnother) {
    SessionBuilder session = with_region();
    map(session, 0x1000, 0x2000);
    acknowledge(session);
    map(session, 0x2000, 0x1000);
    EXPECT_THAT(texts(session, {"VU105"}), ElementsAre(HasSubstr("overlaps 0x2000 bytes at 0x1000")));
}

TEST(SharedMemory, AMapThatWasRefusedIsNotThere) {
    SessionBuilder session = with_region();
    map(session, 0x1000, 0x2000);
    acknowledge(session, 22);
    map(session, 0x2000, 0x1000);
    EXPECT_THAT(texts(session, {"VU105"}), IsEmpty());
}

TEST(SharedMemory, UnmappingWhatIsNotMappedSo) {
    SessionBuilder session = with_region();
    map(session, 0x1000, 0x2000, false);
    unmap(session, 0x1000, 0x1000);
    EXPECT_THAT(texts(session, {"VU105"}), ElementsAre(HasSubstr("is not mapped so")));
    session.request(FrontEndRequest::RESET_DEVICE);
    unmap(session, 0x5000, 0x1000);
    EXPECT_THAT(texts(session, {"VU105"}), SizeIs(1)) << "what outlives a reset is not known";
}

TEST(SharedMemory, ASharedMemoryMapTakenAwayBeforeItIsAcknowledgedIsTheBackEnds) {
    SessionBuilder session = with_region();
    map(session, 0x1000, 0x1000);
    const std::uint64_t early = unmap(session, 0x1000, 0x1000);
    EXPECT_THAT(texts(session, {"VU105"}), ElementsAre(AllOf(HasSubstr("@" + std::to_string(early) + " error back-end"),
                                                             HasSubstr("SHMEM_UNMAP comes before the map"))));
}

std::vector<std::string> as_fs(const std::vector<trace::Record>& records) {
    constexpr std::uint32_t fs_device = 26;
    std::vector<Finding> found;
    Checker checker(
        {{find_rule("VU105")}}, [&](Finding finding) { found.push_back(std::move(finding)); }, fs_device);
    for (const trace::Record& record : records) {
        checker.take(record);
    }
    checker.finish();
    return test::texts(found);
}

// virtio-fs: FUSE_SETUPMAPPING of [0x1000, 0x2000).
Bytes setup_mapping() {
    Bytes request(80);
    store<std::uint32_t>(request, 0, 80);
    store<std::uint32_t>(request, 4, 48);
    store<std::uint64_t>(request, 56, 0x1000);
    store<std::uint64_t>(request, 72, 0x1000);
    return request;
}

TEST(SharedMemory, ASharedMemoryMapUsedBeforeItIsAcknowledgedIsTheBackEnds) {
    SessionBuilder session = with_region();
    session.chains(1, {available_entry(0, 0, {{0x10000, 80, 1, 1}, {0x20000, 16, 2, 0}}, literal(setup_mapping()))});
    map(session, 0x1000, 0x1000);
    const std::uint64_t used = session.chains(1, {used_entry(0, 0, literal(Bytes(16)))});
    const std::uint64_t acknowledged = acknowledge(session);
    EXPECT_THAT(as_fs(session.records()), IsEmpty()) << "rings and messages this close have no order";
    EXPECT_THAT(as_fs(later(session.records(), acknowledged, 20'000'000)),
                ElementsAre(AllOf(HasSubstr("VU105 @" + std::to_string(used) + " error back-end"),
                                  HasSubstr("before the map of 0x1000 bytes at 0x1000"))));
}

// The host-visible region of virtio-gpu is number 1.
TEST(SharedMemory, ABlobThatTheDriverIsGivenBeforeItsMapIsAcknowledged) {
    SessionBuilder session = opened();
    session.request(FrontEndRequest::GPU_SET_SOCKET, {}, {60});
    Bytes map_blob(40);
    store<std::uint32_t>(map_blob, 0, 0x208);
    store<std::uint64_t>(map_blob, 32, 0x3000);
    session.chains(0, {available_entry(0, 0, {{0x10000, 40, 1, 1}, {0x20000, 32, 2, 0}}, literal(map_blob))});
    Bytes wanted(40);
    store<std::uint8_t>(wanted, 0, 1);
    store<std::uint64_t>(wanted, 16, 0x3000);
    store<std::uint64_t>(wanted, 24, 0x1000);
    on_back_end_channel(session, Side::back_end, map_request, protocol::version_1 | protocol::need_reply_flag, wanted,
                        {61});
    const std::uint64_t used = session.chains(0, {used_entry(0, 0, literal(Bytes(32)))});
    const std::uint64_t acknowledged = acknowledge(session);
    EXPECT_THAT(texts(later(session.records(), acknowledged, 20'000'000), {"VU105"}),
                ElementsAre(AllOf(HasSubstr("@" + std::to_string(used) + " error back-end"),
                                  HasSubstr("at 0x3000 of shared memory region 1"))));
}

TEST(SharedMemory, AMapUsedAfterItIsAcknowledged) {
    SessionBuilder session = with_region();
    session.chains(1, {available_entry(0, 0, {{0x10000, 80, 1, 1}, {0x20000, 16, 2, 0}}, literal(setup_mapping()))});
    map(session, 0x1000, 0x1000);
    acknowledge(session);
    session.chains(1, {used_entry(0, 0, literal(Bytes(16)))});
    test::close(session);
    EXPECT_THAT(as_fs(session.records()), IsEmpty());
}

TEST(Iotlb, TranslationsGoToMemoryThatIsThere) {
    const auto updated = [](std::uint64_t address, std::uint64_t size) {
        SessionBuilder session;
        BlockSession::start(session);
        session.request_with_reply(FrontEndRequest::IOTLB_MSG,
                                   protocol::serialise(protocol::Iotlb{0x1000, size, address, 3, 2}));
        return texts(session, {"VU106"});
    };
    EXPECT_THAT(updated(BlockSession::user_base + 0xc0000, 0x1000), IsEmpty());
    EXPECT_THAT(updated(BlockSession::user_base + 0x9f000, 0x1000), IsEmpty());
    EXPECT_THAT(updated(BlockSession::user_base + 0x9f000, 0x2000),
                ElementsAre(AllOf(HasSubstr("error front-end"), HasSubstr("0x7f12000a0000 is in no memory region"))));
    EXPECT_THAT(updated(0x1000, 0x1000), SizeIs(1));
}

}  // namespace
}  // namespace vutrace::check
