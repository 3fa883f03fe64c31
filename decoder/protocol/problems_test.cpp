#include <vutrace/protocol/fields.h>
#include <vutrace/protocol/payloads.h>
#include <vutrace/protocol/testing/messages.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vutrace::protocol {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> all_problems(const sample::Message& message, const PayloadContext& context = {}) {
    auto problems = find_problems(message.channel, message.sender, message.header, ByteView(message.payload),
                                  message.descriptors, context);
    const auto decoded = decode_payload(message.channel, message.sender, message.header, message.payload, context);
    problems.insert(problems.end(), decoded.problems.begin(), decoded.problems.end());
    std::vector<std::string> texts;
    for (Problem& problem : problems) {
        texts.push_back(std::move(problem.text));
    }
    return texts;
}

sample::Message request(FrontEndRequest code, Bytes payload, std::size_t descriptors) {
    const auto size = static_cast<std::uint32_t>(payload.size());
    return {.header = {.request = static_cast<std::uint32_t>(code), .flags = version_1, .size = size},
            .payload = std::move(payload),
            .descriptors = descriptors};
}

TEST(Problems, are_reported_for_every_adverse_case_and_for_no_valid_message) {
    std::size_t cases = 0;
    for (const RequestInfo& info : requests()) {
        for (const sample::AdverseCase& adverse : sample::adverse_cases(info)) {
            EXPECT_EQ(!all_problems(adverse.message).empty(), adverse.problem_due)
                << adverse.name << ": " << ::testing::PrintToString(all_problems(adverse.message));
            ++cases;
        }
    }
    EXPECT_GT(cases, 1000U);
}

TEST(Problems, of_random_messages_are_found_without_harm) {
    sample::RandomMessages messages(1, {.payload = 4096, .descriptors = 253, .honest_size = false});
    std::size_t with_problems = 0;
    for (int count = 0; count < 20'000; ++count) {
        const auto channel = static_cast<Channel>(count % 3);
        const auto sender = static_cast<Side>(count % 2);
        const auto message = messages.next(channel, sender);
        with_problems +=
            all_problems(message, {.xen_mmap = count % 5 == 0, .postcopy = count % 7 == 0}).empty() ? 0U : 1U;
    }
    EXPECT_GT(with_problems, 10'000U);
    EXPECT_LT(with_problems, 20'000U);
}

TEST(Problems, random_messages_repeat_with_their_seed) {
    sample::RandomMessages first(7);
    sample::RandomMessages second(7);
    sample::RandomMessages third(8);
    bool differs = false;
    for (int count = 0; count < 100; ++count) {
        const auto message = wire_bytes(first.next(Channel::front_end, Side::front_end));
        EXPECT_EQ(message, wire_bytes(second.next(Channel::front_end, Side::front_end)));
        differs = differs || message != wire_bytes(third.next(Channel::front_end, Side::front_end));
    }
    EXPECT_TRUE(differs);
}

TEST(Problems, of_an_unknown_request_name_its_number) {
    EXPECT_THAT(all_problems(request(static_cast<FrontEndRequest>(46), Bytes(3), 1)), ElementsAre(HasSubstr("46")));
}

TEST(Problems, of_a_reply_nobody_asked_for_are_told) {
    const sample::Message message{.channel = Channel::gpu,
                                  .sender = Side::front_end,
                                  .header = {.request = 7, .flags = reply_flag, .size = 0},
                                  .payload = {}};
    EXPECT_THAT(all_problems(message), ElementsAre("SCANOUT has no reply"));
}

TEST(Problems, gpu_messages_have_no_version) {
    const sample::Message message{.channel = Channel::gpu,
                                  .sender = Side::back_end,
                                  .header = {.request = 1, .flags = 0, .size = 0},
                                  .payload = {}};
    EXPECT_THAT(all_problems(message), IsEmpty());
}

TEST(Problems, need_reply_belongs_to_requests) {
    auto message = sample::valid_request(*find_request(Channel::front_end, "SET_OWNER"));
    message.header.flags |= need_reply_flag;
    EXPECT_THAT(all_problems(message), IsEmpty());
    message = sample::valid_reply(*find_request(Channel::front_end, "SET_OWNER"));
    message.header.flags |= need_reply_flag;
    EXPECT_THAT(all_problems(message), ElementsAre("NEED_REPLY is set in a reply"));
}

TEST(Problems, memory_table_needs_a_descriptor_for_each_region) {
    const Bytes table = serialise_regions(std::vector<MemoryRegion>(3, {.size = 1}), false);
    EXPECT_THAT(all_problems(request(FrontEndRequest::SET_MEM_TABLE, table, 3)), IsEmpty());
    EXPECT_THAT(all_problems(request(FrontEndRequest::SET_MEM_TABLE, table, 2)),
                ElementsAre("2 descriptors for 3 memory regions"));
}

TEST(Problems, memory_table_layout_depends_on_xen) {
    const Bytes plain = serialise_regions({{.size = 1}, {.size = 1}}, false);
    const Bytes xen = serialise_regions({{.size = 1}, {.size = 1}}, true);
    EXPECT_THAT(all_problems(request(FrontEndRequest::SET_MEM_TABLE, xen, 2), {.xen_mmap = true}), IsEmpty());
    EXPECT_THAT(all_problems(request(FrontEndRequest::SET_MEM_TABLE, xen, 2)), Contains(HasSubstr("no layout")));
    EXPECT_THAT(all_problems(request(FrontEndRequest::SET_MEM_TABLE, plain, 2), {.xen_mmap = true}),
                Contains(HasSubstr("no layout")));
    const Bytes region = serialise_region({.size = 1}, true);
    EXPECT_THAT(all_problems(request(FrontEndRequest::ADD_MEM_REG, region, 1), {.xen_mmap = true}), IsEmpty());
    EXPECT_THAT(all_problems(request(FrontEndRequest::ADD_MEM_REG, region, 1)), Contains(HasSubstr("no layout")));
}

TEST(Problems, region_count_that_lies_is_told) {
    Bytes table = serialise_regions({{.size = 1}}, false);
    store(MutableByteView(table), 0, std::uint32_t{0xffffffff});
    EXPECT_THAT(all_problems(request(FrontEndRequest::SET_MEM_TABLE, table, 1)), ElementsAre(HasSubstr("4294967295")));
}

TEST(Problems, padding_of_memory_messages_must_be_zero) {
    Bytes region = serialise_region({.size = 1}, false);
    region[7] = std::byte{1};
    EXPECT_THAT(all_problems(request(FrontEndRequest::ADD_MEM_REG, region, 1)),
                ElementsAre("`padding` is 0x100000000000000, must be 0"));
}

TEST(Problems, postcopy_acknowledgement_is_no_memory_table) {
    for (const std::size_t size : {0U, 8U}) {
        const auto message = request(FrontEndRequest::SET_MEM_TABLE, Bytes(size), 0);
        EXPECT_THAT(all_problems(message, {.postcopy = true}), IsEmpty());
        EXPECT_FALSE(all_problems(message).empty());
    }
}

TEST(Problems, vring_descriptor_comes_exactly_where_the_payload_says_so) {
    for (const auto code :
         {FrontEndRequest::SET_VRING_KICK, FrontEndRequest::SET_VRING_CALL, FrontEndRequest::SET_VRING_ERR}) {
        EXPECT_THAT(all_problems(request(code, serialise_u64(1), 1)), IsEmpty());
        EXPECT_THAT(all_problems(request(code, serialise_u64(0x101), 0)), IsEmpty());
        EXPECT_THAT(all_problems(request(code, serialise_u64(0x101), 1)), ElementsAre(HasSubstr("no descriptor")));
        EXPECT_THAT(all_problems(request(code, serialise_u64(1), 0)), ElementsAre(HasSubstr("none came")));
        EXPECT_THAT(all_problems(request(code, serialise_u64(0x201), 1)), ElementsAre(HasSubstr("`reserved` is 0x1")));
    }
}

TEST(Problems, device_state_reply_has_a_descriptor_or_says_not) {
    auto reply = sample::valid_reply(*find_request(Channel::front_end, "SET_DEVICE_STATE_FD"));
    const auto with = [&reply](std::uint64_t value, std::size_t descriptors) {
        reply.payload = serialise_u64(value);
        reply.descriptors = descriptors;
        return all_problems(reply);
    };
    EXPECT_THAT(with(0x100, 0), IsEmpty());
    EXPECT_THAT(with(0, 1), IsEmpty());
    EXPECT_THAT(with(0x101, 0), IsEmpty());
    EXPECT_THAT(with(1, 0), IsEmpty());
    EXPECT_FALSE(with(0x100, 1).empty());
    EXPECT_FALSE(with(0, 0).empty());
}

TEST(Problems, replies_that_known_peers_send_are_accepted) {
    const auto reply = [](std::string_view name, Bytes payload) {
        auto message = sample::valid_reply(*find_request(Channel::front_end, name));
        message.header.size = static_cast<std::uint32_t>(payload.size());
        message.payload = std::move(payload);
        return all_problems(message);
    };
    for (const std::size_t size : {0U, 8U, 16U}) {
        EXPECT_THAT(reply("SET_LOG_BASE", Bytes(size)), IsEmpty());
    }
    EXPECT_THAT(reply("GET_CONFIG", {}), IsEmpty());
    EXPECT_THAT(reply("GET_CONFIG", Bytes(12)), IsEmpty());
    EXPECT_THAT(reply("GET_SHARED_OBJECT", {}), IsEmpty());
    EXPECT_THAT(reply("SET_MEM_TABLE", serialise_u64(0)), IsEmpty());
    EXPECT_THAT(reply("SET_MEM_TABLE", serialise_regions({{.size = 1}}, false)), IsEmpty());
    EXPECT_THAT(reply("CREATE_CRYPTO_SESSION", Bytes(632)), IsEmpty());
    EXPECT_FALSE(reply("CREATE_CRYPTO_SESSION", Bytes(700)).empty());
    EXPECT_FALSE(reply("GET_SHARED_OBJECT", Bytes(7)).empty());
}

}  // namespace
}  // namespace vutrace::protocol
