#include "negotiation_fixture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vutrace::check {
namespace {

using protocol::serialise_u64;
using test::agreed;
using test::ask_on_back_end_channel;
using test::bit;
using test::BlockSession;
using test::findings;
using test::FrontEndRequest;
using test::offered;
using test::opened;
using test::SessionBuilder;
using test::texts;
using test::version_1_bit;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
namespace pf = protocol::protocol_feature;

// --- VU025 to VU028

TEST(Negotiation, ASecondOwnerIsAWarning) {
    SessionBuilder session = opened();
    session.request(FrontEndRequest::SET_OWNER);
    session.request(FrontEndRequest::SET_OWNER);
    EXPECT_THAT(texts(session, {"VU025"}),
                ElementsAre(AllOf(HasSubstr("VU025 @3 warn front-end"), HasSubstr("the first was record 2"))));
    SessionBuilder reset = opened();
    reset.request(FrontEndRequest::SET_OWNER);
    reset.request(FrontEndRequest::RESET_OWNER);
    reset.request(FrontEndRequest::SET_OWNER);
    EXPECT_THAT(texts(reset, {"VU025"}), IsEmpty());
}

TEST(Negotiation, SettingUpBeforeAnOwnerIsAWarningOnce) {
    SessionBuilder session = opened();
    session.set(FrontEndRequest::SET_VRING_NUM, 0, 128);
    session.set(FrontEndRequest::SET_VRING_NUM, 1, 128);
    EXPECT_THAT(texts(session, {"VU025"}), ElementsAre(HasSubstr("VU025 @2 warn front-end")));
}

TEST(Negotiation, RingsStartedBeforeFeaturesAreAnErrorOnce) {
    SessionBuilder session = agreed(0);
    session.request(FrontEndRequest::SET_VRING_KICK, serialise_u64(0), {1});
    session.request(FrontEndRequest::SET_VRING_KICK, serialise_u64(1), {2});
    EXPECT_THAT(texts(session, {"VU026"}), ElementsAre(HasSubstr("VU026 @7 error front-end")));
}

TEST(Negotiation, FeaturesSetAnewInMidRun) {
    SessionBuilder session;
    BlockSession::start(session);
    const std::uint64_t at =
        session.set(FrontEndRequest::SET_FEATURES, BlockSession::features | bit(protocol::feature::RING_EVENT_IDX));
    EXPECT_THAT(texts(session, {"VU027"}),
                ElementsAre(AllOf(HasSubstr("VU027 @" + std::to_string(at) + " error front-end"),
                                  HasSubstr("changes RING_EVENT_IDX"), HasSubstr("queue 0 is started"))));
}

TEST(Negotiation, TheSameFeaturesLoggingAndFeaturesOfAStoppedDeviceAreInOrder) {
    SessionBuilder session;
    BlockSession::start(session);
    session.set(FrontEndRequest::SET_FEATURES, BlockSession::features);
    session.set(FrontEndRequest::SET_FEATURES, BlockSession::features | bit(protocol::feature::LOG_ALL));
    BlockSession::stop_queue(session, 0, 0);
    session.set(FrontEndRequest::SET_FEATURES, version_1_bit);
    EXPECT_THAT(texts(session, {"VU027"}), IsEmpty());
}

TEST(Negotiation, AnOfferThatChangesIsTheBackEnds) {
    SessionBuilder session = offered(0x7);
    session.request(FrontEndRequest::GET_FEATURES);
    session.reply(FrontEndRequest::GET_FEATURES, serialise_u64(0x3));
    session.set(FrontEndRequest::SET_FEATURES, 0x3);
    session.request(FrontEndRequest::GET_FEATURES);
    session.reply(FrontEndRequest::GET_FEATURES, serialise_u64(0x1));
    session.request(FrontEndRequest::GET_FEATURES);
    session.reply(FrontEndRequest::GET_FEATURES, serialise_u64(0x1));
    EXPECT_THAT(texts(session, {"VU028"}),
                ElementsAre(HasSubstr("VU028 @5 info back-end"),
                            AllOf(HasSubstr("VU028 @8 warn back-end"), HasSubstr("in record 5 it was 0x3"))));
}

// --- VU029

TEST(Negotiation, APackedRingNeedsVersion1) {
    SessionBuilder session = opened();
    session.set(FrontEndRequest::SET_FEATURES, bit(protocol::feature::RING_PACKED));
    session.set(FrontEndRequest::SET_FEATURES, bit(protocol::feature::RING_PACKED));
    session.set(FrontEndRequest::SET_FEATURES, bit(protocol::feature::RING_PACKED) | version_1_bit);
    EXPECT_THAT(texts(session, {"VU029"}),
                ElementsAre(AllOf(HasSubstr("VU029 @2 error front-end"), HasSubstr("RING_PACKED without VERSION_1"))));
}

std::vector<Finding> of_network_device(std::uint64_t features, std::optional<std::uint64_t> offer = {}) {
    SessionBuilder session = offer ? offered(*offer) : opened();
    session.set(FrontEndRequest::SET_FEATURES, features);
    std::vector<Finding> found;
    Checker checker(
        {{find_rule("VU029")}}, [&found](Finding finding) { found.push_back(std::move(finding)); }, 1U);
    for (const trace::Record& record : session.records()) {
        checker.take(record);
    }
    return found;
}

TEST(Negotiation, FeaturesOfNetworkDevicesHaveDependencies) {
    EXPECT_THAT(texts(of_network_device(bit(11))), ElementsAre(HasSubstr("HOST_TSO4 without CSUM")));
    EXPECT_THAT(texts(of_network_device(bit(9))), ElementsAre(HasSubstr("GUEST_TSO4 or GUEST_TSO6")));
    EXPECT_THAT(of_network_device(bit(11) | bit(0) | bit(13)), IsEmpty());
    EXPECT_THAT(texts(of_network_device(bit(22))), ElementsAre(HasSubstr("VU029 @2 info front-end")))
        << "QEMU keeps the control queue to itself";
    SessionBuilder unknown = opened();
    unknown.set(FrontEndRequest::SET_FEATURES, bit(11));
    EXPECT_THAT(texts(unknown, {"VU029"}), IsEmpty());
}

TEST(Negotiation, AnOfferWithoutWhatItRequiresIsTheBackEnds) {
    const std::uint64_t ecn = bit(13);
    const std::uint64_t tso = bit(11) | bit(0);
    EXPECT_THAT(texts(of_network_device(ecn, ecn)),
                ElementsAre(AllOf(HasSubstr("VU029 @4 info back-end"), HasSubstr("as the back-end offers it"))))
        << "DPDK offers it so";
    EXPECT_THAT(texts(of_network_device(ecn, ecn | tso)), ElementsAre(HasSubstr("VU029 @4 error front-end")));
    EXPECT_THAT(texts(of_network_device(ecn, tso)), ElementsAre(HasSubstr("VU029 @4 error front-end")));
    EXPECT_THAT(texts(of_network_device(bit(9), bit(9))), ElementsAre(HasSubstr("VU029 @4 error back-end")));
}

// --- VU030, VU032

TEST(Negotiation, AQueueBeyondTheAnswerIsAnErrorOnce) {
    SessionBuilder session;
    BlockSession::connect(session);  // two queues
    session.set(FrontEndRequest::SET_VRING_NUM, 1, 128);
    const std::uint64_t at = session.set(FrontEndRequest::SET_VRING_NUM, 2, 128);
    session.set(FrontEndRequest::SET_VRING_BASE, 2, 0);
    EXPECT_THAT(texts(session, {"VU030"}),
                ElementsAre(AllOf(HasSubstr("VU030 @" + std::to_string(at) + " error front-end"),
                                  HasSubstr("names queue 2"), HasSubstr("answered 2"))));
    EXPECT_EQ(findings(session.records(), {"VU030"}).at(0).queue, 2U);
}

TEST(Negotiation, WhereTheDeviceIsNotKnownTheAnswerMayCountPairs) {
    SessionBuilder session = agreed(bit(pf::MQ));
    session.request(FrontEndRequest::GET_QUEUE_NUM);
    session.reply(FrontEndRequest::GET_QUEUE_NUM, serialise_u64(2));
    session.set(FrontEndRequest::SET_VRING_NUM, 4, 128);
    EXPECT_THAT(texts(session, {"VU030"}), IsEmpty());
    session.set(FrontEndRequest::SET_VRING_NUM, 5, 128);
    EXPECT_THAT(texts(session, {"VU030"}), ElementsAre(HasSubstr("at most 5 rings")));
}

TEST(Negotiation, ARequestOfTheBackEndBeforeItsChannelIsTheBackEnds) {
    SessionBuilder session = agreed(bit(pf::BACKEND_REQ) | bit(pf::CONFIG));
    ask_on_back_end_channel(session, 2);
    EXPECT_THAT(texts(session, {"VU032"}), ElementsAre(HasSubstr("VU032 @7 error back-end")));
    SessionBuilder in_order = agreed(bit(pf::BACKEND_REQ) | bit(pf::CONFIG));
    in_order.request(FrontEndRequest::SET_BACKEND_REQ_FD, {}, {1});
    ask_on_back_end_channel(in_order, 2);
    EXPECT_THAT(texts(in_order, {"VU032"}), IsEmpty());
}

// --- VU033

const Bytes inflight = protocol::serialise(protocol::Inflight{4096, 0, 1, 128});

TEST(Negotiation, InflightDescriptorSetWhileARingRuns) {
    SessionBuilder session;
    BlockSession::start(session);
    const std::uint64_t at = session.request(FrontEndRequest::SET_INFLIGHT_FD, inflight, {30});
    EXPECT_THAT(texts(session, {"VU033"}), ElementsAre(HasSubstr("VU033 @" + std::to_string(at) + " error front-end")));
}

TEST(Negotiation, InflightDescriptorSetBeforeAnyVringMessage) {
    SessionBuilder session = agreed(bit(pf::INFLIGHT_SHMFD));
    session.set(FrontEndRequest::SET_FEATURES, version_1_bit);
    session.request(FrontEndRequest::GET_INFLIGHT_FD, inflight);
    session.request(FrontEndRequest::SET_INFLIGHT_FD, inflight, {30});
    EXPECT_THAT(texts(session, {"VU033"}),
                ElementsAre(AllOf(HasSubstr("VU033 @9 info front-end"), HasSubstr("before any message about a ring"))));
}

TEST(Negotiation, InflightDescriptorSetAfterCallDescriptorsAsQemuDoes) {
    SessionBuilder session = agreed(bit(pf::INFLIGHT_SHMFD));
    session.request(FrontEndRequest::SET_VRING_CALL, serialise_u64(0), {1});
    session.set(FrontEndRequest::SET_FEATURES, version_1_bit);
    session.request(FrontEndRequest::SET_INFLIGHT_FD, inflight, {30});
    EXPECT_THAT(texts(session, {"VU033"}), IsEmpty());
}

TEST(Negotiation, InflightDescriptorBeforeFeaturesIsAWarning) {
    SessionBuilder session = agreed(bit(pf::INFLIGHT_SHMFD));
    session.request(FrontEndRequest::GET_INFLIGHT_FD, inflight);
    EXPECT_THAT(texts(session, {"VU033"}), ElementsAre(HasSubstr("VU033 @7 warn front-end")));
}

// --- VU034 to VU036

Bytes config(std::uint32_t offset, std::uint32_t size, std::uint32_t flags = 0) {
    return protocol::serialise(protocol::Config{offset, size, flags, Bytes(size)});
}

TEST(Negotiation, ConfigurationBeyondItsSpaceIsAnErrorOrANote) {
    const auto asking = [](std::uint32_t offset, std::uint32_t size) {
        SessionBuilder session = opened();
        Bytes payload = config(0, 0);
        store<std::uint32_t>(payload, 0, offset);
        store<std::uint32_t>(payload, 4, size);
        payload.resize(payload.size() + std::min<std::uint32_t>(size, 8192));
        session.request(FrontEndRequest::GET_CONFIG, payload);
        return texts(session, {"VU034"});
    };
    EXPECT_THAT(asking(0, 256), IsEmpty());
    EXPECT_THAT(asking(200, 57), ElementsAre(AllOf(HasSubstr("VU034 @2 info front-end"), HasSubstr("200 to 256"))));
    EXPECT_THAT(asking(0, 4097), ElementsAre(HasSubstr("VU034 @2 error front-end")));
    EXPECT_THAT(asking(0xffffffff, 8), ElementsAre(HasSubstr("VU034 @2 error"))) << "the sum does not wrap";
}

TEST(Negotiation, AnAnswerAboutAnotherPartOfTheConfigurationIsTheBackEnds) {
    const auto answering = [](const Bytes& answer) {
        SessionBuilder session = opened();
        session.request(FrontEndRequest::GET_CONFIG, config(8, 16));
        session.reply(FrontEndRequest::GET_CONFIG, answer);
        return texts(session, {"VU035"});
    };
    EXPECT_THAT(answering(config(8, 16)), IsEmpty());
    EXPECT_THAT(answering({}), IsEmpty()) << "a failure";
    EXPECT_THAT(answering(config(0, 16)),
                ElementsAre(AllOf(HasSubstr("VU035 @3 error back-end"), HasSubstr("asked for 16 bytes at 8"))));
    EXPECT_THAT(answering(config(8, 8)), SizeIs(1));
    EXPECT_THAT(answering(config(0, 0)), ElementsAre(HasSubstr("VU035 @3 info"))) << "a failure of rust-vmm";
}

TEST(Negotiation, FlagsOfSetConfigAreZeroOrOne) {
    const auto setting = [](std::uint32_t flags) {
        SessionBuilder session = opened();
        session.request(FrontEndRequest::SET_CONFIG, config(32, 1, flags));
        return texts(session, {"VU036"});
    };
    EXPECT_THAT(setting(0), IsEmpty());
    EXPECT_THAT(setting(1), IsEmpty());
    EXPECT_THAT(setting(2), ElementsAre(HasSubstr("VU036 @2 info front-end")));
    EXPECT_THAT(setting(4), ElementsAre(HasSubstr("VU036 @2 error front-end")));
}

TEST(Negotiation, OfABlockDeviceTheDriverWritesTheCacheModeOnly) {
    SessionBuilder session;
    BlockSession::start(session);
    session.request(FrontEndRequest::SET_CONFIG, config(32, 1));
    session.request(FrontEndRequest::SET_CONFIG, config(0, 8, 1));  // migration
    EXPECT_THAT(texts(session, {"VU036"}), IsEmpty());
    const std::uint64_t at = session.request(FrontEndRequest::SET_CONFIG, config(0, 8));
    EXPECT_THAT(texts(session, {"VU036"}),
                ElementsAre(AllOf(HasSubstr("VU036 @" + std::to_string(at)), HasSubstr("8 bytes at 0"))));
}

}  // namespace
}  // namespace vutrace::check
