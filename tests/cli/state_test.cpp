#include "program.h"
#include "render_fixture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace vutrace::cli::test {
namespace {

using nlohmann::json;
using render::test::block_write;
using render::test::block_write_done;
using render::test::TraceBuilder;
using testing::HasSubstr;

// A block device's start, a page of memory at 0x40000 of which 16 bytes are missing, a write that stays open.
class State : public testing::Test {
  protected:
    State() {
        trace_.start_block_device();
        trace::MemoryRecord memory;
        memory.address = 0x40000;
        memory.content.add_literal(Bytes(16, std::byte{0x41}));
        memory.content.add_missing(16);
        memory.content.add_zeros(4064);
        memory_at_ = std::to_string(trace_.add(memory).sequence);
        chain_at_ = std::to_string(trace_.chain(block_write(3, 2048, 512)).sequence);
        done_at_ = std::to_string(trace_.chain(block_write_done(3, 0)).sequence);
        write_trace(path(), trace_.records);
    }
    [[nodiscard]] std::string path() const { return folder_.path("trace.pcap"); }
    [[nodiscard]] Outcome memory(const std::string& options) const {
        return run("memory " + path() + " --at " + done_at_ + " " + options);
    }

    Folder folder_;
    TraceBuilder trace_;
    std::string memory_at_, chain_at_, done_at_;
};

TEST_F(State, InfoSaysWhatTheTraceHolds) {
    const Outcome text = run("info " + path());
    EXPECT_EQ(text.status, 0) << text.errors;
    EXPECT_THAT(text.output, HasSubstr("session 1"));
    EXPECT_THAT(text.output, HasSubstr("VERSION_1"));
    const Outcome object = run("info --json " + path());
    EXPECT_EQ(object.status, 0);
    EXPECT_EQ(json::parse(object.output)["sessions"][0]["queues"][0]["chains_used"], 1);
}

TEST_F(State, InfoOfATornTraceWarns) {
    std::filesystem::resize_file(path(), std::filesystem::file_size(path()) - 1);
    const Outcome outcome = run("info " + path());
    EXPECT_EQ(outcome.status, 0);
    EXPECT_THAT(outcome.errors, HasSubstr("torn"));
    EXPECT_EQ(run("info " + folder_.path("missing")).status, 3);
}

TEST_F(State, StatsCountWhatHappenedOnTheQueues) {
    const Outcome text = run("stats " + path());
    EXPECT_EQ(text.status, 0) << text.errors;
    EXPECT_THAT(text.output, HasSubstr("1 made available, 1 used"));
    const Outcome object = run("stats --json --device blk " + path());
    EXPECT_EQ(object.status, 0);
    const json queue = json::parse(object.output)["sessions"][0]["queues"][0];
    ASSERT_EQ(queue["requests"].size(), 1U);
    EXPECT_EQ(queue["requests"][0]["request"], "OUT");
    EXPECT_EQ(queue["latency"]["count"], 1);
    const json filtered = json::parse(run("stats --json --filter 'queue == 1' " + path()).output);
    EXPECT_EQ(filtered["sessions"][0]["queues"][0]["chains_used"], 0);
    EXPECT_EQ(run("stats --filter 'queue ==' " + path()).status, 2);
    EXPECT_EQ(run("stats --device toaster " + path()).status, 2);
    EXPECT_EQ(run("stats " + folder_.path("missing")).status, 3);
}

TEST_F(State, StatsOfATornTraceWarn) {
    std::filesystem::resize_file(path(), std::filesystem::file_size(path()) - 1);
    const Outcome outcome = run("stats " + path());
    EXPECT_EQ(outcome.status, 0);
    EXPECT_THAT(outcome.errors, HasSubstr("torn"));
}

TEST_F(State, RingsShowAChainWhileItIsOpen) {
    const Outcome open = run("rings " + path() + " --at " + chain_at_ + " --json");
    ASSERT_EQ(open.status, 0) << open.errors;
    const json ring = json::parse(open.output);
    ASSERT_EQ(ring["open"].size(), 1U);
    EXPECT_EQ(ring["open"][0]["head"], 3);
    EXPECT_EQ(ring["open"][0]["descriptors"][0]["address"], "0x10000");
    const Outcome before = run("rings " + path() + " --at " + memory_at_);
    EXPECT_THAT(before.output, HasSubstr("unknown"));
    const Outcome after = run("rings " + path() + " --queue 0 --at " + done_at_);
    EXPECT_THAT(after.output, HasSubstr("no open chain"));
}

TEST_F(State, RingsSayWhatIsNotThere) {
    EXPECT_EQ(run("rings " + path()).status, 2);
    for (const std::string options : {"--at 0", "--at 999999", "--at 12 --queue 7", "--at 12 --session 9"}) {
        const Outcome outcome = run("rings " + path() + " " + options);
        EXPECT_EQ(outcome.status, 2) << options;
        EXPECT_NE(outcome.errors, "") << options;
    }
}

TEST_F(State, ARecordBehindATearIsNotThere) {
    std::filesystem::resize_file(path(), std::filesystem::file_size(path()) - 1);
    for (const std::string command : {"rings", "memory --address 0 --length 1"}) {
        const Outcome outcome = run(command + " --at " + done_at_ + " " + path());
        EXPECT_EQ(outcome.status, 2) << command;
        EXPECT_THAT(outcome.errors, HasSubstr("and is torn behind them")) << command;
    }
}

TEST_F(State, NamesTheSessionsAndQueuesThereAre) {
    for (const std::string command : {"rings", "memory --address 0 --length 1"}) {
        const Outcome outcome = run(command + " --session 9 --at " + done_at_ + " " + path());
        EXPECT_EQ(outcome.status, 2) << command;
        EXPECT_THAT(outcome.errors, HasSubstr("the sessions there are 1\n")) << command;
    }
    const Outcome queue = run("rings --queue 7 --at " + done_at_ + " " + path());
    EXPECT_EQ(queue.status, 2);
    EXPECT_THAT(queue.errors, HasSubstr("no queue 7 of session 1 up to record " + done_at_));
    EXPECT_THAT(queue.errors, HasSubstr("the queues there are 0\n"));
}

TEST_F(State, MemoryShowsKnownBytes) {
    const Outcome outcome = memory("--address 0x40000 --length 16");
    EXPECT_EQ(outcome.status, 0) << outcome.errors;
    EXPECT_EQ(split_lines(outcome.output)[0],
              "00040000  41 41 41 41 41 41 41 41  41 41 41 41 41 41 41 41  |AAAAAAAAAAAAAAAA|");
}

TEST_F(State, MemoryShowsUnknownBytesAsUnknown) {
    const Outcome outcome = memory("--address 262144 --length 4k");
    EXPECT_EQ(outcome.status, 1);
    EXPECT_THAT(outcome.output, HasSubstr("00040010  -- -- "));
    EXPECT_THAT(outcome.errors, HasSubstr("16 of 4096 bytes"));
    const json object = json::parse(memory("--address 0x40000 --length 48 --json").output);
    EXPECT_EQ(object["unknown"], 16);
    ASSERT_EQ(object["runs"].size(), 3U);
    EXPECT_EQ(object["runs"][1]["known"], false);
    EXPECT_EQ(object["runs"][2]["bytes"], std::string(32, '0'));
}

TEST_F(State, MemoryWritesAFileOnlyWhereAllIsKnownOrToldHowToFill) {
    const std::string out = folder_.path("out.bin");
    EXPECT_EQ(memory("--address 0x40000 --length 32 -o " + out).status, 3);
    EXPECT_FALSE(std::filesystem::exists(out));
    EXPECT_EQ(memory("--address 0x40000 --length 32 --fill-unknown 255 -o " + out).status, 1);
    EXPECT_EQ(read_file(out), std::string(16, 'A') + std::string(16, '\xff'));
    EXPECT_EQ(memory("--address 0x40000 --length 16 -o " + out).status, 0);
    EXPECT_EQ(read_file(out), std::string(16, 'A'));
    EXPECT_EQ(std::filesystem::status(out).permissions() & std::filesystem::perms::all,
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    EXPECT_EQ(memory("--address 0 --length 16 --fill-unknown 0 -o " + folder_.path("no/such/folder")).status, 4);
}

// Visiting each byte would take hours.
TEST_F(State, MemoryTakesARangeAsLongAsTheAddressSpace) {
    for (const std::string length : {"16T", "0xffffffffffffffff"}) {
        const Outcome text = memory("--address 0 --length " + length);
        EXPECT_EQ(text.status, 1) << text.errors;
        EXPECT_THAT(text.output, HasSubstr("00040000  41 41 41 41"));
        EXPECT_THAT(text.output, HasSubstr("\n*\n"));
        EXPECT_LT(split_lines(text.output).size(), 100U);
    }
    const json object = json::parse(memory("--address 0x20000 --length 16T --json").output);
    EXPECT_EQ(object["length"], std::uint64_t{16} << 40U);
    std::uint64_t all = 0;
    std::uint64_t unknown = 0;
    for (const json& run : object["runs"]) {
        all += run["length"].get<std::uint64_t>();
        unknown += run["known"] ? 0 : run["length"].get<std::uint64_t>();
    }
    EXPECT_EQ(all, object["length"]);
    EXPECT_EQ(unknown, object["unknown"]);
    EXPECT_LT(object["runs"].size(), 100U);
}

TEST_F(State, MemoryShowsPagesOfZerosAsSuch) {
    trace::MemoryRecord zeros;
    zeros.address = 0x10000000000;
    zeros.content.add_zeros(std::uint64_t{64} << 30U);
    const std::string at = std::to_string(trace_.add(zeros).sequence);
    write_trace(path(), trace_.records);
    const std::string where = "memory " + path() + " --at " + at + " --address 0x10000000000 --length 64G";
    const Outcome text = run(where);
    EXPECT_EQ(text.status, 0) << text.errors;
    EXPECT_EQ(split_lines(text.output).size(), 3U) << text.output;
    const json object = json::parse(run(where + " --json").output);
    ASSERT_EQ(object["runs"].size(), 1U);
    EXPECT_EQ(object["runs"][0]["zeros"], true);
    const std::string out = folder_.path("sparse.bin");
    EXPECT_EQ(run(where + " -o " + out).status, 0);
    EXPECT_EQ(std::filesystem::file_size(out), std::uint64_t{64} << 30U);
    struct stat status {};
    ASSERT_EQ(::stat(out.c_str(), &status), 0);
    EXPECT_LT(status.st_blocks, 100) << "a hole";
}

TEST_F(State, MemoryLeavesHolesForWhatItFillsWithZeros) {
    const std::string out = folder_.path("sparse.bin");
    const Outcome holes = memory("--address 0x40000 --length 1T --fill-unknown 0 -o " + out);
    EXPECT_EQ(holes.status, 1) << holes.errors;
    EXPECT_EQ(std::filesystem::file_size(out), std::uint64_t{1} << 40U);
    struct stat status {};
    ASSERT_EQ(::stat(out.c_str(), &status), 0);
    EXPECT_LT(status.st_blocks, 100);
    std::ifstream file(out, std::ios::binary);
    std::string begin(17, 'x');
    file.read(begin.data(), 17);
    EXPECT_EQ(begin, std::string(16, 'A') + std::string(1, '\0'));

    const Outcome refused = memory("--address 0x40000 --length 1T --fill-unknown 255 -o " + out);
    EXPECT_EQ(refused.status, 2);
    EXPECT_THAT(refused.errors, HasSubstr("--fill-unknown 0 leaves holes"));
    EXPECT_EQ(std::filesystem::file_size(out), std::uint64_t{1} << 40U) << "as it was";
    const Outcome piped = memory("--address 0x40000 --length 8k --fill-unknown 255 -o /dev/stdout | wc -c");
    EXPECT_EQ(split_lines(piped.output)[0], "8192");
}

TEST_F(State, MemoryRefusesWhatIsNoRange) {
    for (const std::string options :
         {"--address x --length 1", "--address 0 --length 0", "--address 0 --length -1", "--address 0 --length 1q",
          "--address 0xffffffffffffffff --length 2", "--address 0 --length 99999999999T", "--address 0x --length 1",
          "--address 0 --length 1 --fill-unknown 0", "--address 0"}) {
        EXPECT_EQ(memory(options).status, 2) << options;
    }
}

}  // namespace
}  // namespace vutrace::cli::test
