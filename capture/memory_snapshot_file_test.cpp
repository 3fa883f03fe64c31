// Snapshots of files of other kinds than a sparse memfd: huge pages, files that cannot be searched for holes.
#include "guest_mappings.h"
#include "testing/data_path_fixture.h"

#include <vutrace/system/pipe.h>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/memfd.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <string_view>

namespace vutrace::capture {
namespace {

using protocol::FrontEndRequest;
using testing::DataPathTest;

constexpr std::uint64_t huge_page = 2U << 20U;
constexpr std::uint64_t base = 0x100000000;

class SnapshotFileTest : public DataPathTest {
  protected:
    void send_region(const FileDescriptor& file, std::uint64_t size, std::uint64_t offset = 0) {
        (void)send(FrontEndRequest::ADD_MEM_REG,
                   protocol::serialise_region({base, size, 0x7f0000000000, offset}, false),
                   one(std::move(*file.duplicate())));
    }
    // The bytes of [address, address + length) by the records; '?' where none tells.
    [[nodiscard]] std::string recorded(std::uint64_t address, std::size_t length) const {
        std::string text(length, '?');
        for (const auto& record : recorder.all<trace::MemoryRecord>()) {
            for (std::size_t i = 0; i < length; ++i) {
                const std::uint64_t at = address + i - record.address;
                if (address + i >= record.address && at < record.content.size()) {
                    (void)record.content.read(at, std::as_writable_bytes(std::span(text).subspan(i, 1)));
                }
            }
        }
        return text;
    }
    [[nodiscard]] std::uint64_t literal_bytes() const {
        std::uint64_t sum = 0;
        for (const auto& record : recorder.all<trace::MemoryRecord>()) {
            sum += record.content.literal().size();
        }
        return sum;
    }
};

// Where a file cannot be opened again its holes are not looked for: all of it is read, through the descriptor that
// came.
TEST_F(SnapshotFileTest, ReadsAllOfAFileThatCannotBeOpenedAgain) {
    const FileDescriptor file(::memfd_create("locked", MFD_CLOEXEC));
    ASSERT_EQ(::ftruncate(file.number(), 1 << 20), 0);
    ASSERT_EQ(::pwrite(file.number(), "first", 5, 0), 5);
    ASSERT_EQ(::pwrite(file.number(), "last", 4, (1 << 20) - 4), 4);
    ASSERT_EQ(::fchmod(file.number(), 0), 0);
    // Of this thread and of those that it starts: root could open anything.
    (void)::setfsuid(65534);
    EXPECT_LT(::open(("/proc/self/fd/" + std::to_string(file.number())).c_str(), O_RDONLY | O_CLOEXEC), 0);
    open(DataPathMode::off, MemoryMode::full);
    (void)::setfsuid(::geteuid());
    send_region(file, 1 << 20);
    path->session_ended();
    path.reset();
    EXPECT_EQ(recorded(base, 6), std::string("first\0", 6));
    EXPECT_EQ(recorded(base + (1 << 19), 4), std::string(4, '\0'));
    EXPECT_EQ(recorded(base + (1 << 20) - 4, 4), "last");
    EXPECT_EQ(literal_bytes(), 2U * 4096);  // what is zero is not written either way
}

TEST_F(SnapshotFileTest, TouchesNoPipeAndNoDevice) {
    const auto [reader, writer] = create_pipe(O_NONBLOCK).value();
    ASSERT_EQ(::write(writer.number(), "kept", 4), 4);
    open(DataPathMode::off, MemoryMode::full);
    send_region(reader, 4096);
    send_region(FileDescriptor(::open("/dev/zero", O_RDONLY | O_CLOEXEC)), 4096);
    path->session_ended();
    path.reset();
    EXPECT_EQ(literal_bytes(), 0U);
    std::array<char, 4> left{};
    EXPECT_EQ(::read(reader.number(), left.data(), left.size()), 4);
    EXPECT_EQ(recorder.all<trace::MemoryRecord>().size(), 0U);
}

// A table that is sent again and again, while the disk takes nothing, must not collect descriptors.
TEST_F(SnapshotFileTest, HoldsOneDescriptorOfMemoryThatWaits) {
    const FileDescriptor file(::memfd_create("resent", MFD_CLOEXEC));
    ASSERT_EQ(::ftruncate(file.number(), 1 << 20), 0);
    ASSERT_EQ(::pwrite(file.number(), "kept", 4, 0), 4);
    recorder.set_free_bytes(0);
    open(DataPathMode::off, MemoryMode::full);
    const std::vector<protocol::MemoryRegion> regions{{base, 1 << 20, 0x7f0000000000, 0}};
    for (int i = 0; i < 500; ++i) {
        (void)send(FrontEndRequest::SET_MEM_TABLE, protocol::serialise_regions(regions, false),
                   one(std::move(*file.duplicate())));
    }
    int open_numbers = 0;
    for (int number = 0; number < 1024; ++number) {
        open_numbers += ::fcntl(number, F_GETFD) >= 0 ? 1 : 0;
    }
    EXPECT_LT(open_numbers, 64);
    recorder.set_free_bytes(64U << 20U);
    path->session_ended();
    path.reset();
    EXPECT_EQ(recorded(base, 4), "kept");
    EXPECT_EQ(literal_bytes(), 4096U);
}

// --- Huge pages

constexpr const char* reserved_pages = "/proc/sys/vm/nr_hugepages";

// A machine without huge pages gets some for the time of the test, where we may.
class HugePages {
  public:
    HugePages() {
        std::ifstream(reserved_pages) >> before_;
        if (before_ < wanted) {
            std::ofstream(reserved_pages) << wanted;
        }
    }
    ~HugePages() {
        if (before_ < wanted) {
            std::ofstream(reserved_pages) << before_;
        }
    }
    HugePages(const HugePages&) = delete;
    HugePages& operator=(const HugePages&) = delete;
    static FileDescriptor file(std::uint64_t size) {
        FileDescriptor file(::memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB | (21U << MFD_HUGE_SHIFT)));
        const bool made = file && ::ftruncate(file.number(), static_cast<off_t>(size)) == 0;
        return made && ::fallocate(file.number(), 0, static_cast<off_t>(huge_page), huge_page) == 0 ? std::move(file)
                                                                                                    : FileDescriptor{};
    }

  private:
    static constexpr int wanted = 8;
    int before_{0};
};

class HugePageTest : public SnapshotFileTest {
  protected:
    void SetUp() override {
        file = HugePages::file(4 * huge_page);
        if (!file) {
            GTEST_SKIP() << "this machine has no huge page to give: sysctl vm.nr_hugepages=8";
        }
        const auto mapping = Mapping::create(file, huge_page, huge_page, Mapping::Access::read_write);
        ASSERT_TRUE(mapping) << describe(mapping.error());
        const std::string_view text = "on a huge page";
        std::copy_n(as_bytes(text).begin(), text.size(), mapping->data() + 8192);
    }
    [[nodiscard]] blkcnt_t blocks() const {
        struct stat status {};
        EXPECT_EQ(::fstat(file.number(), &status), 0);
        return status.st_blocks;
    }
    HugePages pages;
    FileDescriptor file;
};

TEST_F(HugePageTest, ASnapshotLeavesHolesAndWritesWhatIsNotZero) {
    const blkcnt_t before = blocks();
    open(DataPathMode::off, MemoryMode::full);
    send_region(file, 4 * huge_page);
    path->session_ended();
    path.reset();
    EXPECT_EQ(recorded(base + huge_page + 8192, 14), "on a huge page");
    EXPECT_EQ(recorded(base + 3 * huge_page, 4), std::string(4, '\0'));
    EXPECT_EQ(literal_bytes(), 4096U);
    EXPECT_EQ(blocks(), before);
    EXPECT_EQ(recorder.counts().notes, 0U);
}

// mmap of such a file takes only whole huge pages, whatever part of one the region begins and ends in.
TEST_F(HugePageTest, ARegionInTheMiddleOfAHugePageIsRead) {
    std::vector<FileDescriptor> descriptors;
    descriptors.push_back(std::move(*file.duplicate()));
    const std::vector<std::uint32_t> ids{1};
    const session::KnownRegion known{{base, huge_page, 0, huge_page + 4096}, 1};
    const auto built = GuestMappings::next(nullptr, {known}, {&descriptors, &ids}, {});
    EXPECT_THAT(built.problems, ::testing::IsEmpty());
    std::string text(14, '?');
    EXPECT_TRUE(built.mappings->read(base + 4096, std::as_writable_bytes(std::span(text))));
    EXPECT_EQ(text, "on a huge page");
    EXPECT_FALSE(built.mappings->read(base + huge_page - 7, std::as_writable_bytes(std::span(text))));
}

}  // namespace
}  // namespace vutrace::capture
