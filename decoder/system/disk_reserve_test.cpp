#include <vutrace/system/disk_reserve.h>

#include <gtest/gtest.h>
#include <stdlib.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>

namespace vutrace {
namespace {

class DiskReserveTest : public testing::Test {
  protected:
    DiskReserveTest() {
        std::array<char, 40> name{"/tmp/vutrace-reserve-XXXXXX"};
        folder_ = ::mkdtemp(name.data());
        std::ofstream(folder_ / "file") << "x";
    }
    ~DiskReserveTest() override { std::filesystem::remove_all(folder_); }
    [[nodiscard]] std::size_t entries() const {
        return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder_), {}));
    }
    std::filesystem::path folder_;
};

TEST_F(DiskReserveTest, LeavesNothingToBeSeen) {
    auto reserve = DiskReserve::beside(folder_ / "file", 64U << 10U);
    if (!reserve) {
        EXPECT_EQ(reserve.error().errno_value, EOPNOTSUPP) << "this file system has none";
        return;
    }
    EXPECT_EQ(entries(), 1U);
    reserve->give_back();
    reserve->give_back();
    EXPECT_EQ(entries(), 1U);
}

TEST_F(DiskReserveTest, SaysWhatIsMissing) {
    EXPECT_EQ(DiskReserve::beside(folder_ / "nothing", 4096).error().errno_value, ENOENT);
    EXPECT_EQ(DiskReserve::beside("/proc/self/status", 4096).error().code, ErrorCode::system);
    EXPECT_EQ(DiskReserve::beside(folder_ / "file", std::uint64_t{1} << 62U).error().code, ErrorCode::system);
}

}  // namespace
}  // namespace vutrace
