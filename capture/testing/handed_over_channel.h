// Fixture: a relayed session whose front-end hands further sockets to the back-end.
#pragma once

#include "relayed_session.h"

#include <vutrace/protocol/requests.h>

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace vutrace::capture::testing {

inline constexpr std::uint32_t need_reply = protocol::version_1 | protocol::need_reply_flag;
inline constexpr std::uint32_t reply = protocol::version_1 | protocol::reply_flag;

class ChannelTest : public SessionRelayTest {
  protected:
    using Request = protocol::FrontEndRequest;

    // A channel as its two peers hold it.
    struct Ends {
        FileDescriptor front_end;
        FileDescriptor back_end;
    };

    // What the back-end gets for the descriptors of one message that announces a channel.
    [[nodiscard]] std::vector<FileDescriptor> pass(Request request, const std::vector<int>& numbers) const {
        const Bytes sent = message(static_cast<std::uint32_t>(request), need_reply, {});
        std::vector<FileDescriptor> received;
        Bytes bytes(sent.size());
        EXPECT_TRUE(send_all(front_end_, sent, numbers));
        EXPECT_TRUE(receive_exactly(back_end_, bytes, received, patience_ms));
        EXPECT_EQ(bytes, sent);
        return received;
    }
    [[nodiscard]] Ends hand_over(Request request = Request::SET_BACKEND_REQ_FD) const {
        auto pair = create_socket_pair().value();
        const ino_t original = inode_of(pair.second.number());
        auto received = pass(request, {pair.second.number()});
        EXPECT_EQ(received.size(), 1U);
        if (received.size() != 1) {
            return {};
        }
        EXPECT_NE(inode_of(received.front().number()), original) << "one of ours";
        return {std::move(pair.first), std::move(received.front())};
    }
    static void expect_passes(const FileDescriptor& from, const FileDescriptor& to, const Bytes& sent,
                              const std::vector<int>& numbers = {}) {
        ASSERT_TRUE(send_all(from, sent, numbers));
        EXPECT_EQ(read_message(to), (Message{sent, inodes(numbers)}));
    }
    // Whatever the relay's thread was at is done.
    void expect_main_channel_works() const {
        expect_passes(front_end_, back_end_, message(1, 1, {}));
        expect_passes(back_end_, front_end_, message(1, reply, pattern(8, 1)));
    }

    [[nodiscard]] std::vector<trace::MessageRecord> messages_on(Channel channel) const {
        auto records = recorder_.all<trace::MessageRecord>();
        std::erase_if(records, [&](const auto& record) { return record.channel != channel; });
        return records;
    }
    [[nodiscard]] std::vector<std::string> notes() const {
        std::vector<std::string> texts;
        for (const auto& note : recorder_.all<trace::NoteRecord>()) {
            texts.push_back(note.text);
        }
        return texts;
    }
    static std::size_t open_descriptors() {
        return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
    }
};

}  // namespace vutrace::capture::testing
