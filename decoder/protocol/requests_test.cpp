#include <vutrace/protocol/requests.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <string>

namespace vutrace::protocol {
namespace {

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
    return out;
}

TEST(Requests, every_row_is_found_by_code_and_by_name) {
    for (const RequestInfo& info : requests()) {
        const std::string name(info.name);
        EXPECT_EQ(find_request(info.channel, info.code), &info) << name;
        EXPECT_EQ(find_request(info.channel, info.name), &info) << name;
        EXPECT_EQ(find_request(info.channel, lower(info.name)), &info) << name;
        EXPECT_EQ(find_request(info.channel, "VHOST_USER_" + name), &info) << name;
        EXPECT_EQ(request_name(info.channel, info.code), info.name);
        EXPECT_FALSE(info.meaning.empty()) << name;
    }
}

TEST(Requests, every_alias_finds_its_row) {
    std::size_t aliases = 0;
    for (const RequestInfo& info : requests()) {
        std::string_view rest = info.aliases;
        while (!rest.empty()) {
            const std::string_view alias = rest.substr(0, rest.find(' '));
            EXPECT_EQ(find_request(info.channel, alias), &info) << alias;
            EXPECT_EQ(find_request(info.channel, "vhost_user_" + lower(alias)), &info) << alias;
            rest.remove_prefix(std::min(alias.size() + 1, rest.size()));
            ++aliases;
        }
    }
    EXPECT_GE(aliases, 14U);
}

TEST(Requests, prefixes_of_the_other_channels_are_understood) {
    EXPECT_EQ(find_request(Channel::back_end, "VHOST_USER_BACKEND_VRING_CALL")->code, 4U);
    EXPECT_EQ(find_request(Channel::back_end, "VHOST_USER_SLAVE_VRING_CALL")->code, 4U);
    EXPECT_EQ(find_request(Channel::gpu, "vhost_user_gpu_update")->code, 8U);
    EXPECT_EQ(find_request(Channel::front_end, "VHOST_USER_GPU_SET_SOCKET")->code, 33U);
}

TEST(Requests, unknown_ones_have_no_row) {
    for (const Channel channel : {Channel::front_end, Channel::back_end, Channel::gpu}) {
        EXPECT_EQ(find_request(channel, 0U), nullptr);
        EXPECT_EQ(find_request(channel, 0xffffffffU), nullptr);
        EXPECT_EQ(find_request(channel, ""), nullptr);
        EXPECT_EQ(find_request(channel, "VHOST_USER_"), nullptr);
        EXPECT_EQ(find_request(channel, "GET_FEATURE"), nullptr);
        EXPECT_EQ(request_name(channel, 46), "UNKNOWN");
    }
    EXPECT_EQ(find_request(static_cast<Channel>(7), 1U), nullptr);
    EXPECT_EQ(find_request(Channel::back_end, 1001U), nullptr);
}

TEST(Requests, codes_and_names_belong_together) {
    struct Expected {
        FrontEndRequest code;
        std::string_view name;
    };
    for (const auto& [code, name] :
         {Expected{FrontEndRequest::GET_FEATURES, "GET_FEATURES"},
          Expected{FrontEndRequest::SET_VRING_ERR, "SET_VRING_ERR"},
          Expected{FrontEndRequest::SET_BACKEND_REQ_FD, "SET_BACKEND_REQ_FD"},
          Expected{FrontEndRequest::GPU_SET_SOCKET, "GPU_SET_SOCKET"},
          Expected{FrontEndRequest::REM_MEM_REG, "REM_MEM_REG"},
          Expected{FrontEndRequest::GET_VRING_BASE_SKIP_DRAIN, "GET_VRING_BASE_SKIP_DRAIN"}}) {
        EXPECT_EQ(request_name(Channel::front_end, static_cast<std::uint32_t>(code)), name);
    }
    EXPECT_EQ(request_name(Channel::back_end, 1007), "EXTERNAL_MAP");
    EXPECT_EQ(request_name(Channel::gpu, 12), "DMABUF_SCANOUT2");
}

TEST(Requests, about_one_queue_say_where_its_index_is) {
    EXPECT_EQ(find_request(Channel::front_end, "SET_VRING_KICK")->queue_index, QueueIndex::low_byte_of_u64);
    EXPECT_EQ(find_request(Channel::front_end, "SET_VRING_ADDR")->queue_index, QueueIndex::first_u32);
    EXPECT_EQ(find_request(Channel::front_end, "SET_MEM_TABLE")->queue_index, QueueIndex::none);
    EXPECT_EQ(find_request(Channel::back_end, "VRING_HOST_NOTIFIER_MSG")->queue_index, QueueIndex::low_byte_of_u64);
}

}  // namespace
}  // namespace vutrace::protocol
