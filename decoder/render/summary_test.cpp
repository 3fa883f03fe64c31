#include "render_fixture.h"

#include <vutrace/render/summary.h>
#include <vutrace/session/testing/session_builder.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace vutrace::render::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class SummaryTest : public testing::Test {
  protected:
    void take(const TraceBuilder& trace, const trace::ReadProblems& problems = {}) {
        for (const trace::Record& record : trace.records) {
            summary_.add(annotator_.annotate(record), annotator_.tracker());
        }
        summary_.set_file("some.pcap", 1234, problems);
    }
    json as_json() {
        std::string text;
        EXPECT_TRUE(append_summary_json(text, summary_, annotator_, [] { return Status(); }));
        return json::parse(text);
    }
    std::string as_text() {
        std::string text;
        EXPECT_TRUE(append_summary_text(text, summary_, annotator_, Style(false), [] { return Status(); }));
        return text;
    }

    explain::Annotator annotator_;
    Summary summary_;
};

TEST_F(SummaryTest, CountsWhatASessionHolds) {
    TraceBuilder trace;
    trace.start_block_device();
    trace.add(trace::EventRecord{trace::EventRecord::Kind::kick, 0, 1});
    trace.chain(block_write(3, 0, 512));
    trace.chain(block_write_done(3, 0));
    trace.add(trace::SessionRecord{trace::SessionRecord::Kind::closed, {{"reason", "hang-up"}}});
    take(trace);
    const json session = as_json()["sessions"][0];
    EXPECT_EQ(session["queues"][0]["size"], 16);
    EXPECT_EQ(session["queues"][0]["chains_used"], 1);
    EXPECT_EQ(session["queues"][0]["content"]["verified"], 2);
    EXPECT_EQ(session["regions"][0]["size"], 1U << 20U);
    EXPECT_EQ(session["features"]["value"], "0x140000046");
    EXPECT_EQ(session["content_bytes"], 16 + 512 + 1);
    EXPECT_EQ(session["closed"]["reason"], "hang-up");
    EXPECT_EQ(session["ended"], true);
    const std::string text = as_text();
    EXPECT_THAT(text, HasSubstr("VERSION_1"));
    EXPECT_THAT(text, HasSubstr("1 available, 1 used, 0 open, 0 lost  1 kick, 0 calls"));
    EXPECT_THAT(text, HasSubstr("reason=hang-up"));
    EXPECT_THAT(text, HasSubstr("nothing recorded as lost"));
}

TEST_F(SummaryTest, SaysWhichSessionAnotherOneContinues) {
    TraceBuilder trace;
    const auto connect = [&trace](std::uint32_t session) {
        trace.add(trace::SessionRecord{trace::SessionRecord::Kind::opened, {{"front-end.pid", "100"}}}, session);
        trace::MessageRecord region;
        region.bytes = session::testing::message_bytes(
            static_cast<std::uint32_t>(protocol::FrontEndRequest::ADD_MEM_REG), protocol::version_1,
            protocol::serialise_region({0, 4096, 0, 0, 0, 0}, false));
        region.descriptors.push_back({1, {}});
        region.descriptors.back().description.inode = 7;
        trace.add(region, session);
        if (session == 1) {
            trace.request(protocol::FrontEndRequest::NET_SET_MTU, protocol::serialise_u64(1500));
        }
        trace.add(trace::SessionRecord{trace::SessionRecord::Kind::closed, {}}, session);
    };
    connect(1);
    connect(2);
    take(trace);
    const json sessions = as_json()["sessions"];
    EXPECT_FALSE(sessions[0].contains("continues"));
    EXPECT_EQ(sessions[1]["continues"]["session"], 1);
    EXPECT_EQ(sessions[1]["continues"]["kind"], "reconnect");
    EXPECT_EQ(sessions[1]["device"]["name"], "net") << "as it was before";
    EXPECT_THAT(as_text(), HasSubstr("session 1 (reconnect): "));
    EXPECT_THAT(as_text(), HasSubstr("net (type 1): the session that this one continues is of that type"));
}

TEST_F(SummaryTest, AddsUpLossesByReason) {
    TraceBuilder trace;
    trace.add(trace::GapRecord{0, 3, 0, 10, "queue full"});
    trace.add(trace::GapRecord{1, 4, 1, 20, "queue full"});
    take(trace);
    const json gaps = as_json()["gaps"];
    ASSERT_EQ(gaps.size(), 1U);
    EXPECT_EQ(gaps[0],
              json::parse(R"({"reason":"queue full","count":2,"chains":7,"records":1,"bytes":30,"at_least":false})"));
    EXPECT_THAT(as_text(), HasSubstr("  7 chains, 1 record, 30 bytes: queue full"));
}

TEST_F(SummaryTest, SaysWhichLossesMayHaveBeenLarger) {
    TraceBuilder trace;
    trace.add(trace::GapRecord{0, 3, 0, 0, "ran ahead", true});
    trace.add(trace::GapRecord{0, 4, 0, 0, "ran ahead", false});
    trace.add(trace::GapRecord{1, 5, 0, 0, "ran ahead a little", false});
    take(trace);
    EXPECT_THAT(as_text(), HasSubstr("at least 7 chains, 0 records, 0 bytes: ran ahead"));
    EXPECT_THAT(as_text(), HasSubstr("  5 chains, 0 records, 0 bytes: ran ahead a little"));
    const json gaps = as_json()["gaps"];
    ASSERT_EQ(gaps.size(), 2U);
    EXPECT_EQ(gaps[0]["at_least"], true);
    EXPECT_EQ(gaps[1]["at_least"], false);
    const json queues = as_json()["sessions"][0]["queues"];
    ASSERT_EQ(queues.size(), 2U);
    EXPECT_EQ(queues[0]["chains_lost_at_least"], true);
    EXPECT_EQ(queues[1]["chains_lost_at_least"], false);
    EXPECT_THAT(as_text(), HasSubstr("at least 7 lost"));
}

TEST_F(SummaryTest, SaysWhereATraceIsTorn) {
    trace::ReadProblems problems;
    problems.torn = Error{ErrorCode::torn, "the file ends inside a record", 99, 0};
    problems.unknown_records = 2;
    take(TraceBuilder{}, problems);
    EXPECT_THAT(as_text(), HasSubstr("the file ends inside a record"));
    EXPECT_THAT(as_json()["reading"]["torn"], HasSubstr("99"));
    EXPECT_EQ(as_json()["reading"]["unknown_records"], 2);
}

TEST_F(SummaryTest, KeepsNotesAndSurvivesAnyText) {
    TraceBuilder trace;
    trace.add(trace::NoteRecord{trace::NoteRecord::Severity::warning, trace::no_queue, "odd \xff\x1b[2J"}, 0);
    take(trace);
    EXPECT_EQ(as_json()["notes"].size(), 1U);
    EXPECT_THAT(as_text(), HasSubstr("record 1: odd \\xff\\x1b[2J"));
}

}  // namespace
}  // namespace vutrace::render::test
