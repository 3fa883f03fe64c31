#include "dirty_log_writer.h"

#include "../testing/shadowed_ring.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

namespace vutrace::capture {
namespace {

using testing::RingPair;
using testing::ShadowedRingTest;

FileDescriptor log_file(std::uint64_t size) {
    FileDescriptor file(::memfd_create("log", MFD_CLOEXEC));
    EXPECT_EQ(::ftruncate(file.number(), static_cast<off_t>(size)), 0);
    return file;
}

std::uint8_t byte_at(const FileDescriptor& file, std::uint64_t offset) {
    std::uint8_t byte = 0;
    EXPECT_EQ(::pread(file.number(), &byte, 1, static_cast<off_t>(offset)), 1);
    return byte;
}

TEST(DirtyLogWriter, MarksThePagesOfARangeAndNoOthers) {
    const FileDescriptor file = log_file(4096);
    DirtyLogWriter log;
    ASSERT_TRUE(log.use(file, {2048, 16}));
    log.mark(5 * 4096 + 4095, 2);  // pages 5 and 6
    log.mark(9 * 4096, 0);
    EXPECT_EQ(byte_at(file, 16), 0x60);
    EXPECT_EQ(byte_at(file, 17), 0);
    log.mark(0, 1);
    EXPECT_EQ(byte_at(file, 16), 0x61) << "what was marked stays";
    EXPECT_EQ(byte_at(file, 0), 0) << "the log begins at its offset";
}

TEST(DirtyLogWriter, LeavesOutWhatLiesBeyondTheLog) {
    const FileDescriptor file = log_file(4096);
    DirtyLogWriter log;
    ASSERT_TRUE(log.use(file, {1, 0}));
    log.mark(8 * 4096, 4096);
    log.mark(UINT64_MAX - 10, 100);
    log.mark(7 * 4096, UINT64_MAX / 2);
    EXPECT_EQ(byte_at(file, 0), 0x80);
    EXPECT_EQ(byte_at(file, 1), 0);
    log.forget();
    log.mark(0, 1);
    EXPECT_EQ(byte_at(file, 0), 0x80);
}

TEST(DirtyLogWriter, RefusesWhatCannotBeALog) {
    DirtyLogWriter log;
    EXPECT_FALSE(log.use(log_file(4096), {0, 0}));
    EXPECT_FALSE(log.use(log_file(4096), {UINT64_MAX, 4096}));
    EXPECT_FALSE(log.use(FileDescriptor{}, {4096, 0}));
    log.mark(0, 1);
}

TEST(DirtyLogWriter, SurvivesALogThatVanishes) {
    const FileDescriptor file = log_file(4096);
    DirtyLogWriter log;
    ASSERT_TRUE(log.use(file, {4096, 0}));
    ASSERT_EQ(::ftruncate(file.number(), 0), 0);
    log.mark(0, 1U << 20U);
}

// With pages of 512 used elements, each part of the driver's used ring can be told from the others.
TEST_F(ShadowedRingTest, MarksWhatItWritesOfTheUsedRing) {
    event_index = true;
    open(2048);
    const FileDescriptor file = log_file(4096);
    ASSERT_TRUE(log.use(file, {4096, 0}));
    constexpr std::uint64_t address = 100 * 4096;  // where the front-end wants the used ring logged
    const auto marked = [&](std::uint64_t page) {
        return (std::uint32_t{byte_at(file, page / 8)} & (1U << (page % 8))) != 0;
    };

    offer(0, "a");
    queue->serve();
    answer(0, "b");
    queue->serve();
    EXPECT_FALSE(marked(100)) << "logging is off";

    rings->log(true, address);
    for (std::uint16_t i = 0; i < 1100; ++i) {  // up to element 1100, on the third page
        offer(static_cast<std::uint16_t>(2 * (i % 1000)), "a");
        queue->serve();
        device->use(static_cast<std::uint16_t>(2 * (i % 1000)), 0);
        queue->serve();
        EXPECT_EQ(marked(101), i >= 510) << i;
        EXPECT_EQ(marked(102), i >= 1022) << i;
    }
    EXPECT_TRUE(marked(100)) << "the index";
    EXPECT_FALSE(marked(103));
    EXPECT_FALSE(marked(104));
    rings->want_kicks(true);
    EXPECT_TRUE(marked(104)) << "the event behind the elements";
    EXPECT_FALSE(marked(99));
}

}  // namespace
}  // namespace vutrace::capture
