// The rule that everything else rests on: whatever comes passes as it came, in every mode.
#include "make_data_path.h"
#include "testing/relayed_session.h"

#include <vutrace/protocol/testing/messages.h>

#include <gtest/gtest.h>

#include <random>

namespace vutrace::capture {
namespace {

using namespace testing;

// The sampled messages of one side; the same seed gives the same messages with the same files to writer and reader.
class MessageStream {
  public:
    MessageStream(Side sender, const Files& files)
        : messages_(static_cast<std::uint64_t>(sender),
                    {.payload = 70'000, .descriptors = max_descriptors_per_message}),
          sender_(sender),
          files_(files) {}

    struct Next {
        Bytes bytes;
        std::vector<int> numbers;
    };
    Next next() {
        const auto sampled = messages_.next(Channel::front_end, sender_);
        return {protocol::sample::wire_bytes(sampled), files_.numbers(first_++, sampled.descriptors)};
    }

  private:
    protocol::sample::RandomMessages messages_;
    Side sender_;
    const Files& files_;
    std::size_t first_{0};
};

void send_randomly_cut(const FileDescriptor& socket, const MessageStream::Next& next, std::mt19937& random) {
    const std::size_t first = random() % 4 == 0 ? 1 + random() % next.bytes.size() : next.bytes.size();
    ASSERT_TRUE(send_all(socket, ByteView(next.bytes).first(first), next.numbers));
    ASSERT_TRUE(send_all(socket, ByteView(next.bytes).subspan(first), {}));
}

// The files are no eventfds, so that not even `relay` may replace them.
class EveryMode : public SessionRelayTest, public ::testing::WithParamInterface<DataPathOptions> {};

TEST_P(EveryMode, PassesTwentyThousandRandomMessagesUnchangedBothWays) {
    constexpr int count = 20'000;
    const Files files(64);
    recorder_.count_only();
    start([this](const session::DeviceState& state) { return make_data_path(GetParam(), 1, recorder_, loop_, state); });
    const auto write_all = [&](const FileDescriptor& socket, Side sender) {
        MessageStream stream(sender, files);
        std::mt19937 cuts(static_cast<unsigned>(sender));
        for (int i = 0; i < count; ++i) {
            ASSERT_NO_FATAL_FAILURE(send_randomly_cut(socket, stream.next(), cuts));
        }
    };
    const auto read_all = [&](const FileDescriptor& socket, Side sender) {
        MessageStream stream(sender, files);
        for (int i = 0; i < count; ++i) {
            const auto expected = stream.next();
            const auto received = read_message(socket);
            ASSERT_TRUE(received) << i;
            ASSERT_TRUE(received->bytes == expected.bytes) << i;
            ASSERT_TRUE(received->files == inodes(expected.numbers)) << i;
        }
    };
    std::thread front_writer(write_all, std::cref(front_end_), Side::front_end);
    std::thread back_writer(write_all, std::cref(back_end_), Side::back_end);
    std::thread front_reader(read_all, std::cref(front_end_), Side::back_end);
    read_all(back_end_, Side::front_end);
    front_writer.join();
    back_writer.join();
    front_reader.join();
    stop();
    EXPECT_EQ(relay_->messages(), 2U * count);
}

INSTANTIATE_TEST_SUITE_P(Modes, EveryMode,
                         ::testing::Values(DataPathOptions{DataPathMode::off, MemoryMode::none},
                                           DataPathOptions{DataPathMode::tap, MemoryMode::buffers},
                                           DataPathOptions{DataPathMode::relay, MemoryMode::buffers}));

}  // namespace
}  // namespace vutrace::capture
