// Linked into every test program. CI has all peers installed, so that a test that is skipped there has not seen what it
// is for: where the environment says CI=true it fails.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string_view>

namespace {

class SkipIsFailure final : public testing::EmptyTestEventListener {
    void OnTestEnd(const testing::TestInfo& test) override {
        if (test.result()->Skipped()) {
            ADD_FAILURE() << test.test_suite_name() << "." << test.name() << " was skipped, and CI=true";
        }
    }
};

// Before main: the program's own main comes from GoogleTest.
[[maybe_unused]] const bool listening = [] {
    const char* ci = std::getenv("CI");
    if (ci != nullptr && std::string_view(ci) == "true") {
        testing::UnitTest::GetInstance()->listeners().Append(new SkipIsFailure);  // which owns it
    }
    return true;
}();

}  // namespace
