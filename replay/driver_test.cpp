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
};

class DriverAndBackend : public ::testing::TestWithParam<DriverCase> {};

TEST_P(DriverAndBackend, ReadsGiveWhatWasWritten) {
    const DriverCase& options = GetParam();
    const TemporaryFolder folder;
    BlockBackendOptions backend_options;
    backend_options.image = create_image(folder, "disk.img", image_size);
    backend_options.memory_slots = options.memory_slots;
    ServedBackend backend(backend_options);
    BlockDriverOptions driver_options;
    driver_options.queue_count = options.queue_count;
    driver_options.queue_size = options.queue_size;
    driver_options.event_index = options.event_index;
    driver_options.indirect = options.indirect;
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
                                           DriverCase{"SmallestRing", 1, 4, true, false, 32}),
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

// --- One queue without sockets: both halves on one memory.

class QueuePair : public ::testing::Test {
  protected:
    void SetUp() override {
        auto file = create_memory_file("test", 1U << 20U);
        ASSERT_TRUE(file);
        file_ = std::move(*file);
        map({{{0, 0x10000, 0, 0}, 1}, {{0x80000, 0x10000, 0, 0x10000}, 1}});
        ASSERT_TRUE(driver_.start({layout_, false, 0, 0}));
        ASSERT_TRUE(device_.start(layout_, false, 0));
    }
    void map(const std::vector<session::KnownRegion>& regions) {
        ASSERT_TRUE(memory_.update(regions, [this](std::uint32_t) { return &file_; }));
    }
    static trace::ChainEntry chain(std::uint16_t head, std::vector<trace::ChainDescriptor> descriptors) {
        trace::ChainEntry entry;
        entry.head = head;
        entry.descriptors = std::move(descriptors);
        return entry;
    }
    FileDescriptor file_;
    MappedMemory memory_;
    virtio::SplitRingLayout layout_{8, 0x1000, 0x2000, 0x3000};
    QueueDriver driver_{memory_, 0};
    DeviceQueue device_{memory_};
    virtio::Chain walked_;
    std::vector<Completion> completions_;
};

TEST_F(QueuePair, DeviceSeesDescriptorsAndBytesAsGiven) {
    trace::ChainEntry entry =
        chain(5, {{0x80000, 4, virtio::descriptor_next, 2}, {0x80100, 8, virtio::descriptor_write, 0}});
    entry.content.add_literal(as_bytes("data"));
    ASSERT_TRUE(driver_.offer(entry));
    auto head = device_.take(walked_);
    ASSERT_TRUE(head);
    EXPECT_FALSE(head->has_value()) << "seen before it was published";
    ASSERT_TRUE(driver_.publish());
    head = device_.take(walked_);
    ASSERT_TRUE(head);
    EXPECT_EQ(*head, std::uint16_t{5});
    EXPECT_EQ(walked_.problem, virtio::ChainProblem::none);
    EXPECT_EQ(walked_.readable_bytes, 4U);
    EXPECT_EQ(walked_.writable_bytes, 8U);
    std::array<std::byte, 4> bytes{};
    ASSERT_TRUE(memory_.read(0x80000, bytes));
    EXPECT_TRUE(std::ranges::equal(bytes, as_bytes("data")));
}

TEST_F(QueuePair, TablesAreWrittenBehindIndirectDescriptors) {
    ASSERT_TRUE(driver_.offer(chain(1, {{0x80200, 48, virtio::descriptor_indirect, 0},
                                        {0x80000, 4, virtio::descriptor_next, 2},
                                        {0x80100, 8, virtio::descriptor_write, 0}})));
    ASSERT_TRUE(driver_.publish());
    const auto head = device_.take(walked_);
    ASSERT_TRUE(head);
    EXPECT_EQ(*head, std::uint16_t{1});
    EXPECT_EQ(walked_.problem, virtio::ChainProblem::none);
    EXPECT_EQ(walked_.writable_bytes, 8U);
}

TEST_F(QueuePair, CompletionsMayComeInAnyOrder) {
    for (std::uint16_t head = 0; head < 4; ++head) {
        ASSERT_TRUE(driver_.offer(chain(head, {{0x80000, 1, virtio::descriptor_write, 0}}), head + 100U));
    }
    ASSERT_TRUE(driver_.publish());
    while (*device_.take(walked_)) {
    }
    for (const std::uint16_t head : std::array<std::uint16_t, 4>{3, 0, 2, 1}) {
        device_.give_back(head, head);
    }
    ASSERT_TRUE(driver_.take_used(completions_));
    ASSERT_EQ(completions_.size(), 4U);
    EXPECT_EQ(completions_[0].head, 3U);
    EXPECT_EQ(completions_[0].chain.token, 103U);
    EXPECT_EQ(completions_[3].head, 1U);
    EXPECT_EQ(driver_.in_flight(), 0U);
}

TEST_F(QueuePair, HeadThatWasNeverOfferedIsUnknown) {
    ASSERT_TRUE(driver_.offer(chain(0, {{0x80000, 1, 0, 0}})));
    ASSERT_TRUE(driver_.publish());
    ASSERT_TRUE(device_.take(walked_));
    device_.give_back(7, 0);
    ASSERT_TRUE(driver_.take_used(completions_));
    ASSERT_EQ(completions_.size(), 1U);
    EXPECT_FALSE(completions_[0].known);
    EXPECT_EQ(driver_.in_flight(), 1U);
}

TEST_F(QueuePair, UsedIndexThatRanAheadEndsTheQueue) {
    device_.give_back(0, 0);
    const auto taken = driver_.take_used(completions_);
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().code, ErrorCode::bad_input);
    EXPECT_FALSE(driver_.started());
}

TEST_F(QueuePair, AvailableIndexThatRanAheadEndsTheQueue) {
    const auto ring = RingAccess::create(memory_, layout_);
    ASSERT_TRUE(ring);
    ring->set_available_index(9);
    const auto taken = device_.take(walked_);
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().code, ErrorCode::bad_input);
    EXPECT_FALSE(device_.started());
}

TEST_F(QueuePair, FullRingTakesNoMore) {
    for (std::uint16_t head = 0; head < 8; ++head) {
        ASSERT_TRUE(driver_.offer(chain(head, {{0x80000, 1, 0, 0}})));
    }
    const auto offered = driver_.offer(chain(0, {{0x80000, 1, 0, 0}}));
    ASSERT_FALSE(offered);
    EXPECT_EQ(offered.error().code, ErrorCode::limit);
}

TEST_F(QueuePair, ChainOutsideTheMemoryIsOfferedAndNamed) {
    trace::ChainEntry entry = chain(2, {{0x40000, 4, 0, 0}});
    entry.content.add_literal(as_bytes("data"));
    const auto offered = driver_.offer(entry);
    ASSERT_FALSE(offered);
    EXPECT_EQ(offered.error().code, ErrorCode::bad_input);
    ASSERT_TRUE(driver_.publish());
    const auto head = device_.take(walked_);
    ASSERT_TRUE(head);
    EXPECT_EQ(*head, std::uint16_t{2});
}

TEST_F(QueuePair, RingIsFoundAgainAfterTheRegionsChanged) {
    ASSERT_TRUE(driver_.offer(chain(0, {{0x1000, 1, 0, 0}})));
    map({{{0, 0x8000, 0, 0}, 1}});  // the same file, mapped anew
    ASSERT_TRUE(driver_.publish());
    const auto head = device_.take(walked_);
    ASSERT_TRUE(head);
    EXPECT_EQ(*head, std::uint16_t{0});
    map({});
    EXPECT_FALSE(device_.take(walked_));
    EXPECT_FALSE(driver_.take_used(completions_));
}

TEST_F(QueuePair, KicksOnlyWhenTheDeviceAsksForIt) {
    auto kick = create_event_descriptor();
    ASSERT_TRUE(kick);
    driver_.set_kick(*kick->duplicate());
    const auto ring = RingAccess::create(memory_, layout_);
    ASSERT_TRUE(ring);
    ring->set_used_flags(virtio::used_no_notify);
    ASSERT_TRUE(driver_.offer(chain(0, {{0x80000, 1, 0, 0}})));
    ASSERT_TRUE(driver_.publish());
    EXPECT_EQ(*take_event(*kick), 0U);
    ring->set_used_flags(0);
    ASSERT_TRUE(driver_.offer(chain(1, {{0x80000, 1, 0, 0}})));
    ASSERT_TRUE(driver_.offer(chain(2, {{0x80000, 1, 0, 0}})));
    ASSERT_TRUE(driver_.publish());
    EXPECT_EQ(*take_event(*kick), 1U);
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
