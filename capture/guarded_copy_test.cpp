#include "guarded_copy.h"

#include <vutrace/system/mapping.h>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <thread>

namespace vutrace::capture {
namespace {

struct CutFile {
    FileDescriptor file{::memfd_create("cut", MFD_CLOEXEC)};
    Mapping mapping;
    CutFile() {
        EXPECT_EQ(::ftruncate(file.number(), 8192), 0);
        mapping = std::move(*Mapping::create(file, 0, 8192, Mapping::Access::read_only));
    }
};

TEST(GuardedCopy, SurvivesAFileThatIsCutShortUnderTheMapping) {
    CutFile cut;
    std::array<std::byte, 64> out{};
    EXPECT_TRUE(guarded_copy(cut.mapping.data() + 4096, out));
    ASSERT_EQ(::ftruncate(cut.file.number(), 4096), 0);
    // Again and again: the signal must not stay blocked.
    for (int i = 0; i < 3; ++i) {
        EXPECT_FALSE(guarded_copy(cut.mapping.data() + 4096, out));
        EXPECT_FALSE(guarded_copy(cut.mapping.data() + 4090, out));
        EXPECT_TRUE(guarded_copy(cut.mapping.data(), out));
    }
    std::array<SharedIndex, 2> indices{{{cut.mapping.data(), 7}, {cut.mapping.data() + 4096, 7}}};
    EXPECT_FALSE(guarded_load(indices));
    EXPECT_EQ(indices[0].value, 0);
}

TEST(GuardedCopy, GuardsEachThreadForItself) {
    CutFile cut;
    ASSERT_EQ(::ftruncate(cut.file.number(), 0), 0);
    std::array<std::thread, 4> threads;
    for (auto& thread : threads) {
        thread = std::thread([&cut] {
            std::array<std::byte, 16> out{};
            for (int i = 0; i < 1000; ++i) {
                EXPECT_FALSE(guarded_copy(cut.mapping.data(), out));
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
}

TEST(GuardedCopy, LeavesOddIndicesAndNullAlone) {
    alignas(2) std::array<std::byte, 4> bytes{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};
    std::array<SharedIndex, 3> indices{{{bytes.data() + 1, 0}, {nullptr, 9}, {bytes.data(), 0}}};
    ASSERT_TRUE(guarded_load(indices));
    EXPECT_EQ(indices[0].value, 0x0302);
    EXPECT_EQ(indices[1].value, 9);
    EXPECT_EQ(indices[2].value, 0x0201);
}

TEST(GuardedCopyDeathTest, PassesOtherFaultsOn) {
    ::testing::FLAGS_gtest_death_test_style = "threadsafe";
    std::array<std::byte, 1> out{};
    EXPECT_TRUE(guarded_copy(out.data(), out));  // the handlers are there now
    EXPECT_DEATH(::raise(SIGBUS), "");
}

}  // namespace
}  // namespace vutrace::capture
