// `vutrace capture` into a pipe, whose other end may be anybody's or nobody's.
#include "capture_process.h"
#include "program.h"

#include <vutrace/system/endpoint.h>
#include <vutrace/system/unix_socket.h>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>

namespace vutrace::cli::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::uint32_t version = 1;

class CapturePipe : public testing::Test {
  protected:
    CapturePipe() { EXPECT_EQ(::mkfifo(pipe().c_str(), 0600), 0); }
    [[nodiscard]] std::string pipe() const { return folder_.path("pipe"); }
    [[nodiscard]] FileDescriptor reader() const {
        return FileDescriptor(::open(pipe().c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    }
    [[nodiscard]] std::vector<std::string> arguments(const std::vector<std::string>& more = {}) const {
        std::vector<std::string> all{folder_.path("front"), folder_.path("back"), "-w", pipe()};
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }

    Folder folder_;
};

TEST_F(CapturePipe, FailsWhereNobodyReadsIt) {
    CaptureProcess capture(arguments({"--wait", "0.05"}));
    EXPECT_EQ(capture.wait(), 4) << capture.said();
    EXPECT_THAT(capture.said(), HasSubstr("is a pipe that nobody reads"));
    EXPECT_THAT(capture.said(), Not(HasSubstr("ready")));
    EXPECT_FALSE(std::filesystem::exists(folder_.path("front")));
}

TEST_F(CapturePipe, WaitsForItsReader) {
    CaptureProcess capture(arguments({"--wait", "30"}));
    while (!std::filesystem::exists(folder_.path("front"))) {
        ASSERT_EQ(::kill(capture.process(), 0), 0);
    }
    const FileDescriptor late = reader();
    EXPECT_TRUE(capture.says("ready")) << capture.said();
    capture.send_signal(SIGTERM);
    EXPECT_EQ(capture.wait(), 0) << capture.said();
}

// More than a pipe holds: whoever writes it waits.
class StuckPipe : public CapturePipe {
  protected:
    void send_much() {
        const Bytes large = message(5, version, Bytes(400'000, std::byte{1}));
        const Listener back_end = Listener::create(folder_.path("back")).value();
        front_end_ = connect_to(folder_.path("front")).value();
        back_end_ = back_end.accept().value();
        for (int i = 0; i < 3; ++i) {
            ASSERT_NO_FATAL_FAILURE(send_through(large));
        }
    }
    void send_through(const Bytes& large) {
        for (std::size_t done = 0; done < large.size();) {
            const std::size_t size = std::min<std::size_t>(large.size() - done, 50'000);
            ASSERT_TRUE(send_all(front_end_, ByteView(large).subspan(done, size), {}));
            Bytes arrived(size);
            std::vector<FileDescriptor> none;
            ASSERT_TRUE(receive_exactly(back_end_, arrived, none, 30'000)) << "the session goes on";
            done += size;
        }
    }

    FileDescriptor front_end_;
    FileDescriptor back_end_;
};

TEST_F(StuckPipe, EndsWithoutAReaderThatTakesNothingAndSaysWhatIsMissing) {
    const FileDescriptor stuck = reader();
    CaptureProcess capture(arguments());
    ASSERT_TRUE(capture.says("ready")) << capture.said();
    ASSERT_NO_FATAL_FAILURE(send_much());
    capture.send_signal(SIGTERM);
    EXPECT_TRUE(is_closed(front_end_)) << "the peers do not wait for the trace";
    EXPECT_EQ(capture.wait(), 4) << capture.said();
    EXPECT_THAT(capture.said(), HasSubstr("its reader took nothing"));
    EXPECT_THAT(capture.said(), HasSubstr("the trace is incomplete"));
    EXPECT_THAT(capture.said(), HasSubstr("; lost "));
    EXPECT_THAT(capture.said(), Not(HasSubstr("nothing lost")));
}

TEST_F(StuckPipe, EndsWhereItsReaderIsGone) {
    FileDescriptor gone = reader();
    CaptureProcess capture(arguments());
    ASSERT_TRUE(capture.says("ready")) << capture.said();
    gone.reset();
    ASSERT_NO_FATAL_FAILURE(send_much());
    ASSERT_TRUE(capture.says("recording stops")) << capture.said();
    capture.send_signal(SIGTERM);
    EXPECT_EQ(capture.wait(), 4) << capture.said();
    EXPECT_THAT(capture.said(), HasSubstr("; lost "));
}

}  // namespace
}  // namespace vutrace::cli::test
