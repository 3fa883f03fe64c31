#include "program.h"
#include "render_fixture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>

namespace vutrace::cli::test {
namespace {

using nlohmann::json;
using render::test::block_write;
using render::test::block_write_done;
using render::test::TraceBuilder;
using testing::HasSubstr;
using testing::Not;

class Decode : public testing::Test {
  protected:
    Decode() {
        trace_.start_block_device();
        trace_.add(trace::EventRecord{trace::EventRecord::Kind::kick, 0, 1});
        trace_.chain(block_write(3, 2048, 4096));
        trace_.chain(block_write_done(3, 0));
        trace_.add(trace::EventRecord{trace::EventRecord::Kind::call, 1, 1});
        trace_.add(trace::SessionRecord{trace::SessionRecord::Kind::opened, {}}, 2);
        write_trace(path(), trace_.records);
    }
    [[nodiscard]] std::string path() const { return folder_.path("trace.pcap"); }
    [[nodiscard]] Outcome decode(const std::string& options) const { return run("decode " + path() + " " + options); }
    [[nodiscard]] std::vector<json> objects(const std::string& options) const {
        const Outcome outcome = decode("--json " + options);
        EXPECT_EQ(outcome.status, 0) << outcome.errors;
        std::vector<json> result;
        for (const std::string& line : split_lines(outcome.output)) {
            result.push_back(json::parse(line));
        }
        return result;
    }

    Folder folder_;
    TraceBuilder trace_;
};

TEST_F(Decode, PrintsAnObjectForEveryRecordInOrder) {
    const auto all = objects("");
    ASSERT_EQ(all.size(), trace_.records.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
        EXPECT_EQ(all[i]["seq"], i + 1);
        EXPECT_EQ(all[i]["time"], trace_.records[i].time);
    }
}

TEST_F(Decode, PrintsALineForEveryRecord) {
    const Outcome outcome = decode("");
    EXPECT_EQ(outcome.status, 0);
    EXPECT_EQ(split_lines(outcome.output).size(), trace_.records.size());
    EXPECT_EQ(outcome.errors, "");
    EXPECT_THAT(outcome.output, Not(HasSubstr("\x1b")));
}

TEST_F(Decode, DecodesBlockRequestsWhereTold) {
    const auto chains = objects("--device blk --record chain");
    ASSERT_EQ(chains.size(), 2U);
    EXPECT_EQ(chains[1]["request"]["type"], "OUT");
    EXPECT_EQ(chains[1]["request"]["status"], "OK");
    EXPECT_FALSE(objects("--device net --record chain")[0].contains("request"));
}

TEST_F(Decode, ShowsOnlyWhatIsAskedFor) {
    for (const json& object : objects("--record event,session")) {
        EXPECT_TRUE(object["record"] == "event" || object["record"] == "session");
    }
    const auto of_queue = objects("--queue 1");
    ASSERT_EQ(of_queue.size(), 1U);
    EXPECT_EQ(of_queue[0]["fd"], "call");
    EXPECT_EQ(objects("--queue 0 --record message").size(), 5U);
    EXPECT_EQ(objects("--session 2").size(), 1U);
    EXPECT_EQ(objects("--count 3").size(), 3U);
    EXPECT_EQ(objects("--record chain --count 1")[0]["state"], "available");
    EXPECT_TRUE(objects("--count 0").empty());
}

TEST_F(Decode, ShowsWhatTheFilterPicks) {
    EXPECT_EQ(objects("--filter 'queue == 1'").size(), 1U);
    EXPECT_EQ(objects("--filter 'record == message and queue == 0'").size(), 5U);
    EXPECT_EQ(objects("--filter 'queue == 0' --record message").size(), 5U) << "with the other choices";
    EXPECT_EQ(objects("--filter 'queue == 0' --record message --count 2").size(), 2U);
    EXPECT_EQ(objects("--filter 'request.type == OUT' --device blk").size(), 2U);
    EXPECT_EQ(objects("--filter ''").size(), trace_.records.size());
    EXPECT_TRUE(objects("--filter 'queue == 7'").empty());
}

TEST_F(Decode, ShowsWhereAFilterIsWrong) {
    const Outcome outcome = decode("--filter 'quue == 0'");
    EXPECT_EQ(outcome.status, 2);
    EXPECT_EQ(outcome.errors,
              "vutrace decode: error: no field \"quue\"\n  quue == 0\n  ^~~~ did you mean \"queue\"?\n");
    EXPECT_EQ(run("info " + path() + " --filter 'queue = 0'").status, 2);
}

TEST_F(Decode, ListsTheFilterLanguage) {
    for (const std::string command : {"decode", "info"}) {
        const Outcome outcome = run(command + " --filter help");
        EXPECT_EQ(outcome.status, 0);
        EXPECT_THAT(outcome.output, HasSubstr("payload.regions.memory_size *"));
        EXPECT_EQ(outcome.errors, "");
    }
}

TEST_F(Decode, FiltersTheSummary) {
    const auto summary = [&](const std::string& filter) {
        const Outcome outcome = run("info --json " + path() + " --filter '" + filter + "'");
        EXPECT_EQ(outcome.status, 0) << outcome.errors;
        return json::parse(outcome.output);
    };
    const json chains = summary("state == used");
    EXPECT_EQ(chains["records"], 1);
    EXPECT_EQ(chains["records_read"], trace_.records.size());
    ASSERT_EQ(chains["sessions"].size(), 1U);
    const json& session = chains["sessions"][0];
    EXPECT_EQ(session["records"], 1);
    EXPECT_EQ(session["queues"][0]["chains_used"], 1);
    EXPECT_EQ(session["queues"][0]["chains_available"], 0);
    EXPECT_EQ(session["queues"][0]["kicks"], 0);
    EXPECT_EQ(session["queues"][0]["size"], 16) << "what the session is, whatever is counted";
    EXPECT_EQ(session["features"]["value"], "0x140000046");
    EXPECT_TRUE(session["messages"].empty());
    EXPECT_TRUE(summary("queue == 7")["sessions"].empty());
    EXPECT_EQ(summary("")["records"], trace_.records.size());
    const Outcome text = run("info " + path() + " --filter 'state == used'");
    EXPECT_THAT(text.output, HasSubstr("state == used"));
    EXPECT_THAT(text.output, HasSubstr("1 of " + std::to_string(trace_.records.size()) + " match"));
    EXPECT_THAT(text.output, HasSubstr("0 available, 1 used"));
}

TEST_F(Decode, ColoursOnlyWhereAsked) {
    EXPECT_THAT(decode("--color always").output, HasSubstr("\x1b["));
    EXPECT_THAT(decode("--color never").output, Not(HasSubstr("\x1b[")));
    const Outcome outcome = run("decode --color always " + path(), "NO_COLOR=1");
    EXPECT_THAT(outcome.output, HasSubstr("\x1b[")) << "an explicit option wins";
}

TEST_F(Decode, PrintsWhatIsWholeOfATornTrace) {
    const auto size = std::filesystem::file_size(path());
    std::filesystem::resize_file(path(), size - 3);
    const Outcome outcome = decode("--json");
    EXPECT_EQ(outcome.status, 0);
    EXPECT_EQ(split_lines(outcome.output).size(), trace_.records.size() - 1);
    EXPECT_THAT(outcome.errors, HasSubstr("torn"));
    EXPECT_EQ(split_lines(outcome.errors).size(), 1U);
}

TEST_F(Decode, RefusesWhatIsNoTrace) {
    std::ofstream(folder_.path("text")) << std::string(1000, 'x');
    std::ofstream(folder_.path("empty")).flush();
    for (const std::string name : {"text", "empty", "missing"}) {
        const Outcome outcome = run("decode " + folder_.path(name));
        EXPECT_EQ(outcome.status, 3) << name;
        EXPECT_EQ(outcome.output, "") << name;
        EXPECT_EQ(split_lines(outcome.errors).size(), 1U) << outcome.errors;
    }
}

TEST_F(Decode, SaysWhatIsWrongWithItsOptions) {
    for (const std::string options :
         {"--record nonsense", "--filter 'quue == 0'", "--device toaster", "--time never", "--color sometimes",
          "--queue x", "--queue -1", "--count -1", "--session 0", "--no-such-option"}) {
        const Outcome outcome = decode(options);
        EXPECT_EQ(outcome.status, 2) << options;
        EXPECT_NE(outcome.errors, "") << options;
        EXPECT_EQ(outcome.output, "") << options;
    }
    EXPECT_EQ(run("decode").status, 2);
    EXPECT_THAT(decode("--time never").errors, HasSubstr("'never' is none of relative, absolute, delta"));
    EXPECT_THAT(decode("--color sometimes").errors, HasSubstr("'sometimes' is none of auto, always, never"));
    EXPECT_THAT(decode("--count -1").errors, HasSubstr("'-1' is no whole number from 0 on"));
    EXPECT_THAT(run("decide " + path()).errors, HasSubstr("\"decide\" is no command"));
    EXPECT_EQ(run("decide " + path()).status, 2);
    EXPECT_EQ(decode("--time delta --color never").status, 0);
}

TEST_F(Decode, RefusesASessionOrQueueThatTheTraceLacks) {
    const std::pair<std::string, std::string> cases[]{
        {"--session 9", "no session 9 in the trace: the sessions there are 1-2"},
        {"--queue 7", "no queue 7 in the trace: the queues there are 0-1"},
        {"--session 2 --queue 0", "no queue 0 of session 2 in the trace: the queues there are none"}};
    for (const auto& [options, text] : cases) {
        for (const std::string format : {"", " --json"}) {
            const Outcome outcome = decode(options + format);
            EXPECT_EQ(outcome.status, 2) << options;
            EXPECT_EQ(outcome.output, "") << options;
            EXPECT_THAT(outcome.errors, HasSubstr(text));
        }
    }
    // There, but nothing of the kind that is asked for.
    EXPECT_EQ(decode("--session 2 --record chain").status, 0);
    EXPECT_EQ(decode("--queue 1 --record memory").status, 0);
}

TEST_F(Decode, EndsQuietlyWhenItsReaderGoesAway) {
    TraceBuilder large;
    for (int i = 0; i < 20000; ++i) {
        large.add(trace::EventRecord{trace::EventRecord::Kind::kick, 0, 1});
    }
    write_trace(folder_.path("large.pcap"), large.records);
    for (const std::string options : {"", "--json"}) {
        const Outcome outcome = run("decode " + folder_.path("large.pcap") + " " + options + " | head -n 1");
        EXPECT_EQ(outcome.status, 0);
        EXPECT_EQ(outcome.errors, "");
        EXPECT_EQ(split_lines(outcome.output).size(), 1U);
    }
}

TEST_F(Decode, FailsWhereTheOutputCannotBeWritten) {
    EXPECT_EQ(decode(">/dev/full").status, 4);
}

}  // namespace
}  // namespace vutrace::cli::test
