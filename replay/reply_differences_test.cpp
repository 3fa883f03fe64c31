#include "reply_differences.h"

#include <vutrace/protocol/features.h>
#include <vutrace/protocol/payloads.h>
#include <vutrace/protocol/requests.h>
#include <vutrace/virtio/devices/block.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vutrace::replay {
namespace {

using protocol::FrontEndRequest;
using testing::ElementsAre;
using testing::IsEmpty;
using virtio::block::device_id;

protocol::Header reply_header(FrontEndRequest request, std::size_t size) {
    return {static_cast<std::uint32_t>(request), protocol::version_1 | protocol::reply_flag,
            static_cast<std::uint32_t>(size)};
}

std::vector<std::string> differences(FrontEndRequest request, const Bytes& expected, const Bytes& actual,
                                     std::uint32_t device = device_id) {
    return describe_differences(reply_header(request, expected.size()), expected, reply_header(request, actual.size()),
                                actual, device);
}

std::uint64_t bit(unsigned number) {
    return std::uint64_t{1} << number;
}

TEST(ReplyDifferences, NamesFeaturesThatAreMissingOrExtra) {
    using namespace protocol::feature;
    const auto of = [](std::uint64_t expected, std::uint64_t actual, std::uint32_t device = device_id) {
        return differences(FrontEndRequest::GET_FEATURES, protocol::serialise_u64(expected),
                           protocol::serialise_u64(actual), device);
    };
    EXPECT_THAT(of(bit(VERSION_1), bit(VERSION_1)), IsEmpty());
    EXPECT_THAT(of(bit(VERSION_1) | bit(RING_EVENT_IDX), bit(VERSION_1)),
                ElementsAre("features: missing RING_EVENT_IDX"));
    EXPECT_THAT(of(bit(VERSION_1), bit(RING_PACKED) | bit(5)),
                ElementsAre("features: missing VERSION_1; extra RO, RING_PACKED"));
    EXPECT_THAT(of(0, bit(5), 0), ElementsAre("features: extra bit 5")) << "of a device that is not known";
    EXPECT_THAT(differences(FrontEndRequest::GET_PROTOCOL_FEATURES,
                            protocol::serialise_u64(bit(protocol::protocol_feature::CONFIG)),
                            protocol::serialise_u64(bit(protocol::protocol_feature::MQ))),
                ElementsAre("protocol_features: missing CONFIG; extra MQ"));
}

Bytes configuration(std::uint32_t offset, const Bytes& space) {
    Bytes payload(12 + space.size());
    store<std::uint32_t>(payload, 0, offset);
    store<std::uint32_t>(payload, 4, static_cast<std::uint32_t>(space.size()));
    std::copy(space.begin(), space.end(), payload.begin() + 12);
    return payload;
}

TEST(ReplyDifferences, NamesFieldsOfTheConfigurationSpace) {
    Bytes expected(60);
    store<std::uint64_t>(expected, 0, 2048);
    store<std::uint16_t>(expected, 34, 1);
    Bytes actual = expected;
    store<std::uint64_t>(actual, 0, 0x0102030405060708);
    store<std::uint16_t>(actual, 34, 4);
    actual[56] = std::byte{1};
    EXPECT_THAT(differences(FrontEndRequest::GET_CONFIG, configuration(0, expected), configuration(0, actual)),
                ElementsAre("configuration.capacity: expected 2048, got 72623859790382856",
                            "configuration.num_queues: expected 1, got 4",
                            "configuration.write_zeroes_may_unmap: expected 0, got 1"));
    // A part of it, and one that begins in the middle of a field.
    const Bytes tail(expected.begin() + 34, expected.end());
    const Bytes other_tail(actual.begin() + 34, actual.end());
    EXPECT_THAT(differences(FrontEndRequest::GET_CONFIG, configuration(34, tail), configuration(34, other_tail)),
                ElementsAre("configuration.num_queues: expected 1, got 4",
                            "configuration.write_zeroes_may_unmap: expected 0, got 1"));
    // Bytes between the fields, and other devices: the bytes themselves.
    actual = expected;
    actual[33] = std::byte{1};
    const auto unused = differences(FrontEndRequest::GET_CONFIG, configuration(0, expected), configuration(0, actual));
    ASSERT_EQ(unused.size(), 1U);
    EXPECT_THAT(unused[0], testing::StartsWith("data: expected "));
    EXPECT_THAT(differences(FrontEndRequest::GET_CONFIG, configuration(0, Bytes(2)),
                            configuration(0, Bytes(2, std::byte{0xab})), 1),
                ElementsAre("data: expected 0000, got abab"));
}

TEST(ReplyDifferences, ShowsTextSoThatItCannotSteerATerminal) {
    Bytes tag(36);
    Bytes other(36);
    tag[0] = std::byte{'a'};
    other[0] = std::byte{0x1b};
    EXPECT_THAT(differences(FrontEndRequest::GET_CONFIG, configuration(0, tag), configuration(0, other), 26),
                ElementsAre("configuration.tag: expected a, got \\x1b"));
}

TEST(ReplyDifferences, NamesOtherFieldsSizesAndRequests) {
    EXPECT_THAT(differences(FrontEndRequest::GET_VRING_BASE, protocol::serialise(protocol::VringState{0, 7}),
                            protocol::serialise(protocol::VringState{0, 9})),
                ElementsAre("num: expected 7, got 9"));
    const auto shorter = differences(FrontEndRequest::GET_FEATURES, protocol::serialise_u64(1), Bytes(4));
    ASSERT_FALSE(shorter.empty());
    EXPECT_EQ(shorter[0], "size: expected 8, got 4");
    EXPECT_THAT(describe_differences(reply_header(FrontEndRequest::GET_FEATURES, 8), protocol::serialise_u64(1),
                                     reply_header(FrontEndRequest::GET_QUEUE_NUM, 8), protocol::serialise_u64(1), 0),
                ElementsAre("request: expected GET_FEATURES, got GET_QUEUE_NUM"));
}

// What the recording and the back-end sent is anybody's: nothing may be read beyond it.
TEST(ReplyDifferences, TakesPayloadsOfAnySize) {
    for (std::size_t size = 0; size < 80; ++size) {
        Bytes lying(size, std::byte{0xff});
        for (const auto request :
             {FrontEndRequest::GET_CONFIG, FrontEndRequest::GET_FEATURES, FrontEndRequest::GET_INFLIGHT_FD}) {
            (void)differences(request, lying, Bytes(80 - size));
            (void)differences(request, Bytes(80 - size), lying);
        }
    }
}

}  // namespace
}  // namespace vutrace::replay
