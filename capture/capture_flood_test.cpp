// More connections than the process has descriptors for.
#include "testing/fake_recorder.h"

#include <vutrace/capture/capture.h>
#include <vutrace/system/unix_socket.h>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <filesystem>
#include <thread>

namespace vutrace::capture {
namespace {

constexpr int patience_ms = 20'000;

struct DescriptorLimit {
    explicit DescriptorLimit(rlim_t most) {
        EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
        const rlimit now{most, before.rlim_max};
        EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &now), 0);
    }
    ~DescriptorLimit() { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0); }
    DescriptorLimit(const DescriptorLimit&) = delete;
    DescriptorLimit& operator=(const DescriptorLimit&) = delete;
    rlimit before{};
};

void pass(const FileDescriptor& from, const FileDescriptor& to) {
    const Bytes sent(12, std::byte{});
    Bytes received(12);
    std::vector<FileDescriptor> none;
    EXPECT_TRUE(send_all(from, sent, {}));
    EXPECT_TRUE(receive_exactly(to, received, none, patience_ms));
}

TEST(CaptureFlood, ConnectionsWaitForASessionToEndWhereDescriptorsAreFew) {
    std::string pattern = (std::filesystem::temp_directory_path() / "vutrace-flood-XXXXXX").string();
    const std::filesystem::path folder = ::mkdtemp(pattern.data());
    CaptureOptions options;
    options.front_end = {Endpoint::Kind::listen, folder / "front", -1};
    options.back_end = {Endpoint::Kind::listen, folder / "back", -1};
    options.data_path = {DataPathMode::off, MemoryMode::none};
    testing::FakeRecorder recorder;
    {
        const DescriptorLimit enough_for_one_session(127);
        auto capture = std::move(*Capture::create(options));
        std::thread thread([&] { EXPECT_TRUE(capture->run(recorder)); });
        auto front_end = connect_to(options.front_end.path).value();
        auto back_end = connect_to(options.back_end.path).value();
        const auto next_front_end = connect_to(options.front_end.path).value();
        const auto next_back_end = connect_to(options.back_end.path).value();
        pass(front_end, back_end);
        front_end.reset();
        back_end.reset();
        pass(next_front_end, next_back_end);
        capture->stop();
        thread.join();
    }
    std::filesystem::remove_all(folder);
    std::vector<trace::SessionRecord::Kind> kinds;
    for (const auto& record : recorder.all<trace::SessionRecord>()) {
        kinds.push_back(record.kind);
    }
    using Kind = trace::SessionRecord::Kind;
    ASSERT_GE(kinds.size(), 4U);
    EXPECT_EQ(kinds.front(), Kind::opened);
    EXPECT_EQ(kinds[kinds.size() - 2], Kind::opened);  // only after the first one closed
    EXPECT_EQ(kinds[kinds.size() - 3], Kind::closed);
}

}  // namespace
}  // namespace vutrace::capture
