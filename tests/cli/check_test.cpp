#include "program.h"

#include <vutrace/check/finding.h>
#include <vutrace/session/testing/session_builder.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <functional>

namespace vutrace::cli::test {
namespace {

using nlohmann::json;
using protocol::FrontEndRequest;
using session::testing::BlockSession;
using session::testing::SessionBuilder;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

constexpr std::uint32_t bad_flags = protocol::version_1 | 0x100;  // VU002, an error
constexpr auto unknown = static_cast<FrontEndRequest>(999);       // VU016, a warning

class Check : public testing::Test {
  protected:
    // What is wrong with a session comes first: its record has number 2.
    void write_with(const std::function<void(SessionBuilder&)>& fault) {
        SessionBuilder session;
        session.add(trace::SessionRecord{trace::SessionRecord::Kind::opened, {}});
        fault(session);
        write_trace(path(), session.records());
    }
    void write_faulty(std::uint32_t faults = 1) {
        write_with([faults](SessionBuilder& session) {
            for (std::uint32_t i = 0; i < faults; ++i) {
                session.message(Side::front_end, FrontEndRequest::SET_OWNER, bad_flags, {});
            }
            session.request(unknown);
        });
    }
    [[nodiscard]] std::string path() const { return folder_.path("trace.pcap"); }
    [[nodiscard]] Outcome check(const std::string& options) const { return run("check " + path() + " " + options); }

    Folder folder_;
};

TEST_F(Check, FindsNothingInAHealthySession) {
    SessionBuilder session;
    BlockSession::start(session);
    BlockSession::stop_queue(session, 0, 0);
    session.add(trace::SessionRecord{trace::SessionRecord::Kind::closed, {}});
    write_trace(path(), session.records());
    EXPECT_EQ(check("").output, "no findings\n");
    EXPECT_EQ(check("").status, 0);
    EXPECT_EQ(check("--json").output, "");
    EXPECT_EQ(check("--json").status, 0);
}

TEST_F(Check, PrintsALineForEachFindingAndASummary) {
    write_faulty();
    const Outcome outcome = check("--rule VU002,16");
    EXPECT_EQ(outcome.status, 1);
    EXPECT_EQ(outcome.errors, "");
    const auto lines = split_lines(outcome.output);
    ASSERT_EQ(lines.size(), 3U) << outcome.output;
    EXPECT_THAT(lines[0], AllOf(HasSubstr("     2     0.000001000  #1"), HasSubstr("error  VU002  front-end: ")));
    EXPECT_THAT(lines[1], AllOf(HasSubstr("     3     0.000002000  #1"), HasSubstr("warn   VU016  front-end: ")));
    EXPECT_EQ(lines[2], "1 error, 1 warning in 1 session");
}

TEST_F(Check, PrintsAnObjectForEachFinding) {
    write_faulty();
    const Outcome outcome = check("--json --rule 2");
    EXPECT_EQ(outcome.status, 1);
    const json object = json::parse(outcome.output);
    EXPECT_EQ(object["rule"], "VU002");
    EXPECT_EQ(object["severity"], "error");
    EXPECT_EQ(object["violator"], "front-end");
    EXPECT_EQ(object["session"], 1);
    EXPECT_EQ(object["seq"], 2);
    EXPECT_THAT(std::string(object["text"]), HasSubstr("0x100"));
    EXPECT_THAT(std::string(object["section"]), HasSubstr("vhost-user"));
    EXPECT_FALSE(object.contains("queue"));
}

TEST_F(Check, FoldsRepeatsInTextOnly) {
    write_faulty(2003);
    const Outcome text = check("--rule VU002");
    EXPECT_EQ(split_lines(text.output).size(), 5U);
    EXPECT_THAT(text.output, HasSubstr("… 2,000 more like this; --json has them all\n2003 errors in 1 session\n"));
    EXPECT_EQ(split_lines(check("--rule VU002 --json").output).size(), 2003U);
}

TEST_F(Check, JudgesOnlyByWhatIsAskedFor) {
    write_faulty();
    EXPECT_EQ(split_lines(check("--rule 2 --rule vu016 --json").output).size(), 2U);
    EXPECT_EQ(split_lines(check("--rule 2,16 --severity error --json").output).size(), 1U);
    EXPECT_EQ(split_lines(check("--rule 2,16 --severity warn --json").output).size(), 2U);
    EXPECT_EQ(check("--rule 16 --severity error").output, "no findings\n");
    EXPECT_EQ(check("--rule 16 --severity error").status, 0);
    EXPECT_EQ(check("--rule 5").output, "no findings\n");
}

TEST_F(Check, ANoteAloneIsNoFailure) {
    // QEMU asks for an acknowledgement in IOTLB messages whatever was negotiated: VU010, a note.
    write_with([](SessionBuilder& session) {
        session.request_with_reply(FrontEndRequest::SET_PROTOCOL_FEATURES, protocol::serialise_u64(0));
    });
    const Outcome outcome = check("--rule 10");
    EXPECT_EQ(split_lines(outcome.output).size(), 2U);
    EXPECT_THAT(outcome.output, HasSubstr("1 note in 1 session\n"));
    EXPECT_EQ(outcome.status, 0);
}

TEST_F(Check, KeepsToOneSession) {
    SessionBuilder first(1);
    first.message(Side::front_end, FrontEndRequest::SET_OWNER, bad_flags, {});
    SessionBuilder second(2);
    second.request(unknown);
    auto records = first.records();
    records.insert(records.end(), second.records().begin(), second.records().end());
    write_trace(path(), records);
    EXPECT_EQ(json::parse(check("--rule 2,16 --session 1 --json").output)["rule"], "VU002");
    EXPECT_EQ(json::parse(check("--rule 2,16 --session 2 --json").output)["rule"], "VU016");
    EXPECT_EQ(check("--session 3").status, 2);
    EXPECT_THAT(check("--rule 2,16").output, HasSubstr("in 2 sessions"));
}

TEST_F(Check, ShowsOnlyFindingsAtRecordsThatMatchAFilter) {
    write_faulty();
    const Outcome warning = check("--rule 2,16 --filter 'request == UNKNOWN'");
    EXPECT_EQ(warning.status, 1);
    ASSERT_EQ(split_lines(warning.output).size(), 2U) << warning.output;
    EXPECT_THAT(warning.output,
                AllOf(HasSubstr("VU016"), HasSubstr("1 warning in 1 session; the filter leaves out 1\n")));
    EXPECT_EQ(json::parse(check("--rule 2,16 --json --filter 'seq < 3'").output)["rule"], "VU002");
    EXPECT_EQ(check("--rule 2,16 --filter 'seq > 0'").output, check("--rule 2,16").output);
    EXPECT_EQ(check("--rule 2,16 --filter ''").output, check("--rule 2,16").output);
}

TEST_F(Check, FailsOnlyWithFindingsThatTheFilterShows) {
    write_faulty();
    const Outcome outcome = check("--rule 2,16 --filter 'record == chain'");
    EXPECT_EQ(outcome.status, 0);
    EXPECT_EQ(outcome.output, "no findings; the filter leaves out 2\n");
    EXPECT_EQ(check("--rule 2,16 --json --filter 'record == chain'").output, "");
}

TEST_F(Check, JudgesRecordsThatTheFilterLeavesOut) {
    // That the second chain offers a head which is in flight is known from the first one only.
    write_with([](SessionBuilder& session) {
        session.message(Side::front_end, FrontEndRequest::SET_OWNER, bad_flags, {});
        BlockSession::start(session);
        session.chains(0, {BlockSession::write_request(0, 0, 8, 0x10000, Bytes(512)),
                           BlockSession::write_request(0, 1, 8, 0x20000, Bytes(512))});
    });
    const auto all = split_lines(check("--json").output);
    const auto filtered = split_lines(check("--json --filter 'index == 1'").output);
    ASSERT_FALSE(filtered.empty());
    EXPECT_LT(filtered.size(), all.size());
    for (const std::string& line : filtered) {
        EXPECT_THAT(all, Contains(line));
        EXPECT_EQ(json::parse(line)["seq"], json::parse(filtered.front())["seq"]);
    }
}

TEST_F(Check, FiltersStallVerdictsByTheRecordThatWaits) {
    write_with([](SessionBuilder& session) {
        session.request(FrontEndRequest::GET_FEATURES);
        session.pass(5'000'000'000);
        session.add(trace::NoteRecord{trace::NoteRecord::Severity::info, trace::no_queue, "still here"});
    });
    EXPECT_EQ(json::parse(check("--rule STALL001 --json --filter 'request == GET_FEATURES'").output)["seq"], 2);
    EXPECT_EQ(check("--rule STALL001 --filter 'record == note'").status, 0);
}

TEST_F(Check, ShowsWhereAFilterIsWrong) {
    write_faulty();
    const Outcome outcome = check("--filter 'quue == 3'");
    EXPECT_EQ(outcome.status, 2);
    EXPECT_THAT(outcome.errors, AllOf(HasSubstr("no field \"quue\""), HasSubstr("did you mean \"queue\"?")));
    EXPECT_THAT(run("check --filter help").output, HasSubstr("inflight.queues.heads"));
}

TEST_F(Check, JudgesAsIfTheTraceEndedAtARecord) {
    write_faulty();
    EXPECT_EQ(check("--rule 2,16 --at 1").output, "no findings\n");
    EXPECT_EQ(split_lines(check("--rule 2,16 --at 2 --json").output).size(), 1U);
    EXPECT_EQ(split_lines(check("--rule 2,16 --at 3 --json").output).size(), 2U);
    EXPECT_EQ(check("--at 0").status, 2);
    const Outcome beyond = check("--at 4");
    EXPECT_EQ(beyond.status, 2);
    EXPECT_THAT(beyond.errors, HasSubstr("no record 4: the trace has 3"));
}

TEST_F(Check, ExplainsARule) {
    const Outcome text = run("check --explain 2");
    EXPECT_EQ(text.status, 0) << text.errors;
    EXPECT_THAT(text.output, AllOf(HasSubstr("VU002"), HasSubstr("error"), HasSubstr("Specification: ")));
    const json object = json::parse(run("check --explain VU002 --json").output);
    EXPECT_EQ(object["rule"], "VU002");
    EXPECT_EQ(object["checked"], true);
    EXPECT_EQ(run("check --explain VU999").status, 2);
}

TEST_F(Check, ListsEveryRule) {
    const Outcome text = run("check --list");
    EXPECT_EQ(text.status, 0);
    EXPECT_EQ(split_lines(text.output).size(), check::rules().size());
    const auto lines = split_lines(run("check --list --json").output);
    ASSERT_EQ(lines.size(), check::rules().size());
    for (std::size_t i = 0; i < lines.size(); ++i) {
        EXPECT_EQ(json::parse(lines[i])["rule"], check::rules()[i].id);
    }
}

TEST_F(Check, SaysWhatIsWrongWithItsOptions) {
    write_faulty();
    for (const std::string options :
         {"--rule VU999", "--rule ''", "--severity bad", "--session x", "--session 0", "--at x", "--at 0", "--at -1",
          "--at 999", "--device toaster", "--list", "--explain 2", "--no-such-option"}) {
        const Outcome outcome = check(options);
        EXPECT_EQ(outcome.status, 2) << options;
        EXPECT_NE(outcome.errors, "") << options;
        EXPECT_EQ(outcome.output, "") << options;
    }
    EXPECT_EQ(run("check").status, 2);
}

TEST_F(Check, ARuleDoesNotTakeTheFileBehindIt) {
    write_faulty();
    for (const std::string options : {"--rule VU002", "--rule=VU002", "--rule VU002,VU001", "--rule 2 --rule 1"}) {
        const Outcome outcome = run("check " + options + " " + path());
        EXPECT_EQ(outcome.status, 1) << options << outcome.errors;
    }
}

TEST_F(Check, RefusesWhatIsNoTrace) {
    EXPECT_EQ(run("check " + folder_.path("missing")).status, 3);
}

TEST_F(Check, JudgesWhatIsWholeOfATornTrace) {
    write_faulty();
    std::filesystem::resize_file(path(), std::filesystem::file_size(path()) - 1);
    const Outcome outcome = check("--rule 2,16");
    EXPECT_EQ(outcome.status, 1);
    EXPECT_THAT(outcome.output, AllOf(HasSubstr("VU002"), Not(HasSubstr("VU016"))));
    EXPECT_THAT(outcome.errors, HasSubstr("torn"));
}

TEST_F(Check, EndsQuietlyWhenItsReaderGoesAwayAndFailsOnAFullDisk) {
    write_faulty(5000);
    const Outcome outcome = run("check --json " + path() + " | head -n 1");
    EXPECT_EQ(outcome.errors, "");
    EXPECT_EQ(check(">/dev/full").status, 4);
}

}  // namespace
}  // namespace vutrace::cli::test
