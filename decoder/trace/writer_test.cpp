#include "vutrace/trace/writer.h"

#include "framing.h"
#include "test_support.h"

#include <vutrace/trace/encode.h>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

namespace vutrace::trace {
namespace {

using namespace std::chrono_literals;
using test::pattern;
using test::read_trace;
using test::start_time;

// Makes the file system refuse bytes beyond a size (EFBIG), as a full disk would: half a write first, then an error.
class FileSizeLimit {
  public:
    explicit FileSizeLimit(rlim_t limit) {
        ::getrlimit(RLIMIT_FSIZE, &before_);
        handler_ = std::signal(SIGXFSZ, SIG_IGN);
        set(limit);
    }
    FileSizeLimit(const FileSizeLimit&) = delete;
    FileSizeLimit& operator=(const FileSizeLimit&) = delete;
    ~FileSizeLimit() {
        ::setrlimit(RLIMIT_FSIZE, &before_);
        std::signal(SIGXFSZ, handler_);
    }
    void set(rlim_t limit) const {
        const rlimit now{limit, before_.rlim_max};
        EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &now), 0);
    }
    void lift() const { EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &before_), 0); }

  private:
    rlimit before_{};
    void (*handler_)(int){nullptr};
};

RecordBody note_of(std::size_t size, char letter = 'n') {
    return NoteRecord{NoteRecord::Severity::info, no_queue, std::string(size, letter)};
}

// Bytes that a note with that text has in the file.
std::size_t size_in_file(std::size_t text) {
    return packet_header_size + prefix_size + 8 + text;
}

mode_t mode_of(const std::string& path) {
    struct stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0);
    return status.st_mode & 07777U;
}

TEST(Writer, MakesTheFilePrivateWhateverTheUmask) {
    const test::TemporaryFolder folder;
    const mode_t before = ::umask(0);
    EXPECT_TRUE(Writer::create(folder.file("new")));
    ::umask(before);
    EXPECT_EQ(mode_of(folder.file("new")), 0600U);
}

TEST(Writer, MakesAnExistingFilePrivateAndEmpty) {
    const test::TemporaryFolder folder;
    test::write_file(folder.file("old"), pattern(5000));
    ASSERT_EQ(::chmod(folder.file("old").c_str(), 0666), 0);
    ASSERT_TRUE(Writer::create(folder.file("old")));
    EXPECT_EQ(mode_of(folder.file("old")), 0600U);
    EXPECT_EQ(std::filesystem::file_size(folder.file("old")), file_header_size);
}

TEST(Writer, SaysWhyAFileCannotBeCreated) {
    const test::TemporaryFolder folder;
    const auto writer = Writer::create(folder.file("missing/trace"));
    ASSERT_FALSE(writer);
    EXPECT_EQ(writer.error().code, ErrorCode::system);
    EXPECT_EQ(writer.error().errno_value, ENOENT);
    EXPECT_EQ(Writer::create(folder.file("")).error().errno_value, EISDIR);
}

TEST(Writer, FailsOnAFullDeviceAndLeavesItsModeAlone) {
    const mode_t before = mode_of("/dev/full");
    const auto writer = Writer::create("/dev/full");
    ASSERT_FALSE(writer);
    EXPECT_EQ(writer.error().errno_value, ENOSPC);
    EXPECT_EQ(mode_of("/dev/full"), before);
}

TEST(Writer, RaisesTimesThatStepBackOrDoNotFit) {
    const test::TemporaryFolder folder;
    {
        auto writer = Writer::create(folder.file("t"));
        ASSERT_TRUE(writer);
        for (const std::int64_t time :
             {INT64_MIN, std::int64_t{5}, start_time, start_time - 1, INT64_MAX, start_time}) {
            ASSERT_TRUE(writer->append(time, 1, EventRecord{}));
        }
    }
    std::vector<std::int64_t> times;
    for (const Record& record : read_trace(folder.file("t")).records) {
        times.push_back(record.time);
    }
    constexpr std::int64_t latest = 4'294'967'295'999'999'999;
    EXPECT_EQ(times, (std::vector<std::int64_t>{0, 5, start_time, start_time, latest, latest}));
}

TEST(Writer, ShowsWholeRecordsToReadersOfTheGrowingFile) {
    const test::TemporaryFolder folder;
    auto writer = Writer::create(folder.file("t"));
    ASSERT_TRUE(writer);
    auto reader = Reader::open(folder.file("t"));
    ASSERT_TRUE(reader);
    for (std::uint64_t i = 1; i <= 3; ++i) {
        EXPECT_FALSE(reader->next().value());
        ASSERT_TRUE(writer->append(start_time, 1, note_of(100)));
        ASSERT_TRUE(writer->flush());
        EXPECT_EQ(std::filesystem::file_size(folder.file("t")), writer->bytes_written());
        EXPECT_EQ(writer->records_written(), i);
        const auto record = reader->next().value();
        ASSERT_TRUE(record);
        EXPECT_EQ(record->sequence, i);
    }
}

TEST(Writer, SplitsLargeBodiesAtEveryEdge) {
    const test::TemporaryFolder folder;
    std::vector<RecordBody> bodies;
    for (const std::size_t size : {max_piece - 1, max_piece, max_piece + 1, 2 * max_piece, 2 * max_piece + 1}) {
        bodies.push_back(note_of(size - 8, static_cast<char>('a' + bodies.size())));
    }
    test::write_trace(folder.file("t"), bodies);
    const auto contents = read_trace(folder.file("t"));
    ASSERT_EQ(contents.records.size(), bodies.size());
    for (std::size_t i = 0; i < bodies.size(); ++i) {
        EXPECT_TRUE(contents.records[i].body == bodies[i]) << i;
        EXPECT_EQ(contents.records[i].sequence, i + 1) << "fragments count once";
    }
    EXPECT_FALSE(contents.problems.torn);
    EXPECT_EQ(contents.problems.bad_record_count, 0U);
}

TEST(Writer, TakesTheLargestBodyAndRefusesALargerOne) {
    const test::TemporaryFolder folder;
    const std::string path = folder.file("t");
    {
        auto writer = Writer::create(path);
        ASSERT_TRUE(writer);
        EXPECT_EQ(writer->append(1, 1, note_of(max_body_size - 7)).error().code, ErrorCode::limit);
        EXPECT_EQ(writer->append(1, 1, RecordType::note, Bytes(max_body_size + 1)).error().code, ErrorCode::limit);
        EXPECT_EQ(writer->records_written(), 0U);
        EXPECT_TRUE(writer->append(1, 1, note_of(max_body_size - 8)));
        EXPECT_TRUE(writer->append(1, 1, RecordType::event, Bytes(12)));
    }
    const auto contents = read_trace(path);
    ASSERT_EQ(contents.records.size(), 2U);
    EXPECT_TRUE(contents.records[0].body == note_of(max_body_size - 8));
}

// For every place in a record at which the disk may be full.
TEST(Writer, LeavesWholeRecordsOnAFullDiskAndGoesOnWhenThereIsRoom) {
    const test::TemporaryFolder folder;
    const std::string path = folder.file("t");
    constexpr std::size_t text = 20;
    const std::size_t record_size = size_in_file(text);
    for (std::size_t limit = file_header_size + record_size; limit <= file_header_size + 2 * record_size; ++limit) {
        FileSizeLimit full_disk(static_cast<rlim_t>(limit));
        auto writer = Writer::create(path);
        ASSERT_TRUE(writer);
        for (int i = 0; i < 5; ++i) {
            ASSERT_TRUE(writer->append(start_time + i, 1, note_of(text, static_cast<char>('0' + i))));
        }
        const Status flushed = writer->flush();
        ASSERT_FALSE(flushed);
        EXPECT_EQ(flushed.error().errno_value, EFBIG);
        const std::size_t fitting = (limit - file_header_size) / record_size;
        EXPECT_EQ(std::filesystem::file_size(path), file_header_size + fitting * record_size) << limit;
        EXPECT_FALSE(writer->flush()) << "still full";
        full_disk.lift();
        ASSERT_TRUE(writer->append(start_time + 5, 1, note_of(text, '5')));
        ASSERT_TRUE(writer->flush());
        const auto contents = read_trace(path);
        ASSERT_EQ(contents.records.size(), 6U) << limit;
        for (int i = 0; i < 6; ++i) {
            EXPECT_TRUE(contents.records[static_cast<std::size_t>(i)].body ==
                        note_of(text, static_cast<char>('0' + i)));
        }
        EXPECT_FALSE(contents.problems.torn);
    }
}

TEST(Writer, AFailingAppendTakesNothingAndMayBeRepeated) {
    const test::TemporaryFolder folder;
    const std::string path = folder.file("t");
    constexpr std::size_t text = 700'000;  // in three fragments; two records do not fit into what waits
    {
        FileSizeLimit full_disk(1'000'000);
        auto writer = Writer::create(path);
        ASSERT_TRUE(writer);
        ASSERT_TRUE(writer->append(1, 1, note_of(text, 'a')));
        ASSERT_TRUE(writer->append(2, 1, note_of(text, 'b'))) << "the first goes to the file";
        for (int i = 0; i < 3; ++i) {
            EXPECT_EQ(writer->append(3, 1, note_of(text, 'c')).error().errno_value, EFBIG);
            EXPECT_EQ(writer->records_written(), 2U);
            EXPECT_EQ(read_trace(path).records.size(), 1U);
            EXPECT_FALSE(read_trace(path).problems.torn);
        }
        full_disk.lift();
        ASSERT_TRUE(writer->append(3, 1, note_of(text, 'c')));
    }
    const auto contents = read_trace(path);
    ASSERT_EQ(contents.records.size(), 3U);
    EXPECT_TRUE(contents.records[2].body == note_of(text, 'c'));
}

TEST(Writer, EndsWithAWholeRecordWhenDestroyedOnAFullDisk) {
    const test::TemporaryFolder folder;
    const std::string path = folder.file("t");
    {
        const FileSizeLimit full_disk(1000);
        auto writer = Writer::create(path);
        ASSERT_TRUE(writer);
        for (int i = 0; i < 100; ++i) {
            ASSERT_TRUE(writer->append(i, 1, note_of(40)));
        }
        Writer moved = std::move(*writer);
    }
    EXPECT_EQ(read_trace(path).records.size(), (1000 - file_header_size) / size_in_file(40));
    EXPECT_FALSE(read_trace(path).problems.torn);
}

TEST(Writer, WritesIntoAPipe) {
    const test::TemporaryFolder folder;
    const std::string path = folder.file("pipe");
    ASSERT_EQ(::mkfifo(path.c_str(), 0640), 0);
    std::size_t records = 0;
    std::thread reading([&] { records = read_trace(path).records.size(); });
    {
        auto writer = Writer::create(path);
        EXPECT_TRUE(writer);
        for (int i = 0; writer && i < 10; ++i) {
            EXPECT_TRUE(writer->append(i, 1, note_of(100'000)));
        }
    }
    reading.join();
    EXPECT_EQ(records, 10U);
    EXPECT_EQ(mode_of(path), 0640U);
}

TEST(Writer, DoesNotWaitForEverForAPipesReader) {
    const test::TemporaryFolder folder;
    const std::string path = folder.file("pipe");
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    const auto writer = Writer::create(path, {.open = 20ms});
    ASSERT_FALSE(writer);
    EXPECT_EQ(writer.error().code, ErrorCode::system);
    EXPECT_EQ(writer.error().errno_value, ENXIO);
    EXPECT_THAT(writer.error().text, testing::HasSubstr("nobody reads"));
}

TEST(Writer, KeepsWhatAPipesReaderDoesNotTakeUntilItDoes) {
    const test::TemporaryFolder folder;
    const std::string path = folder.file("pipe");
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    const FileDescriptor pipe(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    auto writer = Writer::create(path, {.write = 20ms});
    ASSERT_TRUE(writer) << describe(writer.error());
    EXPECT_EQ(writer->waiting().records, 0U);
    constexpr std::uint64_t records = 100;
    for (std::uint64_t i = 0; i < records; ++i) {
        ASSERT_TRUE(writer->append(start_time, 1, note_of(2000)));
    }
    for (int i = 0; i < 2; ++i) {
        const Status flushed = writer->flush();
        ASSERT_FALSE(flushed);
        EXPECT_EQ(flushed.error().code, ErrorCode::system);
        EXPECT_THAT(flushed.error().text, testing::HasSubstr("took nothing"));
    }
    int in_the_pipe = 0;
    ASSERT_EQ(::ioctl(pipe.number(), FIONREAD, &in_the_pipe), 0);
    const auto taken = static_cast<std::size_t>(in_the_pipe);
    const auto waiting = writer->waiting();
    EXPECT_EQ(waiting.records, records - (taken - file_header_size) / size_in_file(2000));
    EXPECT_EQ(waiting.bytes, file_header_size + records * size_in_file(2000) - taken);

    const std::string copy = folder.file("copy");
    std::thread reading([&] {
        (void)::fcntl(pipe.number(), F_SETFL, 0);
        std::ofstream out(copy, std::ios::binary);
        std::array<char, 65536> buffer{};
        for (ssize_t count = 0; (count = ::read(pipe.number(), buffer.data(), buffer.size())) > 0;) {
            out.write(buffer.data(), count);
        }
    });
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (!writer->flush()) {
        ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    }
    EXPECT_EQ(writer->waiting().records, 0U);
    { const Writer gone = std::move(*writer); }
    reading.join();
    const auto contents = read_trace(copy);
    EXPECT_EQ(contents.records.size(), records);
    EXPECT_FALSE(contents.problems.torn);
}

TEST(Writer, GoesAtOnceWhereItsReaderTookNothing) {
    const test::TemporaryFolder folder;
    const std::string path = folder.file("pipe");
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    const FileDescriptor pipe(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    std::optional<Writer> writer(std::move(*Writer::create(path, {.write = 300ms})));
    ASSERT_TRUE(writer->append(1, 1, note_of(200'000)));
    ASSERT_FALSE(writer->flush());
    const auto before = std::chrono::steady_clock::now();
    writer.reset();
    EXPECT_LT(std::chrono::steady_clock::now() - before, 300ms);
}

}  // namespace
}  // namespace vutrace::trace
