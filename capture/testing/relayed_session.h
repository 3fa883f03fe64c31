// Fixture: a session relay on a thread of its own between two sockets whose other ends the test holds.
#pragma once

#include "../off_data_path.h"
#include "../session_relay.h"
#include "fake_recorder.h"

#include <vutrace/protocol/header.h>
#include <vutrace/system/unix_socket.h>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace vutrace::capture::testing {

inline constexpr int patience_ms = 20'000;
inline constexpr int little_room = 8192;  // of a socket; the kernel doubles it and lets one more packet in

[[nodiscard]] Bytes message(std::uint32_t request, std::uint32_t flags, ByteView payload);
// Bytes that tell where they were and in which message.
[[nodiscard]] Bytes pattern(std::size_t size, unsigned seed);

// Files that can be told apart wherever they turn up.
class Files {
  public:
    explicit Files(std::size_t count);
    // Of `count` files from `first` on, again from the beginning where there are no more.
    [[nodiscard]] std::vector<int> numbers(std::size_t first, std::size_t count) const;

  private:
    std::vector<FileDescriptor> files_;
};

[[nodiscard]] ino_t inode_of(int number);
[[nodiscard]] std::vector<ino_t> inodes(const std::vector<int>& numbers);
[[nodiscard]] std::vector<ino_t> inodes(const std::vector<FileDescriptor>& descriptors);

struct Message {
    Bytes bytes;
    std::vector<ino_t> files;
    bool operator==(const Message&) const = default;
};

// As a correct peer reads: the header, then what it announces.
[[nodiscard]] Result<Message> read_message(const FileDescriptor& socket);

// `peer_closed` at the end of a stream or when it was reset (then with ECONNRESET), `bad_input` where there is more.
[[nodiscard]] ErrorCode end_of(const FileDescriptor& socket, int* errno_value = nullptr);

class SessionRelayTest : public ::testing::Test {
  protected:
    ~SessionRelayTest() override { stop(); }

    void start(const SessionRelay::DataPathFactory& factory = [](const session::DeviceState&) {
        return std::make_unique<OffDataPath>();
    }) {
        auto front = create_socket_pair().value();
        auto back = create_socket_pair().value();
        front_end_ = std::move(front.first);
        back_end_ = std::move(back.first);
        if (room_to_the_front_end_ != 0) {
            ASSERT_EQ(::setsockopt(front.second.number(), SOL_SOCKET, SO_SNDBUF, &room_to_the_front_end_,
                                   sizeof(room_to_the_front_end_)),
                      0);
        }
        relay_ = std::make_unique<SessionRelay>(std::move(front.second), std::move(back.second), 1, recorder_, loop_,
                                                factory, channels_, device_state_, device_state_patience_);
        ASSERT_TRUE(relay_->start());
        thread_ = std::thread([this] {
            EXPECT_TRUE(loop_.run());
            relay_->finish({"stopped", std::nullopt, {}, 0});
        });
    }
    void start_with_little_room_to_the_front_end() {
        room_to_the_front_end_ = little_room;
        start();
    }
    void stop() {
        if (thread_.joinable()) {
            loop_.stop();
            thread_.join();
        }
    }
    // The relay ends by itself.
    void wait_for_end() { thread_.join(); }

    [[nodiscard]] std::vector<std::pair<std::string, std::string>> closed() const {
        for (const auto& record : recorder_.all<trace::SessionRecord>()) {
            if (record.kind == trace::SessionRecord::Kind::closed) {
                return record.attributes;
            }
        }
        return {};
    }

    RelayedChannels channels_{RelayedChannels::all};
    DeviceStatePipes device_state_{DeviceStatePipes::pass};
    std::chrono::milliseconds device_state_patience_{patience_ms};
    int room_to_the_front_end_{0};  // 0: as the system gives it
    FakeRecorder recorder_;
    EventLoop loop_{EventLoop::create().value()};
    FileDescriptor front_end_;  // the tests' ends
    FileDescriptor back_end_;
    std::unique_ptr<SessionRelay> relay_;
    std::thread thread_;
};
}  // namespace vutrace::capture::testing
