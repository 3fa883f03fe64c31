#include "shared_areas.h"

#include "testing/data_path_fixture.h"

#include <vutrace/protocol/features.h>
#include <vutrace/system/pipe.h>

#include <gmock/gmock.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>

namespace vutrace::capture {
namespace {

using protocol::FrontEndRequest;
using testing::DataPathTest;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Part = trace::MemoryRecord::Part;

class SharedAreasTest : public DataPathTest {
  protected:
    void SetUp() override { open(DataPathMode::off); }

    static FileDescriptor file_of(std::size_t size) {
        FileDescriptor file(::memfd_create("area", MFD_CLOEXEC));
        EXPECT_EQ(::ftruncate(file.number(), static_cast<off_t>(size)), 0);
        return file;
    }
    static void write_byte(const FileDescriptor& file, std::uint64_t at, std::uint8_t value) {
        EXPECT_EQ(::pwrite(file.number(), &value, 1, static_cast<off_t>(at)), 1);
    }
    void set_log(const FileDescriptor& file, std::uint64_t size, std::uint64_t offset = 0) {
        (void)send(FrontEndRequest::SET_LOG_BASE, protocol::serialise(protocol::Log{size, offset}),
                   one(std::move(*file.duplicate())));
    }
    void set_inflight(const FileDescriptor& file, std::uint64_t size, std::uint64_t offset = 0) {
        (void)send(FrontEndRequest::SET_INFLIGHT_FD, protocol::serialise(protocol::Inflight{size, offset, 1, 4}),
                   one(std::move(*file.duplicate())));
    }
    void stop_queue() {
        (void)send(FrontEndRequest::GET_VRING_BASE, protocol::serialise(protocol::VringState{0, 0}));
        answer(FrontEndRequest::GET_VRING_BASE, protocol::serialise(protocol::VringState{0, 0}));
    }
    [[nodiscard]] std::vector<trace::MemoryRecord> records() const { return recorder.all<trace::MemoryRecord>(); }
};

std::uint8_t byte_at(const trace::MemoryRecord& record, std::uint64_t offset) {
    Bytes byte(1);
    EXPECT_TRUE(record.content.read(offset, byte));
    return std::to_integer<std::uint8_t>(byte[0]);
}

TEST_F(SharedAreasTest, AnAreaIsRecordedWhenItIsSetUpWhenAQueueStopsAndAtTheEnd) {
    const FileDescriptor file = file_of(8192);
    set_inflight(file, 4096, 4096);
    ASSERT_THAT(records(), SizeIs(1));
    EXPECT_EQ(records()[0].part, Part::inflight);
    EXPECT_EQ(records()[0].proof, trace::Proof::late);
    EXPECT_EQ(records()[0].content.size(), 4096U);
    write_byte(file, 4096 + 8, 1);
    stop_queue();
    ASSERT_THAT(records(), SizeIs(2));
    EXPECT_EQ(byte_at(records()[1], 8), 1U);
    write_byte(file, 4096 + 9, 2);
    path->session_ended();
    ASSERT_THAT(records(), SizeIs(3));
    EXPECT_EQ(byte_at(records()[2], 9), 2U);
}

TEST_F(SharedAreasTest, ALogInUseIsRecordedAtAPace) {
    open(DataPathMode::tap);
    const auto passes = [this](std::size_t count) {  // messages, until there are so many records
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{10};
        while (records().size() < count && std::chrono::steady_clock::now() < deadline) {
            (void)send(FrontEndRequest::GET_QUEUE_NUM, {});
        }
        return records().size();
    };
    const FileDescriptor file = file_of(4096);
    set_log(file, 4096);
    ASSERT_THAT(records(), SizeIs(1));
    (void)send(FrontEndRequest::SET_FEATURES, protocol::serialise_u64(std::uint64_t{1} << protocol::feature::LOG_ALL));
    write_byte(file, 100, 3);
    ASSERT_EQ(passes(2), 2U);
    EXPECT_EQ(byte_at(records()[1], 100), 3U);
    write_byte(file, 100, 0);  // the front-end has seen it
    ASSERT_EQ(passes(3), 3U);
    EXPECT_EQ(byte_at(records()[2], 100), 0U);
}

TEST_F(SharedAreasTest, ALogNotInUseIsLeftAloneUntilAQueueStops) {
    open(DataPathMode::tap);
    const FileDescriptor file = file_of(4096);
    set_log(file, 4096);
    write_byte(file, 100, 3);
    (void)send(FrontEndRequest::GET_QUEUE_NUM, {});
    EXPECT_THAT(records(), SizeIs(1));
    stop_queue();
    EXPECT_THAT(records(), SizeIs(2));
}

TEST_F(SharedAreasTest, WhatDidNotChangeIsNotRecordedAgain) {
    const FileDescriptor file = file_of(4096);
    set_log(file, 4096);
    stop_queue();
    stop_queue();
    path->session_ended();
    ASSERT_THAT(records(), SizeIs(1));
    EXPECT_EQ(records()[0].part, Part::log);
}

TEST_F(SharedAreasTest, TheAreaThatTheBackEndGivesIsRecorded) {
    FileDescriptor file = file_of(4096);
    write_byte(file, 0, 7);
    const Bytes payload = protocol::serialise(protocol::Inflight{4096, 0, 1, 4});
    const protocol::Header header{static_cast<std::uint32_t>(FrontEndRequest::GET_INFLIGHT_FD),
                                  protocol::version_1 | protocol::reply_flag,
                                  static_cast<std::uint32_t>(payload.size())};
    auto descriptors = one(std::move(file));
    const std::vector<std::uint32_t> ids{1};
    path->forwarded({Side::back_end, header, payload, &descriptors, &ids}, {});
    ASSERT_THAT(records(), SizeIs(1));
    EXPECT_EQ(byte_at(records()[0], 0), 7U);
}

TEST_F(SharedAreasTest, AFileThatShrankGivesWhatIsLeft) {
    const FileDescriptor file = file_of(8192);
    set_inflight(file, 8192);
    ASSERT_EQ(::ftruncate(file.number(), 100), 0);
    stop_queue();
    ASSERT_THAT(records(), SizeIs(2));
    EXPECT_EQ(records()[1].content.size(), 8192U);
    EXPECT_EQ(records()[1].content.missing(), 8192U - 100U);
}

TEST_F(SharedAreasTest, ALargeLogComesInPiecesAndIsBounded) {
    constexpr std::uint64_t size = SharedAreas::most_log_bytes * 2;
    const FileDescriptor file = file_of(size);
    write_byte(file, 300'000, 0xff);
    set_log(file, size);
    const auto pieces = records();
    ASSERT_THAT(pieces, SizeIs(16));
    EXPECT_EQ(pieces[1].address, 256U << 10U);
    EXPECT_EQ(byte_at(pieces[1], 300'000 - pieces[1].address), 0xffU);
    EXPECT_EQ(pieces.back().content.missing(), size - SharedAreas::most_log_bytes);
}

TEST_F(SharedAreasTest, WhatCannotBeReadIsTold) {
    const auto [end, other_end] = create_pipe().value();
    set_log(end, 4096);
    const FileDescriptor file = file_of(4096);
    set_inflight(file, 4096, UINT64_MAX - 10);
    EXPECT_THAT(records(), IsEmpty());
    EXPECT_THAT(recorder.all<trace::NoteRecord>(), SizeIs(2));
}

TEST_F(SharedAreasTest, SizesThatLieClaimNoMemory) {
    const FileDescriptor file = file_of(10);
    set_log(file, UINT64_MAX);
    ASSERT_THAT(records(), SizeIs(1));
    EXPECT_EQ(records()[0].content.size(), trace::max_content_size);
}

TEST_F(SharedAreasTest, ARequestWithoutADescriptorEndsTheAreaBefore) {
    const FileDescriptor file = file_of(4096);
    set_log(file, 4096);
    (void)send(FrontEndRequest::SET_LOG_BASE, protocol::serialise(protocol::Log{4096, 0}));
    write_byte(file, 0, 1);
    stop_queue();
    EXPECT_THAT(records(), SizeIs(1));
}

TEST_F(SharedAreasTest, WithoutMemoryInTheTraceTheyAreNotRead) {
    open(DataPathMode::tap, MemoryMode::none);
    const FileDescriptor file = file_of(4096);
    set_log(file, 4096);
    EXPECT_THAT(records(), IsEmpty());
}

}  // namespace
}  // namespace vutrace::capture
