#include "check_fixture.h"
#include "rule.h"

#include <gmock/gmock.h>

#include <set>

namespace vutrace::check {
namespace {

using test::BlockSession;
using test::findings;
using test::FrontEndRequest;
using test::SessionBuilder;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

TEST(Catalogue, HasEachRuleOnceWithAllItsTexts) {
    std::set<std::string_view> ids;
    for (const RuleInfo& rule : rules()) {
        EXPECT_TRUE(ids.insert(rule.id).second) << rule.id << " is there twice";
        EXPECT_TRUE(rule.rule.ends_with('.')) << rule.id;
        EXPECT_THAT(rule.section, Not(IsEmpty())) << rule.id;
        EXPECT_THAT(rule.explanation, Not(IsEmpty())) << rule.id;
    }
    EXPECT_TRUE(std::is_sorted(rules().begin(), rules().end(), [](const RuleInfo& a, const RuleInfo& b) {
        return a.id.starts_with("VU") && b.id.starts_with("VU") && a.id < b.id;
    }));
}

TEST(Catalogue, SaysOfEachRuleEitherHowItIsCheckedOrWhyNot) {
    for (const RuleRows section : all_rows()) {
        for (const RuleRow& row : section) {
            EXPECT_EQ(row.make == nullptr, !row.info.unseen.empty()) << row.info.id;
        }
    }
}

TEST(Catalogue, FindsRulesByIdAndNumber) {
    EXPECT_EQ(find_rule("VU010")->id, "VU010");
    EXPECT_EQ(find_rule("vu010")->id, "VU010");
    EXPECT_EQ(find_rule("10")->id, "VU010");
    EXPECT_EQ(find_rule("1")->id, "VU001");
    EXPECT_EQ(find_rule("VU999"), nullptr);
    EXPECT_EQ(find_rule("999"), nullptr);
    EXPECT_EQ(find_rule(""), nullptr);
}

TEST(Catalogue, TellsVerdictsOnStallsFromOtherRules) {
    EXPECT_TRUE(is_stall_verdict(*find_rule("STALL005")));
    EXPECT_FALSE(is_stall_verdict(*find_rule("VU010")));
}

TEST(Catalogue, NamesSeverities) {
    for (const Severity severity : {Severity::info, Severity::warning, Severity::error}) {
        EXPECT_EQ(find_severity(name_of(severity)), severity);
    }
    EXPECT_EQ(find_severity("warning"), Severity::warning);
    EXPECT_EQ(find_severity("bad"), std::nullopt);
}

TEST(Checker, FindsNothingInAHealthySession) {
    SessionBuilder session;
    BlockSession::start(session);
    BlockSession::stop_queue(session, 0, 0);
    test::close(session);
    EXPECT_THAT(test::texts(session), IsEmpty());
}

SessionBuilder with_two_kinds_of_faults() {
    SessionBuilder session;
    session.message(Side::front_end, FrontEndRequest::GET_FEATURES, protocol::version_1 | 0x100, {});  // VU002
    session.reply(FrontEndRequest::GET_FEATURES, protocol::serialise_u64(0));
    session.message(Side::front_end, static_cast<FrontEndRequest>(999), protocol::version_1, {});  // VU016, a warning
    return session;
}

TEST(Checker, GivesFindingsWithTheirRecordAndRule) {
    const auto found = findings(with_two_kinds_of_faults().records(), {"VU002"});
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_EQ(found[0].rule, find_rule("VU002"));
    EXPECT_EQ(found[0].sequence, 1U);
    EXPECT_EQ(found[0].session, 1U);
    EXPECT_EQ(found[0].time, SessionBuilder::first_time);
    EXPECT_EQ(found[0].violator, Violator::front_end);
    EXPECT_EQ(found[0].severity, Severity::error);
}

TEST(Checker, LeavesOutWhatIsMilderThanAskedFor) {
    const auto count = [](Severity least) {
        std::size_t found = 0;
        Checker checker({{}, least}, [&found](const Finding&) { ++found; });
        const SessionBuilder session = with_two_kinds_of_faults();
        for (const trace::Record& record : session.records()) {
            checker.take(record);
        }
        checker.finish();
        return found;
    };
    EXPECT_EQ(count(Severity::warning), 2U);
    EXPECT_EQ(count(Severity::error), 1U);
}

TEST(Checker, JudgesAClosedSessionOnce) {
    SessionBuilder session;
    session.request(FrontEndRequest::GET_FEATURES);
    test::close(session);
    EXPECT_THAT(findings(session.records(), {"VU008"}), SizeIs(1));
}

TEST(Checker, KeepsSessionsApart) {
    SessionBuilder first(1);
    first.request(FrontEndRequest::GET_FEATURES);
    SessionBuilder second(2);
    second.reply(FrontEndRequest::GET_FEATURES, protocol::serialise_u64(0));
    std::vector<trace::Record> records = first.records();
    records.insert(records.end(), second.records().begin(), second.records().end());
    const auto found = findings(records, {"VU007"});
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_EQ(found[0].session, 2U);
}

TEST(Checker, SaysNothingOfWhatFollowsACloseUntilTheSessionOpensAgain) {
    SessionBuilder session;
    session.request(FrontEndRequest::GET_FEATURES);
    test::close(session);
    session.message(Side::front_end, static_cast<FrontEndRequest>(999), protocol::version_1, {});
    EXPECT_THAT(findings(session.records(), {"VU016"}), IsEmpty());
    session.add(trace::SessionRecord{trace::SessionRecord::Kind::opened, {}});
    session.message(Side::front_end, static_cast<FrontEndRequest>(999), protocol::version_1, {});
    EXPECT_THAT(findings(session.records(), {"VU016"}), SizeIs(1));
}

// Sessions 1 to `count`, each of one request that is not answered.
std::vector<trace::Record> sessions_that_never_close(std::uint32_t count) {
    std::vector<trace::Record> records;
    for (std::uint32_t number = 1; number <= count; ++number) {
        SessionBuilder session(number);
        session.request(FrontEndRequest::GET_FEATURES);
        trace::Record record = session.records().front();
        record.sequence = number;
        records.push_back(record);
    }
    return records;
}

TEST(Checker, JudgesEachOfTooManyOpenSessionsOnceTheLongestSilentFirst) {
    constexpr std::uint32_t more = 3;
    constexpr auto most = static_cast<std::uint32_t>(Checker::most_open);
    std::vector<std::uint32_t> judged;
    Checker checker({{find_rule("STALL001")}},
                    [&judged](const Finding& finding) { judged.push_back(finding.session); });
    const std::vector<trace::Record> records = sessions_that_never_close(most + more);
    for (std::uint32_t i = 0; i < most; ++i) {
        checker.take(records[i]);
    }
    trace::Record again = records[0];  // the first speaks once more
    again.sequence = most + 1;
    checker.take(again);
    EXPECT_THAT(judged, IsEmpty());
    for (std::uint32_t i = most; i < most + more; ++i) {
        checker.take(records[i]);
    }
    EXPECT_THAT(judged, testing::ElementsAre(2, 3, 4));
    checker.take(records[1]);  // given up: nothing more is said of it
    checker.finish();
    EXPECT_THAT(judged, SizeIs(most + more + 1)) << "one for each request, the first session's two";
}

TEST(Checker, GoesOnWhenItIsMoved) {
    std::size_t found = 0;
    Checker checker({}, [&found](const Finding&) { ++found; });
    SessionBuilder session = with_two_kinds_of_faults();
    checker.take(session.records()[0]);
    Checker moved = std::move(checker);
    moved.take(session.records()[1]);
    moved.take(session.records()[2]);
    moved.finish();
    EXPECT_EQ(found, 2U);
}

}  // namespace
}  // namespace vutrace::check
