#include <vutrace/render/findings.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace vutrace::render {
namespace {

using check::Finding;
using check::RuleInfo;
using check::Severity;
using check::Violator;
using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

constexpr RuleInfo rule{"VU017", Severity::error, Violator::front_end, "What holds.", "Section", "Why it does.", ""};
constexpr RuleInfo unseen_rule{"VU031",   Severity::info, Violator::either, "A habit.",
                               "Section", "Known.",       "it is no fault"};
constexpr std::int64_t start = 1'700'000'000'000'000'000;

Finding finding(std::uint64_t sequence, std::optional<std::uint32_t> queue = std::nullopt,
                Severity severity = Severity::error) {
    return {&rule, severity, Violator::front_end, 1, sequence, start + 1000, queue, "bit 7 was not offered"};
}

std::vector<std::string> lines(const std::string& text) {
    std::vector<std::string> result;
    std::size_t begin = 0;
    for (std::size_t end = text.find('\n'); end != std::string::npos; begin = end + 1, end = text.find('\n', begin)) {
        result.push_back(text.substr(begin, end - begin));
    }
    return result;
}

TEST(JsonOfFinding, HasTheFieldsOfTheInterface) {
    std::string out;
    append_finding_json(out, finding(12, 3, Severity::warning));
    EXPECT_EQ(out.back(), '\n');
    EXPECT_EQ(json::parse(out), json({{"rule", "VU017"},
                                      {"severity", "warn"},
                                      {"violator", "front-end"},
                                      {"session", 1},
                                      {"seq", 12},
                                      {"time", start + 1000},
                                      {"queue", 3},
                                      {"text", "bit 7 was not offered"},
                                      {"section", "Section"}}));
}

TEST(JsonOfFinding, HasNoQueueWhereItBelongsToNone) {
    std::string out;
    append_finding_json(out, finding(12));
    EXPECT_FALSE(json::parse(out).contains("queue"));
}

TEST(JsonOfRule, SaysWhetherItIsChecked) {
    std::string out;
    append_rule_json(out, rule);
    EXPECT_EQ(json::parse(out), json({{"rule", "VU017"},
                                      {"severity", "error"},
                                      {"violator", "front-end"},
                                      {"text", "What holds."},
                                      {"section", "Section"},
                                      {"explanation", "Why it does."},
                                      {"checked", true}}));
    out.clear();
    append_rule_json(out, unseen_rule);
    EXPECT_EQ(json::parse(out)["checked"], false);
    EXPECT_EQ(json::parse(out)["unseen"], "it is no fault");
}

TEST(TextOfRule, SaysWhatItIsAboutAndWhyItIsNotChecked) {
    const Style plain(false);
    EXPECT_EQ(rule_text(rule, plain),
              "VU017  error, broken by: front-end\n    What holds.\n\nSpecification: Section\n\nWhy it does.\n");
    EXPECT_THAT(rule_text(unseen_rule, plain), HasSubstr("Not checked: it is no fault\n"));
    std::string out;
    append_rule_line(out, rule, plain);
    EXPECT_EQ(out, "VU017     error front-end What holds.\n");
}

TEST(TextOfRule, IsWrapped) {
    const RuleInfo wordy{"VU017", Severity::error, Violator::driver, "One two three four.", "S", "E.", ""};
    EXPECT_THAT(rule_text(wordy, Style(false), 14), HasSubstr("    One two\n    three\n    four.\n"));
}

TEST(TextOfFindings, IsALineForEachInTheOrderOfTheRecords) {
    FindingText text(false);
    text.set_start(start);
    text.add(finding(12, 3));
    text.add(finding(4, std::nullopt, Severity::info));
    EXPECT_EQ(text.text(),
              "     4     0.000001000  #1       info   VU017  front-end: bit 7 was not offered\n"
              "    12     0.000001000  #1  q3   error  VU017  front-end: bit 7 was not offered\n");
}

TEST(TextOfFindings, FoldsWhatRepeatsInOneQueue) {
    FindingText text(false);
    for (std::uint64_t i = 1; i <= 1237; ++i) {
        text.add(finding(i, 0));
        text.add(finding(i + 5000, 1, i == 1 ? Severity::error : Severity::info));
    }
    const auto shown = lines(text.text());
    ASSERT_EQ(shown.size(), 3U + 1 + 1 + 3 + 1);
    EXPECT_THAT(shown[3], HasSubstr("… 1,234 more like this; --json has them all"));
    EXPECT_THAT(shown[4], HasSubstr("error")) << "the only one of its kind";
    EXPECT_THAT(shown.back(), HasSubstr("… 1,233 more"));
}

TEST(TextOfFindings, DoesNotFoldWhatIsShownInFull) {
    FindingText text(false);
    for (std::size_t i = 1; i <= FindingText::shown_repeats; ++i) {
        text.add(finding(i));
    }
    EXPECT_THAT(text.text(), Not(HasSubstr("more like this")));
}

TEST(TextOfFindings, HasNoControlCharactersOfOthers) {
    Finding hostile = finding(1);
    hostile.text = "\x1b[2J";
    FindingText text(false);
    text.add(hostile);
    EXPECT_THAT(text.text(), HasSubstr("\\x1b[2J"));
}

TEST(CountsOfFindings, AreASentence) {
    FindingCounts counts;
    EXPECT_EQ(counts.text(), "no findings");
    EXPECT_FALSE(counts.serious());
    counts.add(finding(1, 0, Severity::info));
    EXPECT_EQ(counts.text(), "1 note in 1 session");
    EXPECT_FALSE(counts.serious());
    counts.add(finding(1, 0, Severity::warning));
    EXPECT_TRUE(counts.serious());
    counts.add(finding(1, 0));
    Finding other = finding(2);
    other.session = 2;
    counts.add(other);
    EXPECT_EQ(counts.text(), "2 errors, 1 warning, 1 note in 2 sessions");
}

}  // namespace
}  // namespace vutrace::render
