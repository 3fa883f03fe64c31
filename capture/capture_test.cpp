#include "vutrace/capture/capture.h"

#include "testing/fake_recorder.h"

#include <vutrace/system/unix_socket.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

namespace vutrace::capture {
namespace {

using ::testing::HasSubstr;

constexpr auto patience = std::chrono::seconds{20};
constexpr int patience_ms = 20'000;

// What a capture says, for the test to wait for.
class Log {
  public:
    void add(const std::string& line) {
        const std::lock_guard lock(mutex_);
        lines_.push_back(line);
        changed_.notify_all();
    }
    // Until `count` lines contain `text`.
    [[nodiscard]] bool has(const std::string& text, std::ptrdiff_t count = 1) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, patience, [&] {
            return count <= std::count_if(lines_.begin(), lines_.end(), [&](const std::string& line) {
                       return line.find(text) != std::string::npos;
                   });
        });
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::string> lines_;
};

class CaptureTest : public ::testing::Test {
  protected:
    CaptureTest() {
        std::string pattern = (std::filesystem::temp_directory_path() / "vutrace-capture-XXXXXX").string();
        folder = ::mkdtemp(pattern.data());
    }
    ~CaptureTest() override {
        stop();
        capture.reset();
        std::error_code ignored;
        std::filesystem::remove_all(folder, ignored);
    }
    [[nodiscard]] std::string path(const std::string& name) const { return (folder / name).string(); }

    [[nodiscard]] CaptureOptions both_listen() {
        CaptureOptions options;
        options.front_end = {Endpoint::Kind::listen, path("front"), -1};
        options.back_end = {Endpoint::Kind::listen, path("back"), -1};
        options.data_path = {DataPathMode::off, MemoryMode::none};
        options.log = [this](const std::string& line) { log.add(line); };
        return options;
    }
    void create(CaptureOptions options) {
        auto created = Capture::create(std::move(options));
        ASSERT_TRUE(created) << describe(created.error());
        capture = std::move(*created);
    }
    void run() {
        thread = std::thread([this] { served = capture->run(recorder); });
    }
    void stop() {
        if (thread.joinable()) {
            capture->stop();
            thread.join();
        }
    }
    // Waits while the backlog is full, which it may be for a moment.
    [[nodiscard]] FileDescriptor connect(const std::string& name) const {
        auto connection = connect_to(path(name));
        while (!connection && connection.error().errno_value == EAGAIN) {
            std::this_thread::yield();
            connection = connect_to(path(name));
        }
        return std::move(connection.value());
    }
    static bool is_closed(const FileDescriptor& socket) {
        std::byte byte{};
        std::vector<FileDescriptor> none;
        const Status received = receive_exactly(socket, MutableByteView(&byte, 1), none, patience_ms);
        return !received && received.error().code == ErrorCode::peer_closed;
    }
    static void expect_connected(const FileDescriptor& from, const FileDescriptor& to) {
        const Bytes sent(12, std::byte{});
        Bytes received(12);
        std::vector<FileDescriptor> none;
        EXPECT_TRUE(send_all(from, sent, {}));
        EXPECT_TRUE(receive_exactly(to, received, none, patience_ms));
    }

    std::filesystem::path folder;
    Log log;
    testing::FakeRecorder recorder;
    std::unique_ptr<Capture> capture;
    Status served;
    std::thread thread;
};

TEST_F(CaptureTest, PairsThoseThatConnectInTheOrderTheyCome) {
    create(both_listen());
    run();
    const auto first_front_end = connect("front");
    const auto second_front_end = connect("front");
    const auto first_back_end = connect("back");
    const auto second_back_end = connect("back");
    expect_connected(first_front_end, first_back_end);
    expect_connected(second_back_end, second_front_end);
    stop();
    EXPECT_TRUE(served);
    EXPECT_EQ(capture->sessions(), 2U);
    EXPECT_TRUE(is_closed(first_front_end));
    EXPECT_TRUE(is_closed(second_back_end));
}

TEST_F(CaptureTest, DoesNotPairAPeerThatLeftWhileItWaited) {
    create(both_listen());
    auto gone = connect("front");
    gone.reset();
    const auto front_end = connect("front");
    const auto back_end = connect("back");
    run();
    expect_connected(back_end, front_end);
    stop();
    EXPECT_EQ(capture->sessions(), 1U);
}

TEST_F(CaptureTest, ClosesThoseBeyondTheMostThatMayWait) {
    constexpr std::size_t most = 64;
    create(both_listen());
    run();
    std::vector<FileDescriptor> front_ends;
    for (std::size_t i = 0; i < most; ++i) {
        front_ends.push_back(connect("front"));
    }
    EXPECT_TRUE(is_closed(connect("front")));
    EXPECT_TRUE(log.has("connections wait"));
    expect_connected(connect("back"), front_ends.front());
}

// For as long as the limit is that low no descriptor can be had in this process.
class NoDescriptors {
  public:
    NoDescriptors() {
        EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
        const rlimit none{1, before_.rlim_max};
        EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    }
    ~NoDescriptors() { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0); }
    NoDescriptors(const NoDescriptors&) = delete;
    NoDescriptors& operator=(const NoDescriptors&) = delete;

  private:
    rlimit before_{};
};

TEST_F(CaptureTest, AcceptsOnBothSocketsAgainAfterItRanOutOfDescriptors) {
    create(both_listen());
    const auto front_end = connect("front");
    const auto back_end = connect("back");
    {
        const NoDescriptors limit;
        run();
        EXPECT_TRUE(log.has("cannot accept", 2));
    }
    EXPECT_TRUE(log.has("session 1 began"));
    expect_connected(front_end, back_end);
}

TEST_F(CaptureTest, MeetsPeersThatBothListenAgainAfterASession) {
    const Listener front_end = Listener::create(path("front")).value();
    const Listener back_end = Listener::create(path("back")).value();
    CaptureOptions options = both_listen();
    options.front_end.kind = options.back_end.kind = Endpoint::Kind::connect;
    create(std::move(options));
    run();
    for (int round = 0; round < 2; ++round) {
        auto front = front_end.accept().value();
        const auto back = back_end.accept().value();
        expect_connected(front, back);
        front.reset();
        EXPECT_TRUE(is_closed(back));
    }
    stop();
    EXPECT_TRUE(served);
}

TEST_F(CaptureTest, SaysWhatIsWrongWithItsEndpoints) {
    CaptureOptions options = both_listen();
    options.front_end = {Endpoint::Kind::inherited, {}, 9999};
    auto created = Capture::create(options);
    ASSERT_FALSE(created);
    EXPECT_EQ(created.error().code, ErrorCode::usage);
    options = both_listen();
    options.back_end.path = path("no/such/socket");
    created = Capture::create(options);
    ASSERT_FALSE(created);
    EXPECT_EQ(created.error().code, ErrorCode::system);
    EXPECT_THAT(created.error().text, HasSubstr("no/such/socket"));
    EXPECT_FALSE(std::filesystem::exists(path("front"))) << "what it had created is gone again";
}

}  // namespace
}  // namespace vutrace::capture
