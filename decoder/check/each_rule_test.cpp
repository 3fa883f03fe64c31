// Each rule of the catalogue that a trace can show has a session that breaks it, in a test of that rule.
#include "check_fixture.h"
#include "rule.h"

#include <gtest/gtest.h>

namespace vutrace::check {
namespace {

// Looks at what all tests of this program have broken, so it comes after the last of them. GoogleTest owns it.
class EachRuleIsBroken final : public testing::Environment {
  public:
    void TearDown() override {
        const testing::UnitTest& tests = *testing::UnitTest::GetInstance();
        if (tests.test_to_run_count() != tests.total_test_count()) {
            return;  // with a filter the session may be in a test that did not run
        }
        for (const RuleRows section : all_rows()) {
            for (const RuleRow& row : section) {
                if (row.make != nullptr && !test::rules_broken_by_name().contains(&row.info)) {
                    ADD_FAILURE() << row.info.id << " (" << row.info.rule << "): no session breaks it in a test that "
                                  << "names it, with severity " << name_of(row.info.severity);
                }
            }
        }
    }
};

const testing::Environment* const each_rule_is_broken = testing::AddGlobalTestEnvironment(new EachRuleIsBroken);

}  // namespace
}  // namespace vutrace::check
