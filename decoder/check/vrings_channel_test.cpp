#include "check_fixture.h"

#include <vutrace/protocol/features.h>

#include <gmock/gmock.h>

namespace vutrace::check {
namespace {

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

namespace bit = protocol::protocol_feature;
constexpr std::uint32_t need_reply = protocol::version_1 | protocol::need_reply_flag;
constexpr std::uint32_t answer = protocol::version_1 | protocol::reply_flag;
constexpr std::uint32_t config_change = 2, host_notifier = 3, vring_call = 4, object_lookup = 8;

SessionBuilder with_protocol_features(std::uint64_t features) {
    SessionBuilder session;
    session.add(trace::SessionRecord{trace::SessionRecord::Kind::opened, {{"datapath", "off"}}});
    session.set(FrontEndRequest::SET_PROTOCOL_FEATURES, features);
    return session;
}

TEST(VringChannel, NotificationsInBandNeedTheirFeature) {
    for (const bool negotiated : {false, true}) {
        SessionBuilder session = with_protocol_features(negotiated ? 1U << bit::INBAND_NOTIFICATIONS : 0);
        session.set(FrontEndRequest::VRING_KICK, 0, 0);
        on_back_end_channel(session, Side::back_end, vring_call, protocol::version_1, Bytes(8));
        if (negotiated) {
            EXPECT_THAT(texts(session, {"VU063"}), IsEmpty());
        } else {
            EXPECT_THAT(texts(session, {"VU063"}),
                        ElementsAre(HasSubstr("error front-end: VRING_KICK"), HasSubstr("error back-end: VRING_CALL")));
        }
    }
}

TEST(VringChannel, RequestsOfTheBackEndAreAnsweredOnce) {
    SessionBuilder session = with_protocol_features(1U << bit::REPLY_ACK);
    on_back_end_channel(session, Side::back_end, config_change, need_reply, {});
    on_back_end_channel(session, Side::front_end, config_change, answer, protocol::serialise_u64(0));
    EXPECT_THAT(texts(session, {"VU064"}), IsEmpty());
    on_back_end_channel(session, Side::front_end, config_change, answer, protocol::serialise_u64(0));
    EXPECT_THAT(texts(session, {"VU064"}), ElementsAre(HasSubstr("error front-end: CONFIG_CHANGE_MSG")));
}

TEST(VringChannel, AnUnansweredRequestOfTheBackEndIsTheFrontEnds) {
    SessionBuilder session = with_protocol_features(1U << bit::REPLY_ACK);
    const std::uint64_t asked = on_back_end_channel(session, Side::back_end, config_change, need_reply, {});
    on_back_end_channel(session, Side::back_end, object_lookup, protocol::version_1, Bytes(16));
    const std::uint64_t end = test::close(session);
    EXPECT_THAT(texts(session, {"VU064"}), IsEmpty()) << "the session ended at once";
    EXPECT_THAT(texts(later(session.records(), end, 2'000'000'000), {"VU064"}),
                ElementsAre(AllOf(HasSubstr("VU064 @" + std::to_string(asked) + " error front-end"),
                                  HasSubstr("was never answered")),
                            AllOf(HasSubstr("info"), HasSubstr("SHARED_OBJECT_LOOKUP"))));
}

TEST(VringChannel, AnAreaForInflightRequests) {
    const auto answered = [](protocol::Inflight area, std::vector<std::uint32_t> descriptors) {
        SessionBuilder session = with_protocol_features(1U << bit::INFLIGHT_SHMFD);
        session.request(FrontEndRequest::GET_INFLIGHT_FD, protocol::serialise(protocol::Inflight{0, 0, 2, 128}));
        session.message(Side::back_end, FrontEndRequest::GET_INFLIGHT_FD, answer, protocol::serialise(area),
                        descriptors);
        return texts(session, {"VU065"});
    };
    EXPECT_THAT(answered({8192, 0, 2, 128}, {7}), IsEmpty());
    EXPECT_THAT(answered({0, 0, 2, 128}, {}), IsEmpty()) << "not supported";
    EXPECT_THAT(answered({0, 0, 2, 128}, {7}), ElementsAre(HasSubstr("0 bytes comes with 1")));
    EXPECT_THAT(answered({8192, 0, 2, 128}, {}), ElementsAre(HasSubstr("error back-end: an in-flight area of 8192")));
    EXPECT_THAT(answered({8192, 0, 1, 128}, {7}), ElementsAre(HasSubstr("asked were 2 of 128 (record 3)")));
}

TEST(VringChannel, RequestsOfNetworkDevices) {
    constexpr std::uint64_t mtu_feature = 1U << 3U;
    constexpr std::uint64_t announce = 1U << 21U;
    SessionBuilder session;
    session.set(FrontEndRequest::NET_SET_MTU, 1500);
    session.set(FrontEndRequest::SET_FEATURES, mtu_feature);
    session.set(FrontEndRequest::NET_SET_MTU, 9000);
    session.request(FrontEndRequest::SEND_RARP, Bytes(8));
    EXPECT_THAT(texts(session, {"VU066"}), IsEmpty());
    session.set(FrontEndRequest::NET_SET_MTU, 67);
    session.set(FrontEndRequest::SET_FEATURES, announce);
    session.set(FrontEndRequest::NET_SET_MTU, 1500);
    session.request(FrontEndRequest::SEND_RARP, Bytes(8));
    EXPECT_THAT(texts(session, {"VU066"}), ElementsAre(HasSubstr("has 67"), HasSubstr("VIRTIO_NET_F_MTU"),
                                                       HasSubstr("VIRTIO_NET_F_GUEST_ANNOUNCE")));
}

TEST(VringChannel, NotifierPages) {
    const auto given = [](protocol::VringArea area, std::vector<std::uint32_t> descriptors) {
        SessionBuilder session;
        BlockSession::start(session);
        on_back_end_channel(session, Side::back_end, host_notifier, protocol::version_1, protocol::serialise(area),
                            descriptors);
        return texts(session, {"VU067"});
    };
    EXPECT_THAT(given({{0}, 4096, 0}, {7}), IsEmpty());
    EXPECT_THAT(given({{0x100}, 0, 0}, {}), IsEmpty()) << "the page is taken away";
    EXPECT_THAT(given({{0x100}, 4096, 0}, {7}), ElementsAre(HasSubstr("error back-end")));
    EXPECT_THAT(given({{0}, 100, 0}, {7}), ElementsAre(HasSubstr("has 100 bytes")));
    EXPECT_THAT(given({{9}, 4096, 0}, {7}), ElementsAre(HasSubstr("queue 9")));
    EXPECT_THAT(given({{0x200}, 4096, 0}, {7}), ElementsAre(HasSubstr("bits 9 to 63")));
}

SessionBuilder in_postcopy() {
    SessionBuilder session = with_protocol_features(1U << bit::PAGEFAULT);
    session.request(FrontEndRequest::POSTCOPY_ADVISE);
    session.reply(FrontEndRequest::POSTCOPY_ADVISE);
    session.request(FrontEndRequest::POSTCOPY_LISTEN);
    session.reply(FrontEndRequest::POSTCOPY_LISTEN, protocol::serialise_u64(0));
    const Bytes table = protocol::serialise_regions(BlockSession::regions(), false);
    session.request(FrontEndRequest::SET_MEM_TABLE, table, {10, 11});
    return session;
}

TEST(VringChannel, AWholePostcopyIsInOrder) {
    SessionBuilder session = in_postcopy();
    session.reply(FrontEndRequest::SET_MEM_TABLE, protocol::serialise_regions(BlockSession::regions(), false));
    session.set(FrontEndRequest::SET_MEM_TABLE, 0);
    session.request(FrontEndRequest::POSTCOPY_END);
    EXPECT_THAT(texts(session, {"VU068"}), IsEmpty());
}

TEST(VringChannel, PostcopyOutOfOrder) {
    SessionBuilder listens = with_protocol_features(1U << bit::PAGEFAULT);
    listens.request(FrontEndRequest::POSTCOPY_LISTEN);
    EXPECT_THAT(texts(listens, {"VU068"}), ElementsAre(HasSubstr("without POSTCOPY_ADVISE")));
    SessionBuilder unacknowledged = in_postcopy();
    unacknowledged.reply(FrontEndRequest::SET_MEM_TABLE, protocol::serialise_regions(BlockSession::regions(), false));
    unacknowledged.request(FrontEndRequest::POSTCOPY_END);
    EXPECT_THAT(texts(unacknowledged, {"VU068"}), ElementsAre(HasSubstr("error front-end: POSTCOPY_END comes before")));
    SessionBuilder without_bases = in_postcopy();
    without_bases.reply(FrontEndRequest::SET_MEM_TABLE, protocol::serialise_u64(0));
    EXPECT_THAT(texts(without_bases, {"VU068"}), ElementsAre(HasSubstr("error back-end: SET_MEM_TABLE")));
}

}  // namespace
}  // namespace vutrace::check
