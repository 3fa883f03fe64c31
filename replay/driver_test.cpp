#include "testing.h"

#include <vutrace/replay/block_workload.h>
#include <vutrace/replay/guest_files.h>

#include <algorithm>
#include <array>

namespace vutrace::replay {
namespace {

using testing::create_image;
using testing::ServedBackend;
using testing::TemporaryFolder;
namespace block = virtio::block;

constexpr std::uint64_t image_size = 4U << 20U;

struct DriverCase {
    const char* name;
    std::uint16_t queue_count;
    std::uint16_t queue_size;
    bool event_index;
    bool indirect;
    std::uint32_t memory_slots;
    bool packed{false};
    bool only_when_called{false};
};

class DriverAndBackend : public ::testing::TestWithParam<DriverCase> {};

TEST_P(DriverAndBackend, ReadsGiveWhatWasWritten) {
    const DriverCase& options = GetParam();
    const TemporaryFolder folder;
    BlockBackendOptions backend_options;
    backend_options.image = create_image(folder, "disk.img", image_size);
    backend_options.memory_slots = options.memory_slots;
    backend_options.packed = options.packed;
    ServedBackend backend(backend_options);
    BlockDriverOptions driver_options;
    driver_options.queue_count = options.queue_count;
    driver_options.queue_size = options.queue_size;
    driver_options.event_index = options.event_index;
    driver_options.indirect = options.indirect;
    driver_options.packed = options.packed;
    driver_options.only_when_called = options.only_when_called;
    {
        auto driver = BlockDriver::start(Connection(std::move(backend.front_end)), driver_options);
        ASSERT_TRUE(driver) << describe(driver.error());
        EXPECT_EQ((*driver)->sectors(), image_size / block::sector_size);
        const auto report = run_block_workload(**driver, {2000, 7, options.queue_count, false});
        ASSERT_TRUE(report) << describe(report.error());
        EXPECT_EQ(report->completed, 2000U);
        EXPECT_EQ(report->refused, 0U);
        EXPECT_EQ(report->mismatches, 0U);
        EXPECT_GT((*driver)->kicks(), 0U);
        const auto stopped = (*driver)->stop();
        EXPECT_TRUE(stopped) << describe(stopped.error());
    }
    const auto served = backend.finish();
    EXPECT_TRUE(served) << describe(served.error());
}

INSTANTIATE_TEST_SUITE_P(AllWays, DriverAndBackend,
                         ::testing::Values(DriverCase{"Plain", 1, 128, false, false, 0},
                                           DriverCase{"EventIndex", 1, 128, true, false, 32},
                                           DriverCase{"Indirect", 1, 64, false, true, 0},
                                           DriverCase{"EventIndexAndIndirect", 2, 256, true, true, 32},
                                           DriverCase{"SmallestRing", 1, 4, true, false, 32},
                                           DriverCase{"Called", 2, 64, true, true, 32, false, true},
                                           DriverCase{"Packed", 1, 128, false, false, 0, true},
                                           DriverCase{"PackedEventIndex", 1, 100, true, false, 32, true},
                                           DriverCase{"PackedIndirect", 2, 63, false, true, 0, true},
                                           DriverCase{"PackedEventIndexAndIndirect", 2, 257, true, true, 32, true},
                                           DriverCase{"PackedSmallestRing", 1, 4, true, false, 32, true},
                                           DriverCase{"PackedOddRing", 1, 5, true, false, 32, true},
                                           DriverCase{"PackedCalled", 2, 63, true, true, 32, true, true},
                                           DriverCase{"PackedCalledAlways", 1, 11, false, false, 32, true, true}),
                         [](const auto& each) { return each.param.name; });

TEST(DriverAndBackendErrors, RequestsBeyondTheImageAreRefusedByStatus) {
    const TemporaryFolder folder;
    BlockBackendOptions options;
    options.image = create_image(folder, "disk.img", image_size);
    ServedBackend backend(options);
    auto driver = BlockDriver::start(Connection(std::move(backend.front_end)), {});
    ASSERT_TRUE(driver) << describe(driver.error());
    struct Case {
        block::RequestType type;
        std::uint64_t sector;
        std::uint8_t status;
    };
    const std::uint64_t end = image_size / block::sector_size;
    for (const Case& wrong : {Case{block::RequestType::OUT, end, 1}, Case{block::RequestType::OUT, UINT64_MAX, 1},
                              Case{block::RequestType::OUT, end - 1, 0}, Case{block::RequestType::DISCARD, 0, 1},
                              Case{block::RequestType::SECURE_ERASE, 0, 2}}) {
        const Bytes data(wrong.type == block::RequestType::DISCARD ? 15 : block::sector_size);
        ASSERT_TRUE((*driver)->submit(0, {static_cast<std::uint32_t>(wrong.type), wrong.sector, data, 0, 0}));
        const auto results = (*driver)->wait();
        ASSERT_TRUE(results) << describe(results.error());
        EXPECT_EQ(results->front().status, wrong.status) << wrong.sector;
        EXPECT_EQ(results->front().used_length, 1U);
    }
}

TEST(DriverAndBackendErrors, PackedRingsAreWantedOfABackEndThatHasThem) {
    const TemporaryFolder folder;
    BlockBackendOptions options;
    options.image = create_image(folder, "disk.img", image_size);
    ServedBackend backend(options);
    BlockDriverOptions wanted;
    wanted.packed = true;
    const auto driver = BlockDriver::start(Connection(std::move(backend.front_end)), wanted);
    ASSERT_FALSE(driver);
    EXPECT_EQ(driver.error().code, ErrorCode::unsupported);
}

TEST(DriverAndBackendErrors, QueueSizesThatARingCannotHaveAreRefused) {
    for (const auto& [size, packed] : {std::pair(std::uint16_t{3}, false),
                                       {std::uint16_t{100}, false},
                                       {std::uint16_t{3}, true},
                                       {std::uint16_t{40'000}, true}}) {
        auto pair = create_socket_pair();
        ASSERT_TRUE(pair);
        BlockDriverOptions options;
        options.queue_size = size;
        options.packed = packed;
        const auto driver = BlockDriver::start(Connection(std::move(pair->first)), options);
        ASSERT_FALSE(driver) << size;
        EXPECT_EQ(driver.error().code, ErrorCode::usage);
    }
}

TEST(DriverAndBackendErrors, BackEndThatClosesIsReported) {
    auto pair = create_socket_pair();
    ASSERT_TRUE(pair);
    pair->second.reset();
    const auto driver = BlockDriver::start(Connection(std::move(pair->first)), {});
    ASSERT_FALSE(driver);
    EXPECT_EQ(driver.error().code, ErrorCode::peer_closed);
}

TEST(DriverAndBackendErrors, BackEndThatNeverAnswersIsReported) {
    auto pair = create_socket_pair();
    ASSERT_TRUE(pair);
    BlockDriverOptions options;
    options.timeout = std::chrono::milliseconds(20);
    const auto driver = BlockDriver::start(Connection(std::move(pair->first)), options);
    ASSERT_FALSE(driver);
    EXPECT_EQ(driver.error().code, ErrorCode::timeout);
}

// --- Guest memory

TEST(MappedMemory, ZerosKeepASparseFileSparse) {
    constexpr std::uint64_t size = std::uint64_t{1} << 30U;
    const auto file = create_memory_file("test", size);
    ASSERT_TRUE(file);
    MappedMemory memory;
    ASSERT_TRUE(memory.update({{{0, size, 0, 0}, 1}}, [&](std::uint32_t) { return &*file; }));
    ASSERT_TRUE(memory.write(0x20000, as_bytes("old")));
    ASSERT_TRUE(memory.write(0x100, as_bytes("stays")));
    ASSERT_TRUE(memory.zero(0x108, size - 0x110));
    struct stat status {};
    ASSERT_EQ(::fstat(file->number(), &status), 0);
    EXPECT_LE(status.st_blocks * 512, 3 * 4096);
    Bytes found(8);
    ASSERT_TRUE(memory.read(0x20000, found));
    EXPECT_EQ(found, Bytes(8));
    ASSERT_TRUE(memory.read(0x100, found));
    EXPECT_TRUE(std::ranges::equal(ByteView(found).first(5), as_bytes("stays")));
}

TEST(MappedMemory, FileShorterThanItsRegionIsLeftOut) {
    const auto file = create_memory_file("test", 0x1000);
    ASSERT_TRUE(file);
    MappedMemory memory;
    const auto updated =
        memory.update({{{0, 0x2000, 0, 0}, 1}, {{0x10000, 0x1000, 0, 0}, 1}}, [&](std::uint32_t) { return &*file; });
    ASSERT_FALSE(updated);
    EXPECT_EQ(updated.error().code, ErrorCode::bad_input);
    EXPECT_EQ(memory.region_count(), 1U);
    EXPECT_EQ(memory.at(0, 1), nullptr);
    EXPECT_NE(memory.at(0x10fff, 1), nullptr);
    EXPECT_EQ(memory.at(0x10fff, 2), nullptr);
}

TEST(GuestFiles, RegionsOfOneRecordedFileShareOneFile) {
    GuestFiles files;
    trace::Descriptor first{1, {DescriptorKind::memfd, 0, 0, 1, 77, 0x1000}};
    trace::Descriptor second{2, {DescriptorKind::memfd, 0, 0, 1, 77, 0x1000}};
    trace::Descriptor other{3, {DescriptorKind::memfd, 0, 0, 1, 78, 0x1000}};
    const auto one = files.file_for(first, 0);
    const auto two = files.file_for(second, 0x4000);
    const auto three = files.file_for(other, 0);
    ASSERT_TRUE(one && two && three);
    EXPECT_EQ((*one)->number(), (*two)->number());
    EXPECT_NE((*one)->number(), (*three)->number());
    EXPECT_EQ(files.find(2), *one);
    EXPECT_EQ(describe_descriptor(**one).size, 0x4000U);
    EXPECT_NE(::ftruncate((*one)->number(), 0), 0) << "sealed against shrinking";
}

}  // namespace
}  // namespace vutrace::replay
