// Whole guest memory, through the data path that takes the snapshots.
#include "testing/data_path_fixture.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vutrace::capture {
namespace {

using protocol::FrontEndRequest;
using testing::DataPathTest;

class SnapshotTest : public DataPathTest {
  protected:
    static constexpr std::uint64_t size = std::uint64_t{64} << 30U;
    static constexpr std::uint64_t base = 0x100000000;

    SnapshotTest() : file(::memfd_create("sparse", MFD_CLOEXEC)) {
        EXPECT_EQ(::ftruncate(file.number(), static_cast<off_t>(size)), 0);
    }
    void write(std::uint64_t offset, std::string_view text) {
        ASSERT_EQ(::pwrite(file.number(), text.data(), text.size(), static_cast<off_t>(offset)),
                  static_cast<ssize_t>(text.size()));
    }
    [[nodiscard]] blkcnt_t blocks() const {
        struct stat status {};
        EXPECT_EQ(::fstat(file.number(), &status), 0);
        return status.st_blocks;
    }
    void send_table() {
        const std::vector<protocol::MemoryRegion> regions{{base, size, 0x7f0000000000, 0}};
        (void)send(FrontEndRequest::SET_MEM_TABLE, protocol::serialise_regions(regions, false),
                   one(std::move(*file.duplicate())));
    }
    struct Sum {
        std::uint64_t literal{0};
        std::uint64_t all{0};
    };
    [[nodiscard]] Sum sum() const {
        Sum total;
        for (const auto& record : recorder.all<trace::MemoryRecord>()) {
            total.literal += record.content.literal().size();
            total.all += record.content.size();
        }
        return total;
    }

    FileDescriptor file;
};

TEST_F(SnapshotTest, LeavesASparseRegionSparseAndTheTraceSmall) {
    write(0, "first");
    write(std::uint64_t{20} << 30U, "middle");
    write(size - 4, "last");
    const blkcnt_t before = blocks();
    open(DataPathMode::off, MemoryMode::full);
    send_table();
    wait_until([&] { return sum().all == size ? 1U : 0U; });
    EXPECT_EQ(sum().literal, 3U * 4096);
    EXPECT_EQ(blocks(), before);

    // Again: only what changed.
    recorder.clear();
    write((std::uint64_t{20} << 30U) + 8192, "new");
    write(std::uint64_t{20} << 30U, "MIDDLE");
    path->session_ended();
    path.reset();
    EXPECT_EQ(sum().literal, 2U * 4096);
    EXPECT_EQ(sum().all, 2U * 4096);
    for (const auto& record : recorder.all<trace::MemoryRecord>()) {
        EXPECT_EQ(record.proof, trace::Proof::late);
        EXPECT_EQ(record.part, trace::MemoryRecord::Part::region);
    }
}

TEST_F(SnapshotTest, WaitsForRoomInsteadOfLosingPages) {
    write(0, "first");
    recorder.set_free_bytes(0);
    open(DataPathMode::tap, MemoryMode::full);
    send_table();
    EXPECT_TRUE(recorder.all<trace::MemoryRecord>().empty());
    recorder.set_free_bytes(64U << 20U);
    wait_until([&] { return sum().all == size ? 1U : 0U; });
    EXPECT_EQ(recorder.all<trace::GapRecord>().size(), 0U);
}

TEST_F(SnapshotTest, WritesZerosOverAPageThatWasNot) {
    write(4096, "gone soon");
    open(DataPathMode::off, MemoryMode::full);
    send_table();
    wait_until([&] { return sum().all == size ? 1U : 0U; });
    recorder.clear();
    ASSERT_EQ(::fallocate(file.number(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 4096), 0);
    path->session_ended();
    path.reset();
    EXPECT_EQ(sum().literal, 0U);
    EXPECT_GE(sum().all, 4096U);
    EXPECT_EQ(recorder.all<trace::MemoryRecord>().size(), 1U);
}

TEST_F(SnapshotTest, ClaimsNothingBehindTheEndOfTheFile) {
    ASSERT_EQ(::ftruncate(file.number(), 8192), 0);
    write(0, "first");
    open(DataPathMode::off, MemoryMode::full);
    send_table();
    path->session_ended();
    path.reset();
    EXPECT_EQ(sum().literal, 4096U);
    EXPECT_EQ(sum().all, 8192U);
    const auto notes = recorder.all<trace::NoteRecord>();
    ASSERT_FALSE(notes.empty());
    EXPECT_THAT(notes[0].text, ::testing::HasSubstr("ends before the region"));
}

TEST_F(SnapshotTest, DoesNotHoldUpTheEndOfTheSession) {
    write(0, "first");
    recorder.set_free_bytes(0);  // the disk takes nothing
    open(DataPathMode::relay, MemoryMode::full);
    send_table();
    path->session_ended();  // comes back although nothing can be written
    EXPECT_TRUE(recorder.all<trace::MemoryRecord>().empty());
    recorder.set_free_bytes(64U << 20U);
    path.reset();
    EXPECT_EQ(sum().all, size);
}

TEST_F(SnapshotTest, SaysWhatItCouldNotFinish) {
    write(0, "first");
    recorder.set_free_bytes(0);
    path = DataPath::create(
        {.mode = DataPathMode::off, .memory = MemoryMode::full, .snapshot_patience = std::chrono::milliseconds(100)}, 1,
        recorder, loop, state);
    send_table();
    path.reset();
    const auto gaps = recorder.all<trace::GapRecord>();
    ASSERT_EQ(gaps.size(), 1U);
    EXPECT_EQ(gaps[0].bytes, size);
}

}  // namespace
}  // namespace vutrace::capture
