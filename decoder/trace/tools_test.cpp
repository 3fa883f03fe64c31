// Traces in the hands of other tools: Wireshark's command line programs read, merge and cut them.
#include "test_support.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>

namespace vutrace::trace {
namespace {

struct Outcome {
    int status{-1};
    std::string output;
};

Outcome run(const std::string& command) {
    Outcome outcome;
    std::FILE* pipe = ::popen((command + " 2>&1").c_str(), "re");
    if (pipe == nullptr) {
        return outcome;
    }
    std::array<char, 4096> piece{};
    for (std::size_t count = 0; (count = std::fread(piece.data(), 1, piece.size(), pipe)) != 0;) {
        outcome.output.append(piece.data(), count);
    }
    const int status = ::pclose(pipe);
    outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return outcome;
}

class ToolsTest : public testing::Test {
  protected:
    void SetUp() override {
        if (run("command -v tshark && command -v capinfos && command -v mergecap && command -v editcap").status != 0) {
            GTEST_SKIP() << "MISSING PEER: tshark, capinfos, mergecap and editcap (Debian package tshark)";
        }
        bodies_.push_back(NoteRecord{NoteRecord::Severity::info, 1, std::string(300'000, 'f')});
        test::write_trace(trace(), bodies_);
        const auto contents = test::read_trace(trace());
        packets_ = contents.records.size() + 1;  // the last record has two
    }
    [[nodiscard]] std::string trace() const { return folder_.file("trace.pcap"); }
    [[nodiscard]] std::string other() const { return folder_.file("other.pcap"); }
    void expect_all_records(const std::string& path) const {
        const auto contents = test::read_trace(path);
        ASSERT_EQ(contents.records.size(), bodies_.size());
        for (std::size_t i = 0; i < bodies_.size(); ++i) {
            EXPECT_TRUE(contents.records[i].body == bodies_[i]) << i;
        }
        EXPECT_FALSE(contents.problems.torn);
    }

    test::TemporaryFolder folder_;
    std::vector<RecordBody> bodies_{test::sample_bodies()};
    std::size_t packets_{0};
};

TEST_F(ToolsTest, CapinfosKnowsTheLinkTypeAndEveryPacket) {
    const Outcome outcome = run("capinfos -M -E -c -t " + trace());
    ASSERT_EQ(outcome.status, 0) << outcome.output;
    EXPECT_NE(outcome.output.find("nsecpcap"), std::string::npos) << outcome.output;
    EXPECT_NE(outcome.output.find("wireshark-upper-pdu"), std::string::npos) << outcome.output;
    EXPECT_NE(outcome.output.find("packets:   " + std::to_string(packets_)), std::string::npos) << outcome.output;
}

TEST_F(ToolsTest, TsharkReadsTheDissectorsNameInEveryPacket) {
    const Outcome outcome = run("tshark -r " + trace() + " -T fields -e exported_pdu.prot_name | grep -cx vutrace");
    EXPECT_EQ(outcome.output, std::to_string(packets_) + "\n");
}

TEST_F(ToolsTest, ReadsWhatMergecapMakesOfATraceAndOtherTraffic) {
    Bytes file = test::raw_file_header();
    test::append_packet(file, test::pattern(60), 1'600'000'000);
    test::append_packet(file, test::pattern(60), 1'900'000'000);
    test::write_file(other(), file);
    for (const std::string format : {"nsecpcap", "pcapng"}) {
        const std::string merged = folder_.file("merged");
        const Outcome outcome = run("mergecap -F " + format + " -w " + merged + " " + trace() + " " + other());
        ASSERT_EQ(outcome.status, 0) << outcome.output;
        expect_all_records(merged);
        EXPECT_EQ(test::read_trace(merged).problems.foreign_packets, 2U);
        const auto contents = test::read_trace(merged);
        auto reader = Reader::open(merged);
        ASSERT_TRUE(reader);
        while (reader->next().value()) {
        }
        ASSERT_TRUE(reader->seek(contents.positions[5]));
        EXPECT_TRUE(*reader->next().value() == contents.records[5]) << "seeking in " << format;
    }
}

TEST_F(ToolsTest, ReadsWhatEditcapCutsOut) {
    const std::string cut = folder_.file("cut.pcap");
    const Outcome outcome = run("editcap -F nsecpcap -r " + trace() + " " + cut + " 3-5");
    ASSERT_EQ(outcome.status, 0) << outcome.output;
    const auto contents = test::read_trace(cut);
    ASSERT_EQ(contents.records.size(), 3U);
    EXPECT_TRUE(contents.records[0].body == bodies_[2]);
    EXPECT_EQ(contents.records[0].time, test::start_time + 2000);
}

}  // namespace
}  // namespace vutrace::trace
