#include "vutrace/base/error.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace vutrace {
namespace {

TEST(Error, DescribesTextOffsetAndErrno) {
    EXPECT_EQ(describe(Error{ErrorCode::bad_input, "no header", 24, 0}), "no header (at offset 24)");
    EXPECT_EQ(describe(Error{ErrorCode::system, "cannot open x", std::nullopt, ENOENT}),
              "cannot open x: No such file or directory");
}

TEST(Error, KeepsTheErrnoOfTheFailedCall) {
    errno = EACCES;
    const Status status = fail_errno("cannot open y");
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().errno_value, EACCES);
    EXPECT_EQ(status.error().code, ErrorCode::system);
}

}  // namespace
}  // namespace vutrace
