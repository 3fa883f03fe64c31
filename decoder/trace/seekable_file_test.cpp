#include "vutrace/trace/seekable_file.h"

#include "framing.h"
#include "test_support.h"
#include "unpack.h"

#include <vutrace/trace/reader.h>
#include <vutrace/trace/writer.h>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <zstd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <thread>

namespace vutrace::trace {
namespace {

constexpr int record_count = 2000;

// What is behind a header or a record, compressed: bytes that are no record of ours.
class Compressor {
  public:
    explicit Compressor(const std::string& path) : file_(path, std::ios::binary), stream_(ZSTD_createCStream()) {}
    ~Compressor() {
        add({}, ZSTD_e_end);
        ZSTD_freeCStream(stream_);
    }
    Compressor(const Compressor&) = delete;
    Compressor& operator=(const Compressor&) = delete;

    void add(std::string_view bytes, ZSTD_EndDirective end = ZSTD_e_continue) {
        ZSTD_inBuffer from{bytes.data(), bytes.size(), 0};
        std::size_t left = 1;
        while (from.pos < from.size || (end == ZSTD_e_end && left != 0)) {
            ZSTD_outBuffer to{buffer_.data(), buffer_.size(), 0};
            left = ZSTD_compressStream2(stream_, &to, &from, end);
            ASSERT_EQ(ZSTD_isError(left), 0U);
            file_.write(buffer_.data(), static_cast<std::streamsize>(to.pos));
        }
    }
    void add_zeros(std::size_t mebibytes) {
        const std::string zeros(std::size_t{1} << 20U, '\0');
        for (std::size_t i = 0; i < mebibytes; ++i) {
            add(zeros);
        }
    }

  private:
    std::ofstream file_;
    ZSTD_CStream* stream_;
    std::string buffer_ = std::string(std::size_t{1} << 16U, '\0');
};

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
        bytes_.assign(std::istreambuf_iterator<char>(in), {});
        compressed_.resize(ZSTD_compressBound(bytes_.size()));
        compressed_.resize(ZSTD_compress(compressed_.data(), compressed_.size(), bytes_.data(), bytes_.size(), 1));
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
    std::string bytes_;  // of it
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
    EXPECT_TRUE(file->still_holds(file->known_to(bytes_.size()))) << "nobody can read the pipe again";
}

TEST_F(SeekableFileTest, WhatNeverEndsAndIsNoTraceIsRefusedAtOnce) {
    const auto file = SeekableFile::open("/dev/zero");
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().code, ErrorCode::bad_input);
}

constexpr std::size_t most_mebibytes = most_bytes_without_a_record >> 20U;

// Some kilobytes that would become gigabytes on the disk.
TEST_F(SeekableFileTest, NothingBehindAHeaderIsUnpackedToItsEnd) {
    const std::string path = folder_.file("zeros.pcap.zst");
    {
        Compressor file(path);
        file.add(std::string_view(bytes_).substr(0, file_header_size));
        file.add_zeros(most_mebibytes * 4);
    }
    std::uint64_t unpacked = 0;
    const auto file = SeekableFile::open(path, {}, [&](std::uint64_t bytes, std::uint64_t) { unpacked = bytes; });
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().code, ErrorCode::bad_input);
    EXPECT_NE(file.error().text.find("no record of vutrace"), std::string::npos) << file.error().text;
    EXPECT_LT(unpacked, (most_mebibytes + 2) << 20U);
}

TEST_F(SeekableFileTest, NothingBehindRecordsIsLeftOutAndSaid) {
    const std::string path = folder_.file("then_zeros.pcap.zst");
    {
        Compressor file(path);
        file.add(bytes_);
        file.add_zeros(most_mebibytes + 2);
    }
    const auto file = SeekableFile::open(path);
    ASSERT_TRUE(file) << describe(file.error());
    ASSERT_TRUE(file->torn());
    EXPECT_EQ(file->torn()->offset, bytes_.size());
    EXPECT_EQ(std::filesystem::file_size(file->path()), bytes_.size());
    auto reader = Reader::open(file->path());
    ASSERT_TRUE(reader) << describe(reader.error());
    EXPECT_EQ(count_records(*reader), record_count);
    EXPECT_EQ(reader->problems().foreign_packets, 0U);
}

// What merging with other captures leaves behind is passed over: there are records behind it.
TEST_F(SeekableFileTest, LargeTracesWithForeignPacketsAmongTheirRecordsAreUnpackedToTheirEnd) {
    const std::string path = folder_.file("merged.pcap.zst");
    const std::string_view records = std::string_view(bytes_).substr(file_header_size);
    constexpr std::size_t rounds = 3;
    {
        Compressor file(path);
        file.add(bytes_);
        for (std::size_t i = 0; i < rounds; ++i) {
            file.add_zeros(most_mebibytes - 1);
            file.add(records);
        }
    }
    const auto file = SeekableFile::open(path);
    ASSERT_TRUE(file) << describe(file.error());
    EXPECT_FALSE(file->torn());
    EXPECT_EQ(std::filesystem::file_size(file->path()),
              bytes_.size() + rounds * (((most_mebibytes - 1) << 20U) + records.size()));
}

// The reader of the copy says what it is.
TEST_F(SeekableFileTest, WhatIsOnlyCalledCompressedIsNoTrace) {
    const std::string path = folder_.file("random.pcap.zst");
    std::ofstream(path) << std::string(5000, 'r');
    const auto file = SeekableFile::open(path);
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().code, ErrorCode::bad_input);
    EXPECT_NE(file.error().text.find("is not a trace: zstd"), std::string::npos) << file.error().text;
}

TEST_F(SeekableFileTest, CompressedCapturesOfSomethingElseAreNotUnpacked) {
    const std::string path = folder_.file("ethernet.pcap.zst");
    std::string header = bytes_.substr(0, file_header_size);
    header[20] = 1;  // the link type
    {
        Compressor file(path);
        file.add(header);
        file.add_zeros(8);
    }
    const auto file = SeekableFile::open(path);
    ASSERT_TRUE(file) << describe(file.error());
    EXPECT_LT(std::filesystem::file_size(file->path()), 1U << 20U);
    const auto reader = Reader::open(file->path());
    ASSERT_FALSE(reader);
    EXPECT_NE(reader.error().text.find("EN10MB"), std::string::npos) << reader.error().text;
}

// As in a plain file: behind a packet whose header makes no sense nothing can be found.
TEST_F(SeekableFileTest, CompressedTracesAreUnpackedUpToWhereTheyAreDamaged) {
    const std::string path = folder_.file("damaged.pcap.zst");
    {
        Compressor file(path);
        file.add(bytes_);
        file.add(std::string(16, '\x7f'));
        file.add_zeros(8);
    }
    const auto file = SeekableFile::open(path);
    ASSERT_TRUE(file) << describe(file.error());
    EXPECT_LT(std::filesystem::file_size(file->path()), bytes_.size() + (1U << 20U));
    auto reader = Reader::open(file->path());
    ASSERT_TRUE(reader);
    EXPECT_EQ(count_records(*reader), record_count);
    ASSERT_TRUE(reader->problems().torn);
    EXPECT_EQ(reader->problems().torn->offset, bytes_.size());
}

TEST_F(SeekableFileTest, RoomIsLeftOnTheDisk) {
    const auto file = SeekableFile::open(write_compressed(compressed_.size()), {}, {}, UINT64_MAX);
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().code, ErrorCode::limit);
    EXPECT_NE(file.error().text.find("TMPDIR"), std::string::npos);
}

TEST_F(SeekableFileTest, AFileThatGrewStillHoldsWhatWasRead) {
    const auto file = SeekableFile::open(plain_);
    ASSERT_TRUE(file);
    const SeekableFile::Known known = file->known_to(bytes_.size() - 100);
    EXPECT_TRUE(file->still_holds(known));
    std::ofstream(plain_, std::ios::binary | std::ios::app) << bytes_.substr(file_header_size);
    EXPECT_TRUE(file->still_holds(known));
}

TEST_F(SeekableFileTest, AFileThatWasReplacedOrWrittenAnewDoesNotHoldWhatWasRead) {
    const auto file = SeekableFile::open(plain_);
    ASSERT_TRUE(file);
    const SeekableFile::Known known = file->known_to(bytes_.size() - 100);
    std::filesystem::rename(plain_, plain_ + ".old");
    EXPECT_FALSE(file->still_holds(known)) << "it is gone";
    std::ofstream(plain_, std::ios::binary) << bytes_;
    EXPECT_FALSE(file->still_holds(known)) << "the same bytes in another file";
    std::filesystem::rename(plain_ + ".old", plain_);
    EXPECT_TRUE(file->still_holds(known));
    std::string others = bytes_;
    others[others.size() - 200] ^= 1;
    std::ofstream(plain_, std::ios::binary) << others;
    EXPECT_FALSE(file->still_holds(known)) << "other bytes in the same file";
    std::ofstream(plain_, std::ios::binary) << bytes_.substr(0, bytes_.size() - 101);
    EXPECT_FALSE(file->still_holds(known)) << "fewer bytes";
}

TEST_F(SeekableFileTest, ACopyHoldsWhatWasReadWhileItsSourceIsAsItWas) {
    const std::string path = write_compressed(compressed_.size());
    const auto file = SeekableFile::open(path);
    ASSERT_TRUE(file);
    const SeekableFile::Known known = file->known_to(bytes_.size() / 2);
    EXPECT_TRUE(file->still_holds(known));
    std::ofstream(path, std::ios::binary | std::ios::app) << "more";
    EXPECT_FALSE(file->still_holds(known));
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
