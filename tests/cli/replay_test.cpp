#include "program.h"
#include "testing.h"

#include <vutrace/replay/block_driver.h>
#include <vutrace/replay/block_workload.h>
#include <vutrace/replay/trace_recorder.h>
#include <vutrace/session/testing/session_builder.h>
#include <vutrace/system/endpoint.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <thread>

namespace vutrace::cli::test {
namespace {

using nlohmann::json;
using replay::testing::ServedBackend;
using testing::HasSubstr;

// A recorded session of a driver with a block device.
class ReplayTest : public testing::Test {
  protected:
    ReplayTest() {
        ServedBackend back_end(options());
        auto recorder = replay::TraceRecorder::create(trace());
        EXPECT_TRUE(recorder);
        recorder->open_session({});
        auto driver = replay::BlockDriver::start(replay::Connection(std::move(back_end.front_end)), {}, &*recorder);
        EXPECT_TRUE(driver);
        EXPECT_TRUE(replay::run_block_workload(**driver, {50, 1, 1, true}));
        EXPECT_TRUE((*driver)->stop());
        driver->reset();
        EXPECT_TRUE(back_end.finish());
        recorder->close_session({});
        EXPECT_TRUE(recorder->finish());
        std::filesystem::remove(folder_.path("disk.img"));
    }
    // A fresh one each time.
    [[nodiscard]] replay::BlockBackendOptions options(std::uint64_t size = 8U << 20U) const {
        replay::BlockBackendOptions options;
        options.image = folder_.path("disk.img");
        std::ofstream(options.image, std::ios::trunc).flush();
        std::filesystem::resize_file(options.image, size);
        return options;
    }
    [[nodiscard]] std::string trace() const { return folder_.path("trace.pcap"); }
    [[nodiscard]] Outcome replay(const std::string& arguments) const {
        return run("replay " + trace() + " --timing max " + arguments);
    }
    // Against a back-end of the test, over an inherited socket.
    [[nodiscard]] Outcome replay_against(const replay::BlockBackendOptions& back_end,
                                         const std::string& arguments = "") const {
        ServedBackend served(back_end);
        const int number = served.front_end.number();
        EXPECT_EQ(::fcntl(number, F_SETFD, 0), 0);  // for the program to inherit
        Outcome outcome = replay("--backend fd:" + std::to_string(number) + " " + arguments);
        served.front_end.reset();
        (void)served.finish();
        return outcome;
    }

    Folder folder_;
};

TEST_F(ReplayTest, MeetsABackEndOverAnInheritedSocket) {
    const Outcome outcome = replay_against(options(), "--json");
    EXPECT_EQ(outcome.status, 0) << outcome.output << outcome.errors;
    const json report = json::parse(outcome.output);
    EXPECT_EQ(report["chains_completed"], 50);
    EXPECT_EQ(report["divergence_count"], 0);
}

TEST_F(ReplayTest, WaitsForABackEndThatConnects) {
    const std::string path = folder_.path("socket");
    const auto back_end_options = options();
    std::thread back_end([&] {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        Result<FileDescriptor> connection = connect_to(path);
        while (!connection && std::chrono::steady_clock::now() < deadline) {
            connection = connect_to(path);
        }
        ASSERT_TRUE(connection) << describe(connection.error());
        auto device = replay::BlockBackend::open(back_end_options);
        ASSERT_TRUE(device);
        const auto never = create_event_descriptor();
        EXPECT_TRUE(device->serve(std::move(*connection), *never));
    });
    const Outcome outcome = replay("--backend listen:" + path);
    back_end.join();
    EXPECT_EQ(outcome.status, 0) << outcome.output << outcome.errors;
    EXPECT_THAT(outcome.errors, HasSubstr("waiting for a back-end on " + path));
    EXPECT_THAT(outcome.output, HasSubstr("50 completed, 0 diverged"));
    EXPECT_FALSE(std::filesystem::exists(path)) << "the socket is taken away again";
}

TEST_F(ReplayTest, RefusesEndpointsThatMakeNoSense) {
    for (const std::string endpoint : {"fd:x", "fd:99", "foo:/x", "listen:", "connect:"}) {
        const Outcome outcome = replay("--backend " + endpoint);
        EXPECT_EQ(outcome.status, 2) << endpoint << "\n" << outcome.errors;
    }
    EXPECT_THAT(replay("--backend foo:/x").errors, HasSubstr("listen, connect, fd"));
    EXPECT_EQ(replay("--backend ./no:socket --timeout 0.05").status, 4) << "a path";
}

TEST_F(ReplayTest, RefusesNumbersInWordsThatHelp) {
    EXPECT_THAT(replay("--session 0 --backend ./nobody").errors, HasSubstr("'0' is no whole number from 1 on"));
    for (const std::string seconds : {"0", "-1", "86401", "nan"}) {
        const Outcome outcome = replay("--backend ./nobody --timeout " + seconds);
        EXPECT_EQ(outcome.status, 2) << seconds;
        EXPECT_THAT(outcome.errors, HasSubstr("more than 0 and at most 86400")) << seconds;
    }
}

TEST_F(ReplayTest, DoesNotBeginWhereItsReportCannotBeWritten) {
    const Outcome outcome = replay_against(options(), "--report " + folder_.path("missing/report.json"));
    EXPECT_EQ(outcome.status, 4);
    EXPECT_THAT(outcome.errors, HasSubstr("cannot create the report"));
    EXPECT_EQ(outcome.output, "") << "a replay took place";
}

TEST_F(ReplayTest, TellsItsResultWhereItsRecordingFails) {
    const std::string pipe = folder_.path("pipe");
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    std::thread reader([&pipe] {  // goes away when the trace has begun
        std::ifstream(pipe).get();
    });
    const Outcome outcome = replay_against(options(), "-w " + pipe + " --report " + folder_.path("report.json"));
    reader.join();
    EXPECT_EQ(outcome.status, 4) << outcome.errors;
    EXPECT_THAT(outcome.errors, HasSubstr("cannot write to the trace"));
    EXPECT_THAT(outcome.output, HasSubstr("50 completed, 0 diverged"));
    EXPECT_EQ(json::parse(read_file(folder_.path("report.json")))["chains_completed"], 50);
}

TEST_F(ReplayTest, NamesTheFieldsThatDiffer) {
    auto other = options(4U << 20U);  // another capacity
    other.read_only = true;           // and another feature
    const Outcome outcome = replay_against(other, "--report " + folder_.path("report.json"));
    EXPECT_EQ(outcome.status, 1) << outcome.output << outcome.errors;
    EXPECT_THAT(outcome.output, HasSubstr("reply of GET_FEATURES: features: extra RO"));
    EXPECT_THAT(outcome.output, HasSubstr("reply of GET_CONFIG: configuration.capacity: expected 16384, got 8192"));
    const json report = json::parse(read_file(folder_.path("report.json")));
    EXPECT_EQ(std::filesystem::status(folder_.path("report.json")).permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write)
        << "it quotes guest memory";
    std::size_t named = 0;
    for (const json& divergence : report["divergences"]) {
        EXPECT_FALSE(divergence["expected"].get<std::string>().empty());
        EXPECT_FALSE(divergence["actual"].get<std::string>().empty());
        named += divergence.contains("differences") ? 1U : 0U;
    }
    EXPECT_GE(named, 2U);
}

TEST_F(ReplayTest, RefusesASessionThatTheTraceLacks) {
    const Outcome outcome = replay("--session 5 --backend " + folder_.path("nobody"));
    EXPECT_EQ(outcome.status, 2);
    EXPECT_THAT(outcome.errors, HasSubstr("no session 5 in the trace: the sessions there are 1\n"));
    EXPECT_EQ(run("replay " + folder_.path("missing") + " --backend x").status, 3);
}

TEST_F(ReplayTest, RefusesATraceThatAsksForWhatNoMachineHas) {
    session::testing::SessionBuilder session;
    session.request(protocol::FrontEndRequest::ADD_MEM_REG,
                    protocol::serialise_region({0, std::uint64_t{1} << 60U, 0, 0, 0, 0}, false), {1});
    ASSERT_TRUE(session.write_to(trace()));
    const Outcome outcome = replay("--backend " + folder_.path("nobody"));
    EXPECT_EQ(outcome.status, 3) << "the trace is what fails, before a back-end is met";
    EXPECT_THAT(outcome.errors, HasSubstr("record 1: ADD_MEM_REG needs a file of 1152921504606846976 bytes"));
}

}  // namespace
}  // namespace vutrace::cli::test
