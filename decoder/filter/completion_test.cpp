#include <vutrace/filter/filter.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vutrace::filter {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

std::vector<std::string> texts(std::string_view text) {
    std::vector<std::string> out;
    for (const Completion& candidate : completions(text, text.size()).candidates) {
        out.push_back(candidate.text);
    }
    return out;
}

TEST(Completion, OffersFieldsWhereOneMayStand) {
    for (const char* text : {"", "queue == 1 and ", "not ", "(", "all ", "has "}) {
        EXPECT_THAT(texts(text), Contains("queue")) << text;
    }
    EXPECT_THAT(texts("has "), Not(Contains("not")));
    EXPECT_THAT(texts("que"), ElementsAre("queue", "request.queries", "inflight.queue_count", "inflight.queues",
                                          "inflight.queues.queue", "payload.queue_size"));
    EXPECT_THAT(texts("queues.he"), ElementsAre("inflight.queues.heads"));
    EXPECT_THAT(texts("count(fds.se"), ElementsAre("fds.seals"));
}

TEST(Completion, FindsTheEndsOfDottedNames) {
    EXPECT_THAT(texts("sec"), testing::IsSupersetOf({"request.sector", "request.segments.sector"}));
}

TEST(Completion, OffersTheComparisonsThatAFieldHas) {
    EXPECT_THAT(texts("reply "), ElementsAre("==", "!=", "and", "or"));
    EXPECT_THAT(texts("fd "), ElementsAre("==", "!=", "in", "contains"));
    EXPECT_THAT(texts("payload.features "), ElementsAre("==", "!=", "<", "<=", ">", ">=", "in", "has"));
    EXPECT_THAT(texts("count(fds) "), ElementsAre("==", "!=", "<", "<=", ">", ">=", "in"));
}

TEST(Completion, OffersValues) {
    EXPECT_THAT(texts("fd == "), ElementsAre("kick", "call", "err"));
    EXPECT_THAT(texts("fd in {kick, "), ElementsAre("kick", "call", "err"));
    EXPECT_THAT(texts("reply == "), ElementsAre("true", "false"));
    EXPECT_THAT(texts("request == SET_VRING_K"), ElementsAre("SET_VRING_KICK"));
    EXPECT_THAT(texts("request == set_vring_k"), ElementsAre("SET_VRING_KICK"));
    EXPECT_THAT(texts("payload.features has ring_p"), ElementsAre("RING_PACKED"));
    EXPECT_THAT(texts("seq == "), IsEmpty());
}

TEST(Completion, OffersConnectivesBehindAWholeTerm) {
    EXPECT_THAT(texts("queue == 1 "), ElementsAre("and", "or"));
    EXPECT_THAT(texts("(queue == 1) a"), ElementsAre("and"));
}

TEST(Completion, SaysWhatIsReplacedAndWhatItMeans) {
    const std::string_view text = "queue == 1 and reque and more";
    const Completions found = completions(text, 20);
    EXPECT_EQ(found.begin, 15U);
    ASSERT_FALSE(found.candidates.empty());
    EXPECT_EQ(found.candidates[0].text, "request");
    EXPECT_FALSE(found.candidates[0].description.empty());
}

TEST(Completion, OffersNothingBehindAnErrorOrInQuotes) {
    EXPECT_THAT(texts("quue == 1 and "), IsEmpty());
    EXPECT_THAT(texts("text == \"la"), IsEmpty());
    EXPECT_THAT(texts("queue == 1) "), IsEmpty());
}

TEST(Completion, LeadsToWhatCompiles) {
    for (const Completion& request : completions("request == ", 11).candidates) {
        EXPECT_TRUE(Filter::compile("request == " + request.text)) << request.text;
    }
    for (const Completion& flag : completions("payload.features has ", 21).candidates) {
        EXPECT_TRUE(Filter::compile("payload.features has " + flag.text)) << flag.text;
    }
}

}  // namespace
}  // namespace vutrace::filter
