#include <vutrace/protocol/fields.h>
#include <vutrace/protocol/payloads.h>
#include <vutrace/protocol/testing/messages.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iterator>
#include <set>

namespace vutrace::protocol {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr PayloadContext plain{};
constexpr PayloadContext xen{.xen_mmap = true};

DecodedPayload decode(const sample::Message& message, const PayloadContext& context = plain) {
    return decode_payload(message.channel, message.sender, message.header, message.payload, context);
}

DecodedPayload decode(FrontEndRequest code, const Bytes& payload, Side sender = Side::front_end,
                      const PayloadContext& context = plain) {
    const Header header{.request = static_cast<std::uint32_t>(code),
                        .size = static_cast<std::uint32_t>(payload.size())};
    return decode_payload(Channel::front_end, sender, header, payload, context);
}

const Field* find(const std::vector<Field>& fields, std::string_view name) {
    const auto field =
        std::find_if(fields.begin(), fields.end(), [name](const auto& each) { return each.name == name; });
    return field == fields.end() ? nullptr : &*field;
}

std::uint64_t number_of(const std::vector<Field>& fields, std::string_view name) {
    const Field* field = find(fields, name);
    EXPECT_NE(field, nullptr) << name;
    return field != nullptr ? field->number : 0;
}

// "name@offset+size" of each field; a group with its children in brackets, only the first of a list.
std::string outline(const std::vector<Field>& fields) {
    std::string text;
    for (const Field& field : fields) {
        fmt::format_to(std::back_inserter(text), "{}{}@{}+{}", text.empty() ? "" : " ", field.name, field.offset,
                       field.size);
        if (!field.children.empty()) {
            const bool list = field.children.front().name.empty();
            const std::vector<Field> shown = list ? std::vector{field.children.front()} : field.children;
            fmt::format_to(std::back_inserter(text), "[{}]", outline(shown));
        }
    }
    return text;
}

struct Outline {
    Channel channel;
    std::string_view request;
    bool reply;
    std::string_view fields;
};

// Every layout once, written down independently of the tables.
constexpr Outline outlines[] = {
    {Channel::front_end, "GET_FEATURES", true, "features@0+8"},
    {Channel::front_end, "SET_PROTOCOL_FEATURES", false, "protocol_features@0+8"},
    {Channel::front_end, "SET_MEM_TABLE", false,
     "nregions@0+4 regions@8+64[@8+32[guest_phys_addr@8+8 memory_size@16+8 userspace_addr@24+8 mmap_offset@32+8]]"},
    {Channel::front_end, "SET_MEM_TABLE", true,
     "nregions@0+4 regions@8+64[@8+32[guest_phys_addr@8+8 memory_size@16+8 userspace_addr@24+8 mmap_offset@32+8]]"},
    {Channel::front_end, "SET_LOG_BASE", false, "mmap_size@0+8 mmap_offset@8+8"},
    {Channel::front_end, "SET_VRING_NUM", false, "index@0+4 num@4+4"},
    {Channel::front_end, "SET_VRING_NUM", true, "value@0+8"},
    {Channel::front_end, "SET_VRING_ADDR", false,
     "index@0+4 flags@4+4 descriptor@8+8 used@16+8 available@24+8 log@32+8"},
    {Channel::front_end, "SET_VRING_KICK", false, "index@0+0 no_descriptor@0+0"},
    {Channel::front_end, "GET_QUEUE_NUM", true, "value@0+8"},
    {Channel::front_end, "SEND_RARP", false, "mac@0+6"},
    {Channel::front_end, "IOTLB_MSG", false, "iova@0+8 size@8+8 user_addr@16+8 perm@24+1 type@25+1"},
    {Channel::front_end, "GET_CONFIG", false, "offset@0+4 size@4+4 flags@8+4 data@12+2"},
    {Channel::front_end, "CREATE_CRYPTO_SESSION", false,
     "op_code@0+8 cipher_alg@8+4 key_len@12+4 hash_alg@16+4 hash_result_len@20+4 auth_key_len@24+4 add_len@28+4 "
     "op_type@32+1 direction@33+1 hash_mode@34+1 alg_chain_order@35+1 cipher_key_pointer@40+8 auth_key_pointer@48+8 "
     "key@56+64 auth_key@120+512 session_id@1064+8"},
    {Channel::front_end, "GET_INFLIGHT_FD", false, "mmap_size@0+8 mmap_offset@8+8 num_queues@16+2 queue_size@18+2"},
    {Channel::front_end, "ADD_MEM_REG", false,
     "region@8+32[guest_phys_addr@8+8 memory_size@16+8 userspace_addr@24+8 mmap_offset@32+8]"},
    {Channel::front_end, "SET_STATUS", false, "value@0+8"},
    {Channel::front_end, "GET_SHARED_OBJECT", false, "uuid@0+16"},
    {Channel::front_end, "SET_DEVICE_STATE_FD", false, "direction@0+4 phase@4+4"},
    {Channel::front_end, "SET_DEVICE_STATE_FD", true, "error@0+0 no_descriptor@0+0"},
    {Channel::front_end, "GET_SHMEM_CONFIG", true, "nregions@0+4 sizes@8+2048[@8+8]"},
    {Channel::back_end, "VRING_HOST_NOTIFIER_MSG", false, "index@0+0 no_descriptor@0+0 size@8+8 offset@16+8"},
    {Channel::back_end, "SHMEM_MAP", false, "shmid@0+1 fd_offset@8+8 shm_offset@16+8 len@24+8 flags@32+8"},
    {Channel::back_end, "GPU_MAP", false,
     "shmid@0+1 shm_offset@8+8 len@16+8 memory_idx@24+4 handle_type@28+4 device_uuid@32+16 driver_uuid@48+16"},
    {Channel::back_end, "EXTERNAL_MAP", false, "shmid@0+1 shm_offset@8+8 len@16+8 ptr@24+8"},
    {Channel::gpu, "GET_DISPLAY_INFO", true,
     "type@0+4 flags@4+4 fence_id@8+8 ctx_id@16+4 ring_idx@20+1 pmodes@24+384[@24+24[x@24+4 y@28+4 width@32+4 "
     "height@36+4 enabled@40+4 flags@44+4]]"},
    {Channel::gpu, "CURSOR_POS", false, "scanout_id@0+4 x@4+4 y@8+4"},
    {Channel::gpu, "CURSOR_UPDATE", false, "scanout_id@0+4 x@4+4 y@8+4 hot_x@12+4 hot_y@16+4 data@20+16384"},
    {Channel::gpu, "SCANOUT", false, "scanout_id@0+4 width@4+4 height@8+4"},
    {Channel::gpu, "UPDATE", false, "scanout_id@0+4 x@4+4 y@8+4 width@12+4 height@16+4 data@20+16"},
    {Channel::gpu, "DMABUF_SCANOUT", false,
     "scanout_id@0+4 x@4+4 y@8+4 width@12+4 height@16+4 fd_width@20+4 fd_height@24+4 fd_stride@28+4 fd_flags@32+4 "
     "fd_drm_fourcc@36+4"},
    {Channel::gpu, "DMABUF_UPDATE", false, "scanout_id@0+4 x@4+4 y@8+4 width@12+4 height@16+4"},
    {Channel::gpu, "GET_EDID", false, "value@0+4"},
    {Channel::gpu, "GET_EDID", true,
     "type@0+4 flags@4+4 fence_id@8+8 ctx_id@16+4 ring_idx@20+1 size@24+4 edid@32+1024"},
    {Channel::gpu, "DMABUF_SCANOUT2", false,
     "scanout_id@0+4 x@4+4 y@8+4 width@12+4 height@16+4 fd_width@20+4 fd_height@24+4 fd_stride@28+4 fd_flags@32+4 "
     "fd_drm_fourcc@36+4 modifier@40+8"},
};

TEST(Fields, of_every_payload_are_where_the_specification_puts_them) {
    for (const Outline& expected : outlines) {
        const RequestInfo* info = find_request(expected.channel, expected.request);
        ASSERT_NE(info, nullptr) << expected.request;
        const auto decoded = decode(expected.reply ? sample::valid_reply(*info) : sample::valid_request(*info));
        EXPECT_EQ(outline(decoded.fields), expected.fields) << expected.request;
        EXPECT_THAT(decoded.problems, IsEmpty()) << expected.request;
    }
}

TEST(Fields, outlines_miss_no_payload_kind) {
    std::set<PayloadKind> covered{PayloadKind::none, PayloadKind::any};
    for (const Outline& expected : outlines) {
        const RequestInfo* info = find_request(expected.channel, expected.request);
        covered.insert(expected.reply ? info->reply_payload : info->payload);
    }
    for (const RequestInfo& info : requests()) {
        EXPECT_TRUE(covered.contains(info.payload)) << info.name;
        EXPECT_TRUE(covered.contains(info.reply_payload)) << info.name << " reply";
    }
}

// The value of a field is what its byte range holds, whatever the table says it means.
void expect_values_from_bytes(const std::vector<Field>& fields, ByteView payload) {
    for (const Field& field : fields) {
        ASSERT_LE(std::size_t{field.offset} + field.size, payload.size()) << field.name;
        if (field.format == FieldFormat::group) {
            expect_values_from_bytes(field.children, payload);
        } else if (field.format == FieldFormat::bytes) {
            EXPECT_EQ(field.text.size(), std::size_t{field.size} * 2) << field.name;
        } else if (field.format != FieldFormat::text && field.size != 0) {
            std::uint64_t number = 0;
            std::memcpy(&number, payload.data() + field.offset, field.size);
            EXPECT_EQ(field.number, number) << field.name;
        }
        EXPECT_TRUE(field.name.empty() || !field.meaning.empty() || field.name == "data") << field.name;
    }
}

TEST(Fields, hold_what_their_bytes_hold) {
    for (const RequestInfo& info : requests()) {
        const auto request = sample::valid_request(info);
        expect_values_from_bytes(decode(request).fields, request.payload);
        if (info.reply != ReplyRule::never) {
            const auto reply = sample::valid_reply(info);
            expect_values_from_bytes(decode(reply).fields, reply.payload);
        }
    }
}

TEST(Fields, of_truncated_payloads_are_kept_as_far_as_they_go) {
    for (const RequestInfo& info : requests()) {
        for (const bool reply : {false, true}) {
            if (reply && info.reply == ReplyRule::never) {
                continue;
            }
            sample::Message message = reply ? sample::valid_reply(info) : sample::valid_request(info);
            const Bytes whole = message.payload;
            const std::size_t all = decode(message).fields.size();
            for (std::size_t size = 0; size < whole.size(); ++size) {
                message.payload.assign(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
                const auto decoded = decode(message);
                expect_values_from_bytes(decoded.fields, message.payload);
                EXPECT_LE(decoded.fields.size(), std::max<std::size_t>(all, 16)) << info.name;
                const auto kind = reply ? info.reply_payload : info.payload;
                const auto accepted = reply ? info.reply_size_min : info.size_min;
                EXPECT_TRUE(kind == PayloadKind::any || size >= accepted || !decoded.problems.empty())
                    << info.name << " of " << size << " bytes";
            }
        }
    }
}

TEST(Fields, of_unknown_requests_are_none) {
    for (const std::uint32_t code : {0U, 46U, 0xffffffffU}) {
        const auto decoded = decode(static_cast<FrontEndRequest>(code), Bytes(64));
        EXPECT_THAT(decoded.fields, IsEmpty());
        EXPECT_THAT(decoded.problems, IsEmpty());
    }
}

TEST(Fields, sender_decides_what_is_a_reply) {
    const Bytes payload = serialise(VringState{.index = 1, .num = 2});
    EXPECT_EQ(outline(decode(FrontEndRequest::SET_VRING_NUM, payload).fields), "index@0+4 num@4+4");
    EXPECT_EQ(outline(decode(FrontEndRequest::SET_VRING_NUM, payload, Side::back_end).fields), "value@0+8");
}

TEST(Fields, of_features_are_marked_as_such) {
    const auto decoded = decode(FrontEndRequest::GET_FEATURES, serialise_u64(0x175007e46), Side::back_end);
    ASSERT_THAT(decoded.fields, ::testing::SizeIs(1));
    EXPECT_EQ(decoded.fields[0].format, FieldFormat::features);
    EXPECT_EQ(decoded.fields[0].number, 0x175007e46U);
}

TEST(Fields, of_memory_tables_are_a_list_of_groups) {
    const Bytes table = serialise_regions({{.guest_address = 0x1000, .size = 0x2000, .user_address = 0x3000},
                                           {.guest_address = 0x4000, .size = 0x5000, .mmap_offset = 0x6000}},
                                          false);
    const auto decoded = decode(FrontEndRequest::SET_MEM_TABLE, table);
    EXPECT_THAT(decoded.problems, IsEmpty());
    EXPECT_EQ(number_of(decoded.fields, "nregions"), 2U);
    const Field* regions = find(decoded.fields, "regions");
    ASSERT_NE(regions, nullptr);
    ASSERT_EQ(regions->children.size(), 2U);
    EXPECT_TRUE(regions->children[0].name.empty());
    EXPECT_EQ(number_of(regions->children[0].children, "userspace_addr"), 0x3000U);
    EXPECT_EQ(number_of(regions->children[1].children, "guest_phys_addr"), 0x4000U);
    EXPECT_EQ(number_of(regions->children[1].children, "mmap_offset"), 0x6000U);
    EXPECT_EQ(regions->children[1].offset, 40U);
}

TEST(Fields, of_xen_regions_have_a_domain) {
    const Bytes region = serialise_region({.size = 1, .xen_mmap_flags = 0x102, .xen_domain = 7}, true);
    const auto decoded = decode(FrontEndRequest::ADD_MEM_REG, region, Side::front_end, xen);
    EXPECT_THAT(decoded.problems, IsEmpty());
    const Field* group = find(decoded.fields, "region");
    ASSERT_NE(group, nullptr);
    EXPECT_EQ(number_of(group->children, "domid"), 7U);
    EXPECT_EQ(find(group->children, "xen_mmap_flags")->text, "GRANT NO_ADVANCE_MAP");
}

TEST(Fields, list_longer_than_its_payload_keeps_what_is_there) {
    Bytes table = serialise_regions({{.size = 1}, {.size = 2}}, false);
    store(MutableByteView(table), 0, std::uint32_t{0xffffffff});
    const auto decoded = decode(FrontEndRequest::SET_MEM_TABLE, table);
    EXPECT_EQ(find(decoded.fields, "regions")->children.size(), 2U);
    EXPECT_THAT(
        decoded.problems,
        ElementsAre(testing::Field(&Problem::text, HasSubstr("4294967295 elements of 32 bytes, 64 bytes are there"))));
}

TEST(Fields, pixel_area_that_overflows_32_bits_is_told) {
    Bytes update = sample::valid_payload(PayloadKind::gpu_update);
    store(MutableByteView(update), 12, std::uint32_t{0xffffffff});
    store(MutableByteView(update), 16, std::uint32_t{0xffffffff});
    const Header header{.request = 8, .flags = 0, .size = static_cast<std::uint32_t>(update.size())};
    const auto decoded = decode_payload(Channel::gpu, Side::back_end, header, update, plain);
    EXPECT_THAT(decoded.problems,
                ElementsAre(testing::Field(&Problem::text, HasSubstr("18446744065119617025 elements"))));
}

TEST(Fields, config_data_is_hex) {
    const auto decoded =
        decode(FrontEndRequest::SET_CONFIG,
               serialise(Config{.offset = 32, .size = 2, .flags = 0, .data = {std::byte{0xab}, std::byte{1}}}));
    EXPECT_EQ(number_of(decoded.fields, "offset"), 32U);
    EXPECT_EQ(find(decoded.fields, "data")->text, "ab01");
}

TEST(Fields, mac_and_uuid_are_text) {
    const auto mac = decode(FrontEndRequest::SEND_RARP, serialise_u64(0x563412005452));
    EXPECT_EQ(find(mac.fields, "mac")->text, "52:54:00:12:34:56");
    const auto object = decode(FrontEndRequest::GET_SHARED_OBJECT, sample::valid_payload(PayloadKind::shared_object));
    EXPECT_EQ(find(object.fields, "uuid")->text, "01020304-0506-0708-090a-0b0c0d0e0f10");
}

TEST(Fields, of_a_vring_state_mean_what_the_request_says) {
    std::size_t known = 0;
    for (const RequestInfo& info : requests()) {
        for (const bool reply : {false, true}) {
            if ((reply ? info.reply_payload : info.payload) != PayloadKind::vring_state) {
                continue;
            }
            const auto decoded = decode(reply ? sample::valid_reply(info) : sample::valid_request(info));
            EXPECT_EQ(find(decoded.fields, "index")->meaning, "number of the queue");
            EXPECT_EQ(find(decoded.fields, "num")->meaning.find("as the request says"), std::string_view::npos)
                << info.name << " is in no row of meanings_by_request";
            ++known;
        }
    }
    EXPECT_EQ(known, 11U);
}

TEST(Fields, numbers_with_a_meaning_say_it) {
    EXPECT_EQ(decode(FrontEndRequest::SET_STATUS, serialise_u64(0x10f)).fields.at(0).text,
              "ACKNOWLEDGE DRIVER DRIVER_OK FEATURES_OK 0x100");
    EXPECT_EQ(decode(FrontEndRequest::SET_OWNER, serialise_u64(0), Side::back_end).fields.at(0).text, "success");
    EXPECT_EQ(decode(FrontEndRequest::SET_OWNER, serialise_u64(9), Side::back_end).fields.at(0).text, "failure");
    const auto iotlb = decode(FrontEndRequest::IOTLB_MSG, serialise(Iotlb{.permission = 3, .type = 2}));
    EXPECT_EQ(find(iotlb.fields, "perm")->text, "read and write");
    EXPECT_EQ(find(iotlb.fields, "type")->text, "UPDATE");
}

TEST(Fields, no_descriptor_bit_is_a_field_of_its_own) {
    const auto decoded = decode(FrontEndRequest::SET_VRING_CALL, serialise_u64(0x105));
    EXPECT_EQ(number_of(decoded.fields, "index"), 5U);
    EXPECT_EQ(number_of(decoded.fields, "no_descriptor"), 1U);
    EXPECT_EQ(find(decoded.fields, "reserved"), nullptr);
}

TEST(Fields, reply_to_a_memory_table_is_an_acknowledgement_or_the_back_ends_addresses) {
    EXPECT_EQ(outline(decode(FrontEndRequest::SET_MEM_TABLE, serialise_u64(0), Side::back_end).fields), "value@0+8");
    const Bytes table = serialise_regions({{.size = 1}}, false);
    EXPECT_NE(find(decode(FrontEndRequest::SET_MEM_TABLE, table, Side::back_end).fields, "regions"), nullptr);
    EXPECT_EQ(
        outline(decode(FrontEndRequest::SET_MEM_TABLE, serialise_u64(0), Side::front_end, {.postcopy = true}).fields),
        "value@0+8");
}

TEST(Fields, crypto_session_has_three_layouts) {
    const auto session = [](PayloadKind kind) {
        return decode(FrontEndRequest::CREATE_CRYPTO_SESSION, sample::valid_payload(kind));
    };
    EXPECT_NE(find(session(PayloadKind::crypto_session).fields, "cipher_alg"), nullptr);
    EXPECT_NE(find(session(PayloadKind::crypto_session_asymmetric).fields, "keytype"), nullptr);
    EXPECT_EQ(find(session(PayloadKind::crypto_session_old).fields, "session_id")->offset, 0U);
    for (const auto kind :
         {PayloadKind::crypto_session, PayloadKind::crypto_session_asymmetric, PayloadKind::crypto_session_old}) {
        EXPECT_THAT(session(kind).problems, IsEmpty());
    }
}

TEST(Fields, zeros_at_the_end_of_a_fixed_list_are_left_out) {
    Bytes config(8 + 256 * 8);
    store(MutableByteView(config), 8 + 8, std::uint64_t{0x100000});
    const auto decoded = decode(FrontEndRequest::GET_SHMEM_CONFIG, config, Side::back_end);
    const Field* sizes = find(decoded.fields, "sizes");
    ASSERT_NE(sizes, nullptr);
    ASSERT_EQ(sizes->children.size(), 2U);
    EXPECT_EQ(sizes->children[1].number, 0x100000U);
    EXPECT_TRUE(sizes->children[1].name.empty());
}

TEST(Fields, padding_is_shown_only_where_it_holds_something) {
    Bytes inflight = serialise(Inflight{.num_queues = 1});
    EXPECT_EQ(find(decode(FrontEndRequest::GET_INFLIGHT_FD, inflight).fields, "padding"), nullptr);
    inflight[23] = std::byte{0xee};
    const auto decoded = decode(FrontEndRequest::GET_INFLIGHT_FD, inflight);
    EXPECT_EQ(find(decoded.fields, "padding")->text, "000000ee");
    EXPECT_THAT(decoded.problems, IsEmpty());
}

bool is_listed(const std::vector<FieldInfo>& all, std::string_view group, const Field& field) {
    return std::any_of(all.begin(), all.end(), [&](const FieldInfo& info) {
        return info.group == group && info.name == field.name && info.format == field.format;
    });
}

TEST(PayloadFields, list_whatever_decoding_shows) {
    const std::vector<FieldInfo> all = payload_fields();
    for (const RequestInfo& info : requests()) {
        for (const Field& field : decode(sample::valid_request(info), xen).fields) {
            EXPECT_TRUE(is_listed(all, {}, field)) << info.name << " " << field.name;
            for (const Field& child : field.children) {
                const std::vector<Field> one{child};
                for (const Field& part : child.name.empty() && !child.children.empty() ? child.children : one) {
                    EXPECT_TRUE(is_listed(all, field.name, part)) << field.name << "." << part.name;
                }
            }
        }
    }
}

TEST(PayloadFields, tell_lists_masks_and_names) {
    const std::vector<FieldInfo> all = payload_fields();
    const auto find_info = [&](std::string_view group, std::string_view name, std::size_t values) {
        return std::find_if(all.begin(), all.end(), [&](const FieldInfo& info) {
            return info.group == group && info.name == name && info.values.size() == values;
        });
    };
    const auto region_size = find_info("regions", "memory_size", 0);
    ASSERT_NE(region_size, all.end());
    EXPECT_TRUE(region_size->repeated);
    EXPECT_FALSE(find_info("region", "memory_size", 0)->repeated) << "there is one only";
    const auto status = find_info({}, "value", 7);  // SET_STATUS
    ASSERT_NE(status, all.end());
    EXPECT_TRUE(status->masks);
}

}  // namespace
}  // namespace vutrace::protocol
