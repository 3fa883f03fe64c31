#include "render_fixture.h"

#include <vutrace/render/statistics.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace vutrace::render::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

class StatisticsText : public testing::Test {
  protected:
    // Two writes that take 1 µs and one that takes as long as it is told.
    void record(std::int64_t slow) {
        trace_.start_block_device();
        trace_.add(trace::EventRecord{trace::EventRecord::Kind::kick, 0, 1});
        for (std::uint16_t i = 0; i < 3; ++i) {
            trace_.chain(block_write(static_cast<std::uint16_t>(3 * i), 2048, 512));
            trace::Record& done = trace_.chain(block_write_done(static_cast<std::uint16_t>(3 * i), 0));
            done.time += i == 2 ? slow : 0;
        }
        for (const trace::Record& record : trace_.records) {
            statistics_.add(annotator_.annotate(record), annotator_.tracker());
        }
        statistics_.finish();
    }
    std::string text() {
        std::string out;
        EXPECT_TRUE(append_statistics_text(out, statistics_, Style(false), [] { return Status(); }));
        return out;
    }
    json object() {
        std::string out;
        EXPECT_TRUE(append_statistics_json(out, statistics_, [] { return Status(); }));
        EXPECT_EQ(out.back(), '\n');
        return json::parse(out);
    }

    TraceBuilder trace_;
    explain::Annotator annotator_{2U};
    statistics::Statistics statistics_;
};

TEST_F(StatisticsText, ShowsLatenciesByRequestAndTheirHistogram) {
    record(1'000'000);
    EXPECT_THAT(text(), HasSubstr("session 1: blk"));
    EXPECT_THAT(text(), HasSubstr("3 made available, 3 used"));
    EXPECT_THAT(text(), HasSubstr("1 sent"));
    EXPECT_THAT(text(), HasSubstr("  OUT "));
    EXPECT_THAT(text(), HasSubstr("largest"));
    EXPECT_THAT(text(), HasSubstr("1 ████"));
    EXPECT_THAT(text(), Not(HasSubstr("lost")));
}

TEST_F(StatisticsText, TellsNoTimeOfWhatOneLookSawAvailableAndUsed) {
    trace_.start_block_device();
    trace::ChainEntry offered = block_write(0, 2048, 512);
    trace::ChainEntry done = block_write_done(0, 0);
    trace_.add(trace::ChainRecord{0, {}, {offered, done}});
    for (const trace::Record& record : trace_.records) {
        statistics_.add(annotator_.annotate(record), annotator_.tracker());
    }
    statistics_.finish();
    EXPECT_THAT(text(), HasSubstr("not timed             1 of 1 chain: not seen before being used"));
    EXPECT_THAT(text(), HasSubstr("  OUT "));
    EXPECT_THAT(text(), Not(HasSubstr("0ns")));
    EXPECT_EQ(object()["sessions"][0]["queues"][0]["latency"]["count"], 0);
}

TEST_F(StatisticsText, OfATraceWithoutQueuesIsEmpty) {
    EXPECT_EQ(text(), "");
    EXPECT_EQ(object(), json({{"sessions", json::array()}}));
}

TEST_F(StatisticsText, JsonHasTheDistributionsAsNumbers) {
    record(5'000'000);
    const json session = object()["sessions"][0];
    EXPECT_EQ(session["device"]["name"], "blk");
    const json queue = session["queues"][0];
    EXPECT_EQ(queue["chains_used"], 3);
    EXPECT_EQ(queue["kicks"]["sent"], 1);
    EXPECT_EQ(queue["requests"][0]["request"], "OUT");
    const json& latency = queue["latency"];
    EXPECT_EQ(latency["count"], 3);
    EXPECT_GE(latency["largest"], 5'000'000);
    EXPECT_LT(latency["p50"], 1'000'000);
    EXPECT_EQ(latency["p99"], latency["largest"]);
    std::uint64_t counted = 0;
    for (const json& bucket : latency["histogram"]) {
        EXPECT_LE(bucket[0], bucket[1]);
        counted += bucket[2].get<std::uint64_t>();
    }
    EXPECT_EQ(counted, 3U);
}

TEST_F(StatisticsText, AFailedFlushEndsTheWork) {
    record(0);
    std::string out;
    const auto refuse = [] { return Status(fail(ErrorCode::peer_closed, "gone")); };
    EXPECT_EQ(append_statistics_text(out, statistics_, Style(false), refuse).error().code, ErrorCode::peer_closed);
    EXPECT_EQ(append_statistics_json(out, statistics_, refuse).error().code, ErrorCode::peer_closed);
}

}  // namespace
}  // namespace vutrace::render::test
