// A device's state that is on its way when capture is ended: the peers' pipe must not end with it.
#include "capture_process.h"
#include "program.h"

#include <vutrace/system/endpoint.h>
#include <vutrace/system/pipe.h>
#include <vutrace/system/unix_socket.h>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <thread>

namespace vutrace::cli::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::uint32_t set_device_state_fd = 42;
constexpr std::size_t pipe_size = 65536;

class CaptureDeviceState : public testing::Test {
  protected:
    // The front-end's pipe, the back-end writes into it.
    void SetUp() override {
        ASSERT_TRUE(capture_.says("ready")) << capture_.said();
        front_end_ = connect_to(folder_.path("front")).value();
        back_end_ = listener_.accept().value();
        auto [read, given] = create_pipe().value();
        reader_ = std::move(read);
        const std::array numbers{given.number()};
        ASSERT_TRUE(send_all(front_end_, message(set_device_state_fd, 1, Bytes(8)), numbers));
        auto received = receive_message(back_end_);
        ASSERT_EQ(received.descriptors.size(), 1U);
        writer_ = std::move(received.descriptors.front());
    }
    // False where it takes less than all.
    [[nodiscard]] bool write(std::size_t bytes) const {
        const Bytes piece(4096, std::byte{0x5a});
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{20};
        while (bytes != 0 && std::chrono::steady_clock::now() < end) {
            const ssize_t written = ::write(writer_.number(), piece.data(), std::min(bytes, piece.size()));
            bytes -= written > 0 ? static_cast<std::size_t>(written) : 0;
        }
        return bytes == 0;
    }
    [[nodiscard]] std::size_t read_to_the_end() const {
        std::size_t bytes = 0;
        std::array<std::byte, 4096> piece;
        for (ssize_t got = 0; (got = ::read(reader_.number(), piece.data(), piece.size())) > 0;) {
            bytes += static_cast<std::size_t>(got);
        }
        return bytes;
    }
    template <class T>
    [[nodiscard]] std::vector<T> all() const {
        std::vector<T> found;
        for (const trace::Record& record : read_trace(folder_.path("trace.pcap"))) {
            if (const T* const one = std::get_if<T>(&record.body)) {
                found.push_back(*one);
            }
        }
        return found;
    }

    Folder folder_;
    Listener listener_{Listener::create(folder_.path("back")).value()};
    CaptureProcess capture_{
        {folder_.path("front"), folder_.path("back"), "-w", folder_.path("trace.pcap"), "--device-state", "tee"}};
    FileDescriptor front_end_;
    FileDescriptor back_end_;
    FileDescriptor reader_;
    FileDescriptor writer_;
};

TEST_F(CaptureDeviceState, IsPassedOnToItsEndAfterASignal) {
    ASSERT_TRUE(write(2 * pipe_size));
    capture_.send_signal(SIGINT);
    ASSERT_TRUE(capture_.says("passes on what is left")) << capture_.said();
    std::thread rest([this] {
        EXPECT_TRUE(write(20 * pipe_size));
        writer_.reset();
    });
    EXPECT_EQ(read_to_the_end(), 22 * pipe_size);
    rest.join();
    EXPECT_EQ(capture_.wait(), 0);
    EXPECT_THAT(capture_.said(), HasSubstr("nothing lost"));
    std::size_t recorded = 0;
    for (const auto& memory : all<trace::MemoryRecord>()) {
        recorded += memory.content.size() - memory.content.missing();
    }
    EXPECT_EQ(recorded, 22 * pipe_size);
}

TEST_F(CaptureDeviceState, ThatNobodyTakesIsCutOffAndCounted) {
    ASSERT_EQ(::fcntl(writer_.number(), F_SETFL, O_WRONLY | O_NONBLOCK), 0);
    ASSERT_TRUE(write(2 * pipe_size));
    capture_.send_signal(SIGTERM);
    ASSERT_TRUE(write(pipe_size)) << "both pipes have room in the one, and this is in the other";
    EXPECT_EQ(capture_.wait(), 0);
    EXPECT_THAT(capture_.said(), Not(HasSubstr("nothing lost")));
    EXPECT_THAT(capture_.said(), HasSubstr("65536 bytes"));
    EXPECT_EQ(read_to_the_end(), 2 * pipe_size);
    const auto gaps = all<trace::GapRecord>();
    ASSERT_EQ(gaps.size(), 1U);
    EXPECT_EQ(gaps[0].bytes, pipe_size);
}

}  // namespace
}  // namespace vutrace::cli::test
