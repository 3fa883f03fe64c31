#include "capture_process.h"
#include "program.h"

#include <vutrace/system/endpoint.h>
#include <vutrace/system/unix_socket.h>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>

namespace vutrace::cli::test {
namespace {

std::size_t count_of(const std::string& text, const std::string& part) {
    std::size_t count = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
        ++count;
    }
    return count;
}

TEST(DemoBackEnd, WaitsWhereItMayOpenNothingMoreAndServesWhenItMay) {
    const Folder folder;
    const std::string image = folder.path("disk.img");
    std::ofstream(image).flush();
    std::filesystem::resize_file(image, 1U << 20U);
    const std::string socket = folder.path("socket");
    BackgroundProgram back_end({"demo", "--role", "back-end", "--socket", socket, "--image", image});
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!std::filesystem::exists(socket)) {
        ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    }
    rlimit before{};
    ASSERT_EQ(::prlimit(back_end.process(), RLIMIT_NOFILE, nullptr, &before), 0);
    const rlimit none{3, before.rlim_max};
    ASSERT_EQ(::prlimit(back_end.process(), RLIMIT_NOFILE, &none, nullptr), 0);
    Result<FileDescriptor> front_end = connect_to(socket);
    while (!front_end && std::chrono::steady_clock::now() < deadline) {
        front_end = connect_to(socket);  // until it listens
    }
    ASSERT_TRUE(front_end) << describe(front_end.error());
    ASSERT_TRUE(back_end.says("cannot accept a connection")) << back_end.said();
    ASSERT_EQ(::prlimit(back_end.process(), RLIMIT_NOFILE, &before, nullptr), 0);
    constexpr std::uint32_t get_features = 1;
    ASSERT_TRUE(send_all(*front_end, message(get_features, 1), {}));
    EXPECT_EQ(receive_message(*front_end).bytes.size(), 20U);
    back_end.send_signal(SIGTERM);
    EXPECT_EQ(back_end.wait(), 0);
    EXPECT_LT(count_of(back_end.said(), "cannot accept"), 30U) << "it tried again and again";
}

TEST(Demo, WorksOnRingsOfBothLayouts) {
    for (const std::string& ring : {std::string("split"), std::string("packed")}) {
        const Folder folder;
        const std::string kept = folder.path("it's a demo");
        const Outcome demo = run("demo -o \"" + kept + "\" --ring " + ring);
        EXPECT_EQ(demo.status, 0) << demo.errors;
        EXPECT_NE(demo.output.find("400 submitted, 400 completed, 0 diverged"), std::string::npos) << demo.output;
        EXPECT_NE(demo.output.find("are equal"), std::string::npos) << demo.output;
        const Outcome info = run("info \"" + kept + "/demo.pcap\"");
        EXPECT_EQ(info.output.find("RING_PACKED") != std::string::npos, ring == "packed") << info.output;
        const Outcome check = run("check \"" + kept + "/demo.pcap\"");
        EXPECT_EQ(check.status, 0) << check.output;
    }
}

TEST(Demo, RefusesAnotherLayout) {
    const Outcome demo = run("demo --ring round");
    EXPECT_EQ(demo.status, 2);
    EXPECT_NE(demo.errors.find("--ring"), std::string::npos) << demo.errors;
}

}  // namespace
}  // namespace vutrace::cli::test
