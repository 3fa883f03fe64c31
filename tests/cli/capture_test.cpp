#include "capture_process.h"
#include "program.h"

#include <vutrace/system/endpoint.h>
#include <vutrace/system/unix_socket.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>

namespace vutrace::cli::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::uint32_t version = 1;
constexpr std::uint32_t reply = version | 4U;
constexpr std::uint32_t get_features = 1;
constexpr std::uint32_t set_owner = 3;

ino_t inode_of(const FileDescriptor& descriptor) {
    struct stat status {};
    EXPECT_EQ(::fstat(descriptor.number(), &status), 0);
    return status.st_ino;
}

mode_t mode_of(const std::string& path) {
    struct stat status {};
    EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
    return status.st_mode & 0777U;
}

class CaptureTest : public testing::Test {
  protected:
    [[nodiscard]] std::string path(const std::string& name) const { return folder_.path(name); }
    [[nodiscard]] std::string file() const { return path("trace.pcap"); }
    [[nodiscard]] std::vector<std::string> between(const std::string& front_end, const std::string& back_end,
                                                   const std::vector<std::string>& more = {}) const {
        std::vector<std::string> arguments{front_end, back_end, "-w", file()};
        arguments.insert(arguments.end(), more.begin(), more.end());
        return arguments;
    }
    // QEMU's case: we listen, the back-end does too.
    [[nodiscard]] std::vector<std::string> usual(const std::vector<std::string>& more = {}) const {
        return between(path("front"), path("back"), more);
    }
    [[nodiscard]] Listener listen(const std::string& name) const { return Listener::create(path(name)).value(); }
    [[nodiscard]] FileDescriptor connect(const std::string& name) const { return connect_to(path(name)).value(); }

    // One request with a descriptor, one reply: both arrive as they were sent.
    static void talk(const FileDescriptor& front_end, const FileDescriptor& back_end, std::uint64_t value = 7) {
        Bytes payload(8);
        store<std::uint64_t>(payload, 0, value);
        const FileDescriptor attached(::memfd_create("attached", MFD_CLOEXEC));
        const std::vector<int> numbers{attached.number()};
        const Bytes request = message(get_features, version);
        ASSERT_TRUE(send_all(front_end, request, numbers));
        const auto received = receive_message(back_end);
        EXPECT_EQ(received.bytes, request);
        ASSERT_EQ(received.descriptors.size(), 1U);
        EXPECT_EQ(inode_of(received.descriptors[0]), inode_of(attached));
        const Bytes answer = message(get_features, reply, payload);
        ASSERT_TRUE(send_all(back_end, answer, {}));
        EXPECT_EQ(receive_message(front_end).bytes, answer);
    }
    // What the trace holds of each session, in order: "opened", "front-end 1", "back-end 1", …, "closed: REASON".
    [[nodiscard]] std::map<std::uint32_t, std::vector<std::string>> sessions() const {
        std::map<std::uint32_t, std::vector<std::string>> found;
        for (const trace::Record& record : read_trace(file())) {
            if (const auto* const session = std::get_if<trace::SessionRecord>(&record.body)) {
                found[record.session].push_back(step_of(*session));
            } else if (const auto* const one = std::get_if<trace::MessageRecord>(&record.body)) {
                found[record.session].push_back(std::string(name_of(one->sender)) + " " +
                                                std::to_string(load<std::uint32_t>(one->bytes, 0)));
            }
        }
        return found;
    }

    Folder folder_;

  private:
    static std::string step_of(const trace::SessionRecord& record) {
        using Kind = trace::SessionRecord::Kind;
        if (record.kind != Kind::closed) {
            return record.kind == Kind::opened ? "opened" : "half-closed";
        }
        for (const auto& [name, value] : record.attributes) {
            if (name == "reason") {
                return "closed: " + value;
            }
        }
        return "closed";
    }
};

TEST_F(CaptureTest, StandsBetweenTwoInheritedSockets) {
    auto front = create_socket_pair().value();
    auto back = create_socket_pair().value();
    const int theirs[] = {front.second.number(), back.second.number()};
    CaptureProcess capture(between("fd:" + std::to_string(theirs[0]), "fd:" + std::to_string(theirs[1])),
                           {theirs[0], theirs[1]});
    front.second.reset();
    back.second.reset();
    ASSERT_TRUE(capture.says("ready")) << capture.said();
    talk(front.first, back.first);
    front.first.reset();
    EXPECT_TRUE(is_closed(back.first));
    EXPECT_EQ(capture.wait(), 0) << "no further session can come\n" << capture.said();
    EXPECT_THAT(sessions()[1], ElementsAre("opened", "front-end 1", "back-end 1", "closed: front-end closed"));
    EXPECT_EQ(mode_of(file()), 0600U);
}

TEST_F(CaptureTest, ConnectsToAFrontEndAndListensForABackEnd) {
    const Listener front_end = listen("front");
    CaptureProcess capture(between("connect:" + path("front"), "listen:" + path("back")));
    ASSERT_TRUE(capture.says("ready")) << capture.said();
    EXPECT_EQ(mode_of(path("back")), 0600U);
    for (int round = 0; round < 2; ++round) {
        FileDescriptor back_end = connect("back");
        const FileDescriptor connection = front_end.accept().value();
        talk(connection, back_end);
        back_end.reset();
        EXPECT_TRUE(is_closed(connection));
    }
    capture.send_signal(SIGTERM);
    EXPECT_EQ(capture.wait(), 0) << capture.said();
    EXPECT_THAT(sessions()[2], ElementsAre("opened", "front-end 1", "back-end 1", "closed: back-end closed"));
}

TEST_F(CaptureTest, RecordsSessionsOneAfterTheOther) {
    const Listener back_end = listen("back");
    CaptureProcess capture(usual());
    ASSERT_TRUE(capture.says("ready")) << capture.said();
    EXPECT_EQ(mode_of(path("front")), 0600U);
    for (int round = 0; round < 3; ++round) {
        FileDescriptor front_end = connect("front");
        const FileDescriptor connection = back_end.accept().value();
        talk(front_end, connection);
        front_end.reset();
        EXPECT_TRUE(is_closed(connection));
    }
    ASSERT_TRUE(capture.says("session 3 ended")) << capture.said();
    capture.send_signal(SIGINT);
    EXPECT_EQ(capture.wait(), 0) << capture.said();
    const auto all = sessions();
    ASSERT_EQ(all.size(), 3U);
    for (const auto& [number, steps] : all) {
        EXPECT_THAT(steps, ElementsAre("opened", "front-end 1", "back-end 1", "closed: front-end closed")) << number;
    }
}

TEST_F(CaptureTest, KeepsSessionsApartThatRunSideBySide) {
    const Listener back_end = listen("back");
    CaptureProcess capture(usual());
    ASSERT_TRUE(capture.says("ready")) << capture.said();
    std::vector<FileDescriptor> front_ends;
    std::vector<FileDescriptor> back_ends;
    for (int i = 0; i < 8; ++i) {
        front_ends.push_back(connect("front"));
        back_ends.push_back(back_end.accept().value());
    }
    for (std::uint64_t round = 0; round < 5; ++round) {
        for (std::size_t i = 0; i < front_ends.size(); ++i) {
            ASSERT_NO_FATAL_FAILURE(talk(front_ends[i], back_ends[i], 100 * i + round));
        }
    }
    capture.send_signal(SIGTERM);
    EXPECT_EQ(capture.wait(), 0) << capture.said();
    const auto all = sessions();
    ASSERT_EQ(all.size(), 8U);
    for (const auto& [number, steps] : all) {
        EXPECT_EQ(steps.size(), 12U) << number;
        EXPECT_EQ(steps.back(), "closed: stopped") << number;
    }
}

TEST_F(CaptureTest, WaitsForABackEndThatComesLater) {
    CaptureProcess capture(usual({"--wait", "30"}));
    ASSERT_TRUE(capture.says("ready")) << capture.said();
    const FileDescriptor front_end = connect("front");
    const Bytes early = message(set_owner, version);
    ASSERT_TRUE(send_all(front_end, early, {}));
    const Listener back_end = listen("back");
    const FileDescriptor connection = back_end.accept().value();
    EXPECT_EQ(receive_message(connection).bytes, early);
    talk(front_end, connection);
}

TEST_F(CaptureTest, ClosesAFrontEndWhoseBackEndDoesNotComeAndTakesTheNext) {
    CaptureProcess capture(usual({"--wait", "0.05"}));
    ASSERT_TRUE(capture.says("ready")) << capture.said();
    EXPECT_TRUE(is_closed(connect("front")));
    ASSERT_TRUE(capture.says("the back-end is not there")) << capture.said();
    const Listener back_end = listen("back");
    const FileDescriptor front_end = connect("front");
    talk(front_end, back_end.accept().value());
    capture.send_signal(SIGTERM);
    EXPECT_EQ(capture.wait(), 0);
    EXPECT_EQ(sessions().size(), 1U) << "what never began is no session";
}

TEST_F(CaptureTest, FailsWhenTheOnlyFrontEndThereIsMeetsNoBackEnd) {
    auto front = create_socket_pair().value();
    const int theirs = front.second.number();
    CaptureProcess capture(between("fd:" + std::to_string(theirs), path("back"), {"--wait", "0.05"}), {theirs});
    front.second.reset();
    EXPECT_EQ(capture.wait(), 4);
    EXPECT_THAT(capture.said(), HasSubstr("the back-end is not there"));
    EXPECT_TRUE(is_closed(front.first));
    EXPECT_TRUE(std::filesystem::exists(file()));
}

class CaptureSignals : public CaptureTest, public testing::WithParamInterface<int> {};

TEST_P(CaptureSignals, EndItWithEverythingInTheFile) {
    const Listener back_end = listen("back");
    CaptureProcess capture(usual());
    ASSERT_TRUE(capture.says("ready")) << capture.said();
    const FileDescriptor front_end = connect("front");
    const FileDescriptor connection = back_end.accept().value();
    for (int i = 0; i < 500; ++i) {
        ASSERT_NO_FATAL_FAILURE(talk(front_end, connection));
    }
    capture.send_signal(GetParam());
    EXPECT_EQ(capture.wait(), 0) << capture.said();
    EXPECT_TRUE(is_closed(front_end));
    EXPECT_TRUE(is_closed(connection));
    const auto steps = sessions()[1];
    ASSERT_EQ(steps.size(), 1002U);
    EXPECT_EQ(steps.front(), "opened");
    EXPECT_EQ(steps.back(), "closed: stopped");
    EXPECT_FALSE(std::filesystem::exists(path("front"))) << "the socket is taken away again";
    EXPECT_THAT(capture.said(), HasSubstr("nothing lost"));
}

INSTANTIATE_TEST_SUITE_P(Both, CaptureSignals, testing::Values(SIGINT, SIGTERM),
                         [](const auto& parameter) { return parameter.param == SIGINT ? "Interrupt" : "Terminate"; });

TEST_F(CaptureTest, ASignalEndsItBeforeAnybodyConnected) {
    CaptureProcess capture(usual());
    ASSERT_TRUE(capture.says("ready")) << capture.said();
    capture.send_signal(SIGTERM);
    EXPECT_EQ(capture.wait(), 0) << capture.said();
    EXPECT_TRUE(sessions().empty());
}

TEST_F(CaptureTest, OnceEndsAfterTheFirstSession) {
    const Listener back_end = listen("back");
    CaptureProcess capture(usual({"--once"}));
    ASSERT_TRUE(capture.says("ready")) << capture.said();
    FileDescriptor front_end = connect("front");
    talk(front_end, back_end.accept().value());
    front_end.reset();
    EXPECT_EQ(capture.wait(), 0) << capture.said();
    EXPECT_EQ(sessions().size(), 1U);
    EXPECT_FALSE(connect_to(path("front")));
}

TEST_F(CaptureTest, OnceDoesNotCountAFrontEndThatMetNoBackEnd) {
    CaptureProcess capture(usual({"--once", "--wait", "0.05"}));
    ASSERT_TRUE(capture.says("ready")) << capture.said();
    EXPECT_TRUE(is_closed(connect("front")));
    const Listener back_end = listen("back");
    FileDescriptor front_end = connect("front");
    talk(front_end, back_end.accept().value());
    front_end.reset();
    EXPECT_EQ(capture.wait(), 0) << capture.said();
}

TEST_F(CaptureTest, PassesOnAHalfClose) {
    const Listener back_end = listen("back");
    CaptureProcess capture(usual({"--once"}));
    ASSERT_TRUE(capture.says("ready")) << capture.said();
    const FileDescriptor front_end = connect("front");
    FileDescriptor connection = back_end.accept().value();
    ASSERT_TRUE(send_all(front_end, message(get_features, version), {}));
    ASSERT_EQ(::shutdown(front_end.number(), SHUT_WR), 0);
    EXPECT_EQ(receive_message(connection).bytes, message(get_features, version));
    EXPECT_TRUE(is_closed(connection));
    const Bytes answer = message(get_features, reply, Bytes(8));
    ASSERT_TRUE(send_all(connection, answer, {}));
    EXPECT_EQ(receive_message(front_end).bytes, answer) << "the other way is still open";
    connection.reset();
    EXPECT_TRUE(is_closed(front_end));
    EXPECT_EQ(capture.wait(), 0) << capture.said();
    EXPECT_THAT(sessions()[1],
                ElementsAre("opened", "front-end 1", "half-closed", "back-end 1", "closed: back-end closed"));
}

TEST_F(CaptureTest, RefusesBadOptionsBeforeItTouchesAnything) {
    const std::string ends = path("front") + " " + path("back");
    const std::string write = " -w " + file();
    for (const std::string& arguments : {ends + write + " --datapath nonsense",
                                         ends + write + " --memory much",
                                         ends + write + " --channels some",
                                         ends + write + " --snaplen x",
                                         ends + write + " --snaplen -1",
                                         ends + write + " --wait -1",
                                         ends + write + " --budget 0",
                                         ends + write + " --budget 101",
                                         ends + write + " --threads 0",
                                         ends + write + " --threads 17",
                                         ends + write + " --queue-size 1",
                                         ends + write + " --no-such-option",
                                         ends,
                                         path("front") + write,
                                         "fd:x " + path("back") + write,
                                         "listen: " + path("back") + write,
                                         path("front") + " connect:" + write,
                                         ends + " third" + write,
                                         path("front") + " " + path("front") + write,
                                         path("front") + " connect:" + path("./front") + write}) {
        const Outcome outcome = run("capture " + arguments);
        EXPECT_EQ(outcome.status, 2) << arguments << "\n" << outcome.errors;
        EXPECT_EQ(outcome.output, "") << arguments;
        EXPECT_NE(outcome.errors, "") << arguments;
        EXPECT_FALSE(std::filesystem::exists(file())) << arguments;
        EXPECT_FALSE(std::filesystem::exists(path("front"))) << arguments;
    }
}

TEST_F(CaptureTest, RefusesOptionsThatWouldChangeNothing) {
    struct Case {
        const char* options;
        const char* refused;  // empty: they make sense together
    };
    for (const Case& each : std::initializer_list<Case>{
             {"--datapath relay --threads 4", "--threads is for --datapath tap alone"},
             {"--datapath off --threads 1", "--threads is for --datapath tap alone"},
             {"--memory full --threads 2", "--threads is 1 with --memory full"},
             {"--memory full --threads 1", ""},
             {"--datapath shadow --budget 5", "--budget is for --datapath tap alone"},
             {"--budget 5 --threads 4 --priority background", ""},
             {"--datapath relay --priority normal", "--priority is for --datapath tap and off alone"},
             {"--datapath shadow --priority background", "--priority is for --datapath tap and off alone"},
             {"--datapath off --priority normal", ""},
             {"--datapath off --snaplen 64", "--snaplen is for the bytes of buffers"},
             {"--datapath off --memory full --snaplen 64", "--snaplen is for the bytes of buffers"},
             {"--memory none --snaplen 64", "--snaplen is for the bytes of buffers"},
             {"--datapath shadow --memory rings --snaplen 0", "--snaplen is for the bytes of buffers"},
             {"--datapath relay --snaplen 0", ""},
             {"--memory full --snaplen 64", ""}}) {
        const std::string write = " -w " + path("no/such/folder") + " ";  // what is tried once the options are right
        const Outcome outcome = run("capture " + path("front") + " " + path("back") + write + each.options);
        EXPECT_EQ(outcome.status, *each.refused == '\0' ? 4 : 2) << each.options << "\n" << outcome.errors;
        EXPECT_THAT(outcome.errors, HasSubstr(each.refused)) << each.options;
    }
}

TEST_F(CaptureTest, RefusesEndpointsThatAreNoSockets) {
    std::ofstream(path("text")) << "a file";
    const std::string too_long = path(std::string(200, 'x'));
    for (const std::string& ends : {path("text") + " " + path("back"), "fd:1 " + path("back"), "fd:99 " + path("back"),
                                    path("front") + " fd:98", too_long + " " + path("back")}) {
        const Outcome outcome = run("capture " + ends + " -w " + file());
        EXPECT_EQ(outcome.status, 2) << ends << "\n" << outcome.errors;
    }
    EXPECT_EQ(read_file(path("text")), "a file");
}

TEST_F(CaptureTest, FailsWhereTheTraceCannotBeCreated) {
    const Outcome outcome = run("capture " + path("front") + " " + path("back") + " -w " + path("no/such/folder"));
    EXPECT_EQ(outcome.status, 4);
    EXPECT_THAT(outcome.errors, HasSubstr("no/such/folder"));
    EXPECT_FALSE(std::filesystem::exists(path("front")));
}

TEST_F(CaptureTest, FailsWhereItsSocketCannotBeCreated) {
    EXPECT_EQ(run("capture " + path("no/such/front") + " " + path("back") + " -w " + file()).status, 4);
    const Listener somebody = listen("front");
    const Outcome outcome = run("capture " + path("front") + " " + path("back") + " -w " + file());
    EXPECT_EQ(outcome.status, 4);
    EXPECT_THAT(outcome.errors, HasSubstr(path("front")));
    EXPECT_TRUE(connect_to(path("front"))) << "it is still somebody else's";
}

TEST_F(CaptureTest, KeepsTheTraceThatIsThereWhereAnEndpointIsWrong) {
    std::ofstream(file()) << "an old trace";
    EXPECT_EQ(run("capture " + path("no/such/front") + " " + path("back") + " -w " + file()).status, 4);
    std::string text;
    std::getline(std::ifstream(file()), text);
    EXPECT_EQ(text, "an old trace");
}

}  // namespace
}  // namespace vutrace::cli::test
