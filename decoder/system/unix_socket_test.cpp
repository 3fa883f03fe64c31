#include "vutrace/system/unix_socket.h"

#include "vutrace/system/event_descriptor.h"

#include <gtest/gtest.h>

#include <array>

namespace vutrace {
namespace {

TEST(UnixSocket, CarriesAsManyDescriptorsAsTheKernelTakes) {
    auto pair = create_socket_pair();
    ASSERT_TRUE(pair);
    const auto event = create_event_descriptor();
    ASSERT_TRUE(event);
    const std::vector<int> numbers(max_descriptors_per_message, event->number());
    const std::array<std::byte, 12> bytes{};
    ASSERT_TRUE(send_all(pair->first, bytes, numbers));
    std::array<std::byte, 12> buffer{};
    const auto received = receive(pair->second, buffer, true);
    ASSERT_TRUE(received);
    EXPECT_EQ(received->size, 12U);
    EXPECT_EQ(received->descriptors.size(), max_descriptors_per_message);
    EXPECT_FALSE(received->descriptors_truncated);
}

TEST(UnixSocket, RefusesMoreDescriptorsThanTheKernelTakes) {
    auto pair = create_socket_pair();
    ASSERT_TRUE(pair);
    const std::vector<int> numbers(max_descriptors_per_message + 1, pair->second.number());
    const std::array<std::byte, 1> bytes{};
    const auto sent = send(pair->first, bytes, numbers, true);
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error().code, ErrorCode::limit);
}

TEST(UnixSocket, SaysWhatHappenedAtTheEndOfAStream) {
    auto pair = create_socket_pair();
    ASSERT_TRUE(pair);
    std::array<std::byte, 4> buffer{};
    auto received = receive(pair->second, buffer, false);
    ASSERT_TRUE(received);
    EXPECT_TRUE(received->would_block);
    pair->first.reset();
    received = receive(pair->second, buffer, false);
    ASSERT_TRUE(received);
    EXPECT_TRUE(received->end_of_stream);
    const auto sent = send(pair->second, buffer, {}, true);
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error().code, ErrorCode::peer_closed);
}

TEST(UnixSocket, ReceiveExactlyReportsTimeoutAndHowFarItGot) {
    auto pair = create_socket_pair();
    ASSERT_TRUE(pair);
    std::array<std::byte, 4> buffer{};
    std::vector<FileDescriptor> descriptors;
    auto status = receive_exactly(pair->second, buffer, descriptors, 1);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, ErrorCode::timeout);
    ASSERT_TRUE(send_all(pair->first, ByteView(buffer).first(3), {}));
    pair->first.reset();
    status = receive_exactly(pair->second, buffer, descriptors, 1000);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, ErrorCode::peer_closed);
    EXPECT_EQ(status.error().offset, 3U);
}

TEST(EventDescriptor, AddsAndTakesAll) {
    const auto event = create_event_descriptor();
    ASSERT_TRUE(event);
    EXPECT_EQ(take_event(*event), 0U);
    ASSERT_TRUE(signal_event(*event, 2));
    ASSERT_TRUE(signal_event(*event));
    EXPECT_EQ(take_event(*event), 3U);
}

}  // namespace
}  // namespace vutrace
