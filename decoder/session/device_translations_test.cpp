#include "vutrace/session/device_state.h"

#include <vutrace/protocol/features.h>
#include <vutrace/protocol/requests.h>

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace vutrace::session {
namespace {

using Request = protocol::FrontEndRequest;

constexpr std::uint64_t user = 0x7f0000000000, guest = 0x100000, page = 0x1000, iova = 0xffff0000;
constexpr std::uint32_t size = 128;  // of the ring: 2048 bytes of descriptors, 262 and 1030 of the rings
constexpr std::uint8_t update = 2, invalidate = 3;

class Session {
  public:
    explicit Session(std::uint64_t more_features = 0, std::uint64_t protocol_features = 0) {
        send(Request::SET_PROTOCOL_FEATURES, protocol::serialise_u64(protocol_features));
        const std::uint64_t features = std::uint64_t{1} << 30U | std::uint64_t{1} << protocol::feature::ACCESS_PLATFORM;
        send(Request::SET_FEATURES, protocol::serialise_u64(features | more_features));
        send(Request::ADD_MEM_REG, protocol::serialise_region({guest, 0x10000, user, 0, 0, 0}, false), {1});
        send(Request::SET_VRING_NUM, protocol::serialise(protocol::VringState{0, size}));
        send(Request::SET_VRING_ADDR,
             protocol::serialise(protocol::VringAddress{0, 0, iova, iova + 2 * page, iova + page, iova}));
    }

    Change send(Request request, const Bytes& payload, const std::vector<std::uint32_t>& ids = {},
                std::uint32_t flags = protocol::version_1) {
        const auto length = static_cast<std::uint32_t>(payload.size());
        return state.apply(Side::front_end, {static_cast<std::uint32_t>(request), flags, length}, payload, ids);
    }
    Change iotlb(const protocol::Iotlb& message, bool wants_answer = false) {
        return send(Request::IOTLB_MSG, protocol::serialise(message), {},
                    protocol::version_1 | (wants_answer ? protocol::need_reply_flag : 0U));
    }
    Change answer(Request request) {
        return state.apply(Side::back_end,
                           {static_cast<std::uint32_t>(request), protocol::version_1 | protocol::reply_flag, 8},
                           protocol::serialise_u64(0), {});
    }
    [[nodiscard]] bool translates(std::uint64_t address) const {
        return state.iova_space()->translate_whole(address, 1, virtio::Access::read).has_value();
    }

    DeviceState state;
};

struct RingCase {
    const char* name;
    std::vector<protocol::Iotlb> messages;
    bool found;
    std::uint64_t used{guest + 2 * page};
    std::uint64_t more_features{0};
    std::uint64_t protocol_features{0};
};
void PrintTo(const RingCase& ring, std::ostream* out) {
    *out << ring.name;
}

class TranslatedRing : public ::testing::TestWithParam<RingCase> {};

TEST_P(TranslatedRing, IsGivenOnlyWhereItIsKnownToBe) {
    const RingCase& c = GetParam();
    Session session(c.more_features, c.protocol_features);
    for (const protocol::Iotlb& message : c.messages) {
        EXPECT_TRUE(session.iotlb(message).translations);
    }
    const auto ring = session.state.ring(0);
    ASSERT_EQ(ring.has_value(), c.found);
    if (const auto split = session.state.split_ring(0)) {
        EXPECT_EQ(*split, (virtio::SplitRingLayout{size, guest, guest + page, c.used}));
    }
    if (const auto packed = session.state.packed_ring(0)) {
        EXPECT_EQ(*packed, (virtio::PackedRingLayout{size, guest, guest + page, c.used}));
    }
}

constexpr std::uint64_t packed_ring = std::uint64_t{1} << 34U;
constexpr std::uint64_t guest_targets = std::uint64_t{1} << 21U;
INSTANTIATE_TEST_SUITE_P(
    Cases, TranslatedRing,
    ::testing::Values(
        RingCase{"nothing_said", {}, false}, RingCase{"all_at_once", {{iova, 3 * page, user, 3, update}}, true},
        RingCase{"page_by_page",
                 {{iova, page, user, 3, update},
                  {iova + page, page, user + page, 3, update},
                  {iova + 2 * page, page, user + 2 * page, 3, update}},
                 true},
        RingCase{"parts_anywhere",
                 {{iova, 2 * page, user, 3, update}, {iova + 2 * page, page, user + 9 * page, 3, update}},
                 true,
                 guest + 9 * page},
        RingCase{"one_part_missing", {{iova, 2 * page, user, 3, update}}, false},
        RingCase{"outside_every_region", {{iova, 3 * page, user - page, 3, update}}, false},
        RingCase{"a_part_in_two_places",
                 {{iova, page / 4, user, 3, update}, {iova + page / 4, 3 * page, user + 4 * page, 3, update}},
                 false},
        RingCase{"used_not_writable",
                 {{iova, 2 * page, user, 3, update}, {iova + 2 * page, page, user + 2 * page, 1, update}},
                 false},
        RingCase{"descriptors_only_readable",
                 {{iova, 2 * page, user, 1, update}, {iova + 2 * page, page, user + 2 * page, 3, update}},
                 true},
        RingCase{"packed", {{iova, 3 * page, user, 3, update}}, true, guest + 2 * page, packed_ring},
        RingCase{"packed_descriptors_only_readable",
                 {{iova, 2 * page, user, 1, update}, {iova + 2 * page, page, user + 2 * page, 3, update}},
                 false,
                 0,
                 packed_ring},
        RingCase{"guest_targets", {{iova, 3 * page, guest, 3, update}}, true, guest + 2 * page, 0, guest_targets},
        RingCase{
            "user_targets_where_guest_ones_are_meant", {{iova, 3 * page, user, 3, update}}, false, 0, 0, guest_targets},
        RingCase{"invalidated", {{iova, 3 * page, user, 3, update}, {iova + page, 1, 0, 0, invalidate}}, false}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Translations, AnInvalidationHoldsFromItsAnswerOn) {
    Session session;
    session.iotlb({iova, page, user, 3, update});
    EXPECT_FALSE(session.iotlb({iova, page, 0, 0, invalidate}, true).translations);
    EXPECT_TRUE(session.translates(iova)) << "the back-end may still use it";
    EXPECT_EQ(session.state.translations(), 1U);
    EXPECT_TRUE(session.answer(Request::IOTLB_MSG).translations);
    EXPECT_FALSE(session.translates(iova));
    EXPECT_EQ(session.state.translations(), 2U);
}

TEST(Translations, AnInvalidationThatIsNeverAnsweredHoldsFromTheNextMessageOn) {
    for (const std::uint8_t type : {update, invalidate}) {
        Session session;
        session.iotlb({iova, page, user, 3, update});
        session.iotlb({iova, page, 0, 0, invalidate}, true);
        session.iotlb({iova + page, page, user, 3, type}, true);
        EXPECT_FALSE(session.translates(iova)) << int{type};
    }
}

TEST(Translations, TheAnswerToAnUpdateInvalidatesNothing) {
    Session session;
    session.iotlb({iova, page, user, 3, update}, true);
    EXPECT_FALSE(session.answer(Request::IOTLB_MSG).translations);
    EXPECT_TRUE(session.translates(iova));
}

TEST(Translations, WhatIsNoUpdateAndNoInvalidationChangesNothing) {
    Session session;
    for (const std::uint8_t type : std::vector<std::uint8_t>{0, 1, 4, 5, 6, 255}) {
        EXPECT_FALSE(session.iotlb({iova, page, user, 3, type}).translations);
    }
    EXPECT_FALSE(session.send(Request::IOTLB_MSG, Bytes(25)).translations) << "too short";
    EXPECT_EQ(session.state.translations(), 0U);
}

TEST(Translations, AfterAStopOrAResetANewOneCounts) {
    for (const bool reset : {true, false}) {
        Session session;
        session.iotlb({iova, page, user, 3, update});
        if (reset) {
            session.send(Request::SET_STATUS, protocol::serialise_u64(0));
        } else {
            session.send(Request::GET_VRING_BASE, protocol::serialise(protocol::VringState{0, 0}));
            session.answer(Request::GET_VRING_BASE);
        }
        EXPECT_TRUE(session.translates(iova)) << "until the back-end asks again";
        session.iotlb({iova, page, user + page, 3, update});
        EXPECT_EQ(session.state.iova_space()->translate_whole(iova, 1, virtio::Access::read), guest + page);
    }
}

TEST(Translations, ACopyHasItsOwn) {
    Session session;
    session.iotlb({iova, page, user, 3, update});
    const DeviceState copy = session.state;
    session.iotlb({iova, page, 0, 0, invalidate});
    EXPECT_FALSE(session.translates(iova));
    EXPECT_TRUE(copy.iova_space()->translate_whole(iova, 1, virtio::Access::read));
}

TEST(Translations, WithoutAccessPlatformThereAreNone) {
    DeviceState state;
    EXPECT_FALSE(state.iova_space());
}

}  // namespace
}  // namespace vutrace::session
