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
using test::FrontEndRequest;
using test::offered;
using test::opened;
using test::protocol_features_bit;
using test::SessionBuilder;
using test::texts;
using test::version_1_bit;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
namespace pf = protocol::protocol_feature;

// --- VU017

TEST(Negotiation, FeaturesThatWereNotOfferedAreNamed) {
    SessionBuilder session = offered(0x3);
    session.set(FrontEndRequest::SET_FEATURES, protocol_features_bit | 0x1);
    EXPECT_THAT(texts(session, {"VU017"}),
                ElementsAre(AllOf(HasSubstr("VU017 @4 error front-end"), HasSubstr("PROTOCOL_FEATURES"),
                                  HasSubstr("offered: 0x3"))));
}

TEST(Negotiation, TheLastAnswerToGetFeaturesCounts) {
    SessionBuilder session = offered(0x3);
    session.request(FrontEndRequest::GET_FEATURES);
    session.reply(FrontEndRequest::GET_FEATURES, serialise_u64(0x7));
    session.set(FrontEndRequest::SET_FEATURES, 0x7);
    EXPECT_THAT(texts(session, {"VU017"}), IsEmpty());
}

TEST(Negotiation, FeaturesTakenWithoutAskingAreAWarning) {
    SessionBuilder session = opened();
    session.set(FrontEndRequest::SET_FEATURES, 0x1);
    EXPECT_THAT(texts(session, {"VU017"}), ElementsAre(HasSubstr("VU017 @2 warn front-end")));
}

TEST(Negotiation, ATraceThatBeginsInMidSessionIsNotJudgedByWhatItDoesNotShow) {
    SessionBuilder session;
    session.set(FrontEndRequest::SET_FEATURES, 0x1);
    session.request(FrontEndRequest::GET_PROTOCOL_FEATURES);
    session.set(FrontEndRequest::SET_PROTOCOL_FEATURES, 0x8);
    SessionBuilder late;
    late.request(FrontEndRequest::GET_QUEUE_NUM);
    late.request(FrontEndRequest::GET_CONFIG);
    late.request(FrontEndRequest::SET_VRING_ENABLE, protocol::serialise(protocol::VringState{0, 1}));
    late.request(FrontEndRequest::SET_VRING_NUM, protocol::serialise(protocol::VringState{0, 1}));
    late.request(FrontEndRequest::SET_VRING_KICK, serialise_u64(0), {1});
    ask_on_back_end_channel(late, 2);
    const std::vector<std::string_view> rules{"VU017", "VU018", "VU019", "VU020", "VU021",
                                              "VU025", "VU026", "VU030", "VU032", "VU033"};
    EXPECT_THAT(texts(session, rules), IsEmpty());
    EXPECT_THAT(texts(late, rules), IsEmpty());
}

TEST(Negotiation, ATraceThatLostMessagesIsNotJudgedByWhatItDoesNotShow) {
    SessionBuilder session = opened();
    session.add(trace::GapRecord{trace::no_queue, 0, 3, 0, "the disk was slow"});
    session.set(FrontEndRequest::SET_PROTOCOL_FEATURES, 0x8);
    EXPECT_THAT(texts(session, {"VU018", "VU019"}), IsEmpty());
}

// --- VU018, VU019

TEST(Negotiation, SetProtocolFeaturesWithoutGet) {
    SessionBuilder session = offered(protocol_features_bit);
    session.set(FrontEndRequest::SET_PROTOCOL_FEATURES, bit(pf::REPLY_ACK));
    EXPECT_THAT(texts(session, {"VU018", "VU019"}),
                ElementsAre(AllOf(HasSubstr("VU019 @4 error front-end"), HasSubstr("REPLY_ACK"),
                                  HasSubstr("without any answer to GET_PROTOCOL_FEATURES"))));
}

TEST(Negotiation, SetProtocolFeaturesThatTakesNothingNeedsNoGet) {
    SessionBuilder session = offered(protocol_features_bit);
    session.set(FrontEndRequest::SET_PROTOCOL_FEATURES, std::uint64_t{0});
    EXPECT_THAT(texts(session, {"VU018", "VU019"}), IsEmpty());
}

TEST(Negotiation, ProtocolFeaturesWithoutBit30) {
    SessionBuilder session = offered(0x1);
    session.request(FrontEndRequest::GET_PROTOCOL_FEATURES);
    EXPECT_THAT(texts(session, {"VU018"}),
                ElementsAre(AllOf(HasSubstr("VU018 @4 error front-end"), HasSubstr("not offered: 0x1"))));
    SessionBuilder early = opened();
    early.request(FrontEndRequest::GET_PROTOCOL_FEATURES);
    EXPECT_THAT(texts(early, {"VU018"}), ElementsAre(HasSubstr("before any answer to GET_FEATURES")));
    EXPECT_THAT(texts(agreed(0x8), {"VU018", "VU019"}), IsEmpty());
}

TEST(Negotiation, ProtocolFeaturesThatWereNotOfferedAreNamed) {
    SessionBuilder session = agreed(bit(pf::REPLY_ACK));
    session.set(FrontEndRequest::SET_PROTOCOL_FEATURES, bit(pf::REPLY_ACK) | bit(pf::CONFIG));
    EXPECT_THAT(texts(session, {"VU019"}), ElementsAre(AllOf(HasSubstr("VU019 @7"), HasSubstr("offered: CONFIG"))));
}

// --- VU020, VU021

TEST(Negotiation, EveryGatedRequestIsFoundWithoutItsFeatureAndNotWithIt) {
    std::size_t gated = 0;
    for (const protocol::RequestInfo& info : protocol::requests()) {
        if (info.channel != Channel::front_end || !info.protocol_feature) {
            continue;
        }
        ++gated;
        const auto request = static_cast<FrontEndRequest>(info.code);
        SessionBuilder without = agreed(0);
        without.request(request, Bytes(info.size_min));
        EXPECT_THAT(texts(without, {"VU020", "VU030", "VU032"}), SizeIs(request == FrontEndRequest::VRING_KICK ? 0 : 1))
            << info.name;
        SessionBuilder with = agreed(bit(*info.protocol_feature));
        with.request(request, Bytes(info.size_min));
        EXPECT_THAT(texts(with, {"VU020", "VU030", "VU032"}), IsEmpty()) << info.name;
    }
    EXPECT_GT(gated, 20U);
}

TEST(Negotiation, GatedRequestsOfTheBackEndAreTheBackEnds) {
    SessionBuilder session = agreed(bit(pf::BACKEND_REQ));
    ask_on_back_end_channel(session, 2);  // CONFIG_CHANGE_MSG
    ask_on_back_end_channel(session, 1, Bytes(32));
    EXPECT_THAT(texts(session, {"VU020"}),
                ElementsAre(AllOf(HasSubstr("VU020 @7 error back-end"), HasSubstr("CONFIG (protocol feature 9)")),
                            AllOf(HasSubstr("VU020 @8 error back-end"), HasSubstr("ACCESS_PLATFORM"))));
}

TEST(Negotiation, IotlbMessagesNeedAccessPlatform) {
    SessionBuilder session = agreed(0);
    session.set(FrontEndRequest::SET_FEATURES, version_1_bit);
    session.request(FrontEndRequest::IOTLB_MSG, Bytes(32));
    EXPECT_THAT(texts(session, {"VU020"}), ElementsAre(HasSubstr("VU020 @8 error front-end")));
    session.set(FrontEndRequest::SET_FEATURES, version_1_bit | bit(protocol::feature::ACCESS_PLATFORM));
    session.request(FrontEndRequest::IOTLB_MSG, Bytes(32));
    EXPECT_THAT(texts(session, {"VU020"}), SizeIs(1));
}

TEST(Negotiation, RequestsThatPeersServeWithoutTheirBitAreNotes) {
    SessionBuilder session = agreed(0);
    session.request(FrontEndRequest::CHECK_DEVICE_STATE);
    session.request(FrontEndRequest::GET_SHMEM_CONFIG);
    EXPECT_THAT(texts(session, {"VU020"}), ElementsAre(HasSubstr("@7 info"), HasSubstr("@8 info")));
    SessionBuilder older = agreed(bit(21));
    older.request(FrontEndRequest::GET_SHMEM_CONFIG);
    EXPECT_THAT(texts(older, {"VU020"}), IsEmpty()) << "the number that rust-vmm 0.16 has for SHMEM";
}

TEST(Negotiation, EnablingRingsNeedsBit30) {
    SessionBuilder session = agreed(0);
    session.set(FrontEndRequest::SET_VRING_ENABLE, 0, 1);
    session.set(FrontEndRequest::SET_VRING_ENABLE, 1, 1);
    session.set(FrontEndRequest::SET_FEATURES, version_1_bit);
    session.set(FrontEndRequest::SET_VRING_ENABLE, 0, 1);
    session.set(FrontEndRequest::SET_FEATURES, version_1_bit | protocol_features_bit);
    session.set(FrontEndRequest::SET_VRING_ENABLE, 0, 1);
    EXPECT_THAT(texts(session, {"VU021"}),
                ElementsAre(HasSubstr("VU021 @7 info front-end"), HasSubstr("VU021 @10 error front-end")));
}

// --- VU022 to VU024

TEST(Negotiation, ProtocolFeaturesWithoutTheirBaseAreWarnings) {
    const auto taking = [](std::uint64_t features) { return texts(agreed(features), {"VU022"}); };
    EXPECT_THAT(taking(bit(pf::INBAND_NOTIFICATIONS) | bit(pf::REPLY_ACK)),
                ElementsAre(AllOf(HasSubstr("VU022 @6 warn front-end"), HasSubstr("without BACKEND_REQ"))));
    EXPECT_THAT(taking(bit(pf::BACKEND_SEND_FD)), SizeIs(1));
    EXPECT_THAT(taking(bit(pf::HOST_NOTIFIER)), SizeIs(1));
    EXPECT_THAT(taking(bit(pf::GET_VRING_BASE_SKIP_DRAIN) | bit(pf::INFLIGHT_SHMFD)), SizeIs(1));
    EXPECT_THAT(taking(bit(pf::GET_VRING_BASE_INFLIGHT)), ElementsAre(HasSubstr(" info ")));
    EXPECT_THAT(taking(BlockSession::protocol_features), IsEmpty());
    EXPECT_THAT(taking(bit(pf::INBAND_NOTIFICATIONS) | bit(pf::REPLY_ACK) | bit(pf::BACKEND_REQ)), IsEmpty());
}

TEST(Negotiation, PostcopyWithMemorySlotsIsANote) {
    SessionBuilder session = agreed(bit(pf::CONFIGURE_MEM_SLOTS) | bit(pf::PAGEFAULT));
    session.request(FrontEndRequest::POSTCOPY_ADVISE);
    EXPECT_THAT(texts(session, {"VU023"}), ElementsAre(HasSubstr("VU023 @7 info front-end")));
    SessionBuilder without = agreed(bit(pf::PAGEFAULT));
    without.request(FrontEndRequest::POSTCOPY_ADVISE);
    EXPECT_THAT(texts(without, {"VU023"}), IsEmpty());
}

TEST(Negotiation, AMemoryTableWithMemorySlotsIsAWarning) {
    const Bytes table = protocol::serialise_regions({BlockSession::regions()[0]}, false);
    SessionBuilder session = agreed(bit(pf::CONFIGURE_MEM_SLOTS));
    session.request(FrontEndRequest::SET_MEM_TABLE, table, {1});
    session.request(FrontEndRequest::SET_MEM_TABLE, serialise_u64(0));  // an acknowledgement in postcopy
    EXPECT_THAT(texts(session, {"VU024"}), ElementsAre(HasSubstr("VU024 @7 warn front-end")));
    SessionBuilder without = agreed(0);
    without.request(FrontEndRequest::SET_MEM_TABLE, table, {1});
    EXPECT_THAT(texts(without, {"VU024"}), IsEmpty());
}

}  // namespace
}  // namespace vutrace::check
