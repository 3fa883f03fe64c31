// The sampled messages of one side on one channel; the same seed gives the same messages with the same files to the
// writer and to the reader.
#pragma once

#include "relayed_session.h"

#include <vutrace/protocol/testing/messages.h>

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace vutrace::capture::testing {

class MessageStream {
  public:
    MessageStream(Channel channel, Side sender, const Files& files)
        : messages_(static_cast<std::uint64_t>(sender) + 2 * static_cast<std::uint64_t>(channel),
                    {.payload = 70'000, .descriptors = max_descriptors_per_message}),
          channel_(channel),
          sender_(sender),
          files_(files) {}

    struct Next {
        Bytes bytes;
        std::vector<int> numbers;
    };
    Next next() {
        const auto sampled = messages_.next(channel_, sender_);
        return {protocol::sample::wire_bytes(sampled), files_.numbers(first_++, sampled.descriptors)};
    }

    // Each cut at random, so that a header or a payload comes in two.
    void write_all(const FileDescriptor& socket, int count) {
        std::mt19937 random(static_cast<unsigned>(sender_));
        for (int i = 0; i < count; ++i) {
            const Next message = next();
            const std::size_t first = random() % 4 == 0 ? 1 + random() % message.bytes.size() : message.bytes.size();
            ASSERT_TRUE(send_all(socket, ByteView(message.bytes).first(first), message.numbers));
            ASSERT_TRUE(send_all(socket, ByteView(message.bytes).subspan(first), {}));
        }
    }
    void expect_all(const FileDescriptor& socket, int count) {
        for (int i = 0; i < count; ++i) {
            const auto expected = next();
            const auto received = read_message(socket);
            ASSERT_TRUE(received) << i;
            ASSERT_TRUE(received->bytes == expected.bytes) << i;
            ASSERT_TRUE(received->files == inodes(expected.numbers)) << i;
        }
    }

  private:
    protocol::sample::RandomMessages messages_;
    Channel channel_;
    Side sender_;
    const Files& files_;
    std::size_t first_{0};
};

}  // namespace vutrace::capture::testing
