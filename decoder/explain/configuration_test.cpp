#include "vutrace/explain/configuration.h"

#include <vutrace/explain/annotation.h>
#include <vutrace/protocol/payloads.h>
#include <vutrace/session/testing/session_builder.h>
#include <vutrace/virtio/devices/configuration.h>

#include <gmock/gmock.h>

#include <set>

namespace vutrace::explain {
namespace {

using protocol::Field;
using protocol::FieldFormat;
using protocol::FrontEndRequest;
using session::testing::BlockSession;
using session::testing::SessionBuilder;
using testing::ElementsAre;

constexpr std::uint32_t net = 1;
constexpr std::uint32_t block = 2;
constexpr std::uint32_t file_system = 26;

Bytes config_payload(std::uint32_t offset, Bytes data) {
    const auto size = static_cast<std::uint32_t>(data.size());
    return protocol::serialise(protocol::Config{offset, size, 0, std::move(data)});
}

std::vector<std::string> names(const std::optional<Field>& group) {
    std::vector<std::string> all;
    for (const Field& field : group ? group->children : std::vector<Field>{}) {
        all.emplace_back(field.name);
    }
    return all;
}

Field field_named(const std::optional<Field>& group, std::string_view name) {
    for (const Field& field : group->children) {
        if (field.name == name) {
            return field;
        }
    }
    ADD_FAILURE() << "no field " << name;
    return {};
}

TEST(ConfigurationTable, FieldsOfADeviceDoNotOverlapNorShareNames) {
    for (std::uint32_t device = 0; device < 64; ++device) {
        std::uint32_t end = 0;
        std::set<std::string_view> seen;
        for (const virtio::ConfigurationField& field : virtio::configuration_fields(device)) {
            EXPECT_EQ(field.device, device);
            EXPECT_GE(field.offset, end) << field.name;
            EXPECT_GT(field.size, 0U) << field.name;
            EXPECT_LE(field.offset + field.size, 256U) << field.name;
            EXPECT_TRUE(seen.insert(field.name).second) << field.name;
            end = field.offset + field.size;
        }
    }
}

TEST(ConfigurationTable, NumbersFitTheirValue) {
    for (const virtio::ConfigurationField& field : virtio::configuration_fields()) {
        if (field.format == virtio::ConfigurationFormat::number || field.format == virtio::ConfigurationFormat::mask) {
            EXPECT_LE(field.size, 8U) << field.name;
        }
    }
}

TEST(Configuration, OfABlockDeviceHasItsValues) {
    const auto group = decode_configuration(block, config_payload(0, BlockSession::configuration()));
    EXPECT_EQ(field_named(group, "capacity").number, 131072U);
    EXPECT_EQ(field_named(group, "blk_size").number, 512U);
    EXPECT_EQ(field_named(group, "num_queues").number, 2U);
    EXPECT_EQ(field_named(group, "num_queues").offset, 12U + 34U) << "from the start of the payload";
    EXPECT_EQ(names(group).back(), "write_zeroes_may_unmap") << "57 bytes: the fields after it are not there";
}

TEST(Configuration, ReadInPartsHasTheFieldsThatAreThereWhole) {
    EXPECT_THAT(names(decode_configuration(block, config_payload(32, Bytes(1)))), ElementsAre("writeback"));
    EXPECT_THAT(names(decode_configuration(block, config_payload(6, Bytes(7)))), ElementsAre("size_max"));
    EXPECT_EQ(decode_configuration(block, config_payload(1, Bytes(3))), std::nullopt);
}

TEST(Configuration, HasAddressesAndTextsReadable) {
    Bytes net_bytes(12);
    for (std::size_t i = 0; i < 6; ++i) {
        net_bytes[i] = static_cast<std::byte>(0x50 + i);
    }
    EXPECT_EQ(field_named(decode_configuration(net, config_payload(0, net_bytes)), "mac").text, "50:51:52:53:54:55");
    Bytes tag(40);
    tag[0] = std::byte{'h'};
    tag[1] = std::byte{'i'};
    const auto group = decode_configuration(file_system, config_payload(0, tag));
    EXPECT_EQ(field_named(group, "tag").text, "hi");
    EXPECT_EQ(field_named(group, "tag").format, FieldFormat::text);
}

TEST(Configuration, OfUnknownDevicesOrTornPayloadsIsNone) {
    EXPECT_EQ(decode_configuration(0, config_payload(0, Bytes(60))), std::nullopt);
    EXPECT_EQ(decode_configuration(0xffffffff, config_payload(0, Bytes(60))), std::nullopt);
    Bytes torn = config_payload(0, Bytes(60));
    torn.resize(30);
    EXPECT_EQ(decode_configuration(block, torn), std::nullopt);
    EXPECT_EQ(decode_configuration(block, config_payload(0xfffffff0, Bytes(60))), std::nullopt);
}

bool has_configuration(const MessageAnnotation& message) {
    return std::any_of(message.fields.begin(), message.fields.end(),
                       [](const Field& field) { return field.name == "configuration"; });
}

TEST(Configuration, IsShownWithAnswersAndWithWrites) {
    SessionBuilder session;
    BlockSession::connect(session);
    session.request(FrontEndRequest::SET_CONFIG, config_payload(32, Bytes(1)));
    Annotator annotator;
    std::vector<bool> shown;
    for (const trace::Record& record : session.records()) {
        const Annotation& annotation = annotator.annotate(record);
        if (annotation.message.request == "GET_CONFIG" || annotation.message.request == "SET_CONFIG") {
            shown.push_back(has_configuration(annotation.message));
        }
    }
    EXPECT_THAT(shown, ElementsAre(false, true, true)) << "request, answer, write";
}

}  // namespace
}  // namespace vutrace::explain
