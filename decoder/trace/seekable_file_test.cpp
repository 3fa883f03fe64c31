#include "vutrace/trace/seekable_file.h"

#include "test_support.h"

#include <vutrace/trace/reader.h>
#include <vutrace/trace/writer.h>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <zstd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

namespace vutrace::trace {
namespace {

constexpr int record_count = 2000;

class SeekableFileTest : public testing::Test {
  protected:
    void SetUp() override {
        auto writer = Writer::create(plain_);
        ASSERT_TRUE(writer);
        for (int i = 0; i < record_count; ++i) {
            ASSERT_TRUE(writer->append(i, 1, NoteRecord{NoteRecord::Severity::info, no_queue, std::to_string(i)}));
        }
        ASSERT_TRUE(writer->flush());
        std::ifstream in(plain_, std::ios::binary);
        const std::string bytes{std::istreambuf_iterator<char>(in), {}};
        compressed_.resize(ZSTD_compressBound(bytes.size()));
        compressed_.resize(ZSTD_compress(compressed_.data(), compressed_.size(), bytes.data(), bytes.size(), 1));
    }

    [[nodiscard]] std::string write_compressed(std::size_t size) const {
        const std::string path = folder_.file("trace.pcap.zst");
        std::ofstream(path, std::ios::binary).write(compressed_.data(), static_cast<std::streamsize>(size));
        return path;
    }
    [[nodiscard]] static int count_records(Reader& reader) {
        int count = 0;
        while (reader.next().value()) {
            ++count;
        }
        return count;
    }

    test::TemporaryFolder folder_;
    const std::string plain_ = folder_.file("trace.pcap");
    std::string compressed_;
};

TEST_F(SeekableFileTest, CompressedTracesCanBeSoughtIn) {
    auto file = SeekableFile::open(write_compressed(compressed_.size()));
    ASSERT_TRUE(file) << describe(file.error());
    EXPECT_FALSE(file->torn());
    auto reader = Reader::open(file->path());
    ASSERT_TRUE(reader) << describe(reader.error());
    const Position start = reader->position();
    EXPECT_EQ(count_records(*reader), record_count);
    ASSERT_TRUE(reader->seek(start));
    EXPECT_EQ(count_records(*reader), record_count);
}

TEST_F(SeekableFileTest, DecompressedBytesHaveNoNameAndAreForTheirOwnerOnly) {
    auto file = SeekableFile::open(write_compressed(compressed_.size()));
    ASSERT_TRUE(file);
    struct stat status {};
    ASSERT_EQ(::stat(file->path().c_str(), &status), 0);
    EXPECT_EQ(status.st_nlink, 0U);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(SeekableFileTest, CompressedTracesThatEndEarlyAreTorn) {
    auto file = SeekableFile::open(write_compressed(compressed_.size() - 5));
    ASSERT_TRUE(file) << describe(file.error());
    EXPECT_TRUE(file->torn());
}

TEST_F(SeekableFileTest, PlainTracesAreReadWhereTheyAreAlsoWhenTheirNameIsGone) {
    auto file = SeekableFile::open(plain_);
    ASSERT_TRUE(file);
    std::filesystem::remove(plain_);
    auto reader = Reader::open(file->path());
    ASSERT_TRUE(reader) << describe(reader.error());
    EXPECT_EQ(count_records(*reader), record_count);
}

TEST_F(SeekableFileTest, AStopEndsDecompressing) {
    std::stop_source stop;
    stop.request_stop();
    const auto file = SeekableFile::open(write_compressed(compressed_.size()), stop.get_token());
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().code, ErrorCode::limit);
}

TEST_F(SeekableFileTest, AStopEndsTheWaitForAPipeThatNobodyWritesTo) {
    const std::string path = folder_.file("pipe");
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    std::stop_source stop;
    ErrorCode code = ErrorCode::system;
    std::jthread opening([&] { code = SeekableFile::open(path, stop.get_token()).error().code; });
    stop.request_stop();
    opening.join();
    EXPECT_EQ(code, ErrorCode::limit);
}

TEST_F(SeekableFileTest, APipeThatHasAWriterIsCopied) {
    const std::string path = folder_.file("pipe");
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    const std::jthread writing([&] { std::ofstream(path, std::ios::binary) << std::ifstream(plain_).rdbuf(); });
    auto file = SeekableFile::open(path);
    ASSERT_TRUE(file) << describe(file.error());
    auto reader = Reader::open(file->path());
    ASSERT_TRUE(reader) << describe(reader.error());
    EXPECT_EQ(count_records(*reader), record_count);
}

TEST_F(SeekableFileTest, WhatNeverEndsAndIsNoTraceIsRefusedAtOnce) {
    const auto file = SeekableFile::open("/dev/zero");
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().code, ErrorCode::bad_input);
}

TEST_F(SeekableFileTest, RoomIsLeftOnTheDisk) {
    const auto file = SeekableFile::open(write_compressed(compressed_.size()), {}, {}, UINT64_MAX);
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().code, ErrorCode::limit);
    EXPECT_NE(file.error().text.find("TMPDIR"), std::string::npos);
}

TEST_F(SeekableFileTest, AFolderIsNamedInTheError) {
    const std::string path = std::filesystem::path(plain_).parent_path();
    const auto file = SeekableFile::open(path);
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().code, ErrorCode::system);
    EXPECT_NE(describe(file.error()).find(path), std::string::npos);
}

TEST_F(SeekableFileTest, WhatIsNotThereCannotBeOpened) {
    const auto file = SeekableFile::open(folder_.file("none"));
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().code, ErrorCode::system);
}

}  // namespace
}  // namespace vutrace::trace
