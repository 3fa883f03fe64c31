#include <vutrace/protocol/features.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vutrace::protocol {
namespace {

using testing::ElementsAre;

TEST(Features, of_a_block_device_have_names) {
    EXPECT_THAT(feature_names((1ULL << 1) | (1ULL << 9) | (1ULL << 32), 2),
                ElementsAre("SIZE_MAX", "FLUSH", "VERSION_1"));
}

TEST(Features, of_an_unknown_device_keep_their_number) {
    EXPECT_THAT(feature_names((1ULL << 1) | (1ULL << 30), 0), ElementsAre("bit 1", "PROTOCOL_FEATURES"));
}

TEST(Features, of_a_device_go_before_common_ones) {
    EXPECT_THAT(feature_names(1ULL << 41, 1), ElementsAre("GUEST_RSC4"));
    EXPECT_THAT(feature_names(1ULL << 41, 2), ElementsAre("ADMIN_VQ"));
}

TEST(Features, every_bit_has_a_name_of_some_kind) {
    for (const std::uint32_t device : {0U, 1U, 2U, 26U, 0xffffffffU}) {
        EXPECT_EQ(feature_names(~0ULL, device).size(), 64U);
    }
    EXPECT_EQ(protocol_feature_names(~0ULL).size(), 64U);
    EXPECT_TRUE(feature_names(0, 2).empty());
}

TEST(Features, every_row_is_found_under_its_device) {
    for (const FeatureInfo& info : features()) {
        EXPECT_THAT(feature_names(1ULL << info.bit, info.device), ElementsAre(std::string(info.name)));
    }
    for (const FeatureInfo& info : protocol_features()) {
        EXPECT_THAT(protocol_feature_names(1ULL << info.bit), ElementsAre(std::string(info.name)));
    }
}

TEST(Features, observed_protocol_features_have_names) {
    EXPECT_THAT(protocol_feature_names(0x8f2b),
                ElementsAre("MQ", "LOG_SHMFD", "REPLY_ACK", "BACKEND_REQ", "PAGEFAULT", "CONFIG", "BACKEND_SEND_FD",
                            "HOST_NOTIFIER", "CONFIGURE_MEM_SLOTS"));
    EXPECT_THAT(protocol_feature_names(1ULL << 63), ElementsAre("bit 63"));
}

TEST(Features, old_names_are_kept_as_aliases) {
    EXPECT_EQ(protocol_features()[protocol_feature::BACKEND_REQ].aliases, "SLAVE_REQ");
}

}  // namespace
}  // namespace vutrace::protocol
