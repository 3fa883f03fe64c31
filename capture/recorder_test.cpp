#include "vutrace/capture/recorder.h"

#include <vutrace/trace/reader.h>

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

namespace vutrace::capture {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::size_t small_queue = 64U << 10U;

trace::NoteRecord note(std::string text) {
    return {trace::NoteRecord::Severity::info, trace::no_queue, std::move(text)};
}

trace::MemoryRecord memory(std::uint16_t queue, std::size_t size) {
    trace::MemoryRecord record;
    record.queue = queue;
    record.content.add_literal(Bytes(size, std::byte{0x5a}));
    return record;
}

template <class Condition>
[[nodiscard]] bool wait_for(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) {
            return false;
        }
        std::this_thread::yield();
    }
    return true;
}

class RecorderTest : public testing::Test {
  protected:
    RecorderTest() {
        std::array<char, 40> name{"/tmp/vutrace-recorder-XXXXXX"};
        folder_ = ::mkdtemp(name.data());
        path_ = folder_ + "/trace.pcap";
    }
    ~RecorderTest() override { std::filesystem::remove_all(folder_); }
    RecorderTest(const RecorderTest&) = delete;
    RecorderTest& operator=(const RecorderTest&) = delete;

    std::unique_ptr<Recorder> start(std::size_t queue_bytes, std::chrono::milliseconds write_patience = 60s) {
        Recorder::Options options;
        options.path = path_;
        options.patience.write = write_patience;
        options.queue_bytes = queue_bytes;
        options.flush_interval = 1ms;
        options.log = [this](const std::string& line) {
            const std::lock_guard lock(mutex_);
            log_.push_back(line);
        };
        auto recorder = Recorder::start(std::move(options));
        EXPECT_TRUE(recorder) << describe(recorder.error());
        return std::move(*recorder);
    }
    static std::vector<trace::Record> read(const std::string& path) {
        std::vector<trace::Record> records;
        auto reader = trace::Reader::open(path);
        EXPECT_TRUE(reader) << describe(reader.error());
        while (reader) {
            auto record = reader->next();
            if (!record || !*record) {
                EXPECT_EQ(reader->problems().bad_record_count, 0U);
                break;
            }
            records.push_back(std::move(**record));
        }
        return records;
    }
    static trace::GapRecord sum_of_gaps(const std::vector<trace::Record>& records) {
        trace::GapRecord sum;
        for (const trace::Record& record : records) {
            if (const auto* gap = std::get_if<trace::GapRecord>(&record.body)) {
                sum.records += gap->records;
                sum.bytes += gap->bytes;
                sum.chains += gap->chains;
                sum.reason = gap->reason;
            }
        }
        return sum;
    }

    std::string folder_;
    std::string path_;
    std::mutex mutex_;
    std::vector<std::string> log_;
};

TEST_F(RecorderTest, RecordsOfManyThreadsKeepTheirOrderAndTimesNeverStepBack) {
    constexpr std::uint32_t threads = 4;
    constexpr int each = 3000;
    auto recorder = start(16U << 20U);
    std::vector<std::thread> producers;
    for (std::uint32_t session = 1; session <= threads; ++session) {
        producers.emplace_back([&recorder, session] {
            for (int i = 0; i < each; ++i) {
                EXPECT_TRUE(recorder->record(session, note(std::to_string(i))));
            }
        });
    }
    for (std::thread& producer : producers) {
        producer.join();
    }
    ASSERT_TRUE(recorder->finish());
    EXPECT_EQ(recorder->counters().records_written, std::uint64_t{threads} * each);
    std::map<std::uint32_t, int> next;
    std::int64_t last = 0;
    for (const trace::Record& record : read(path_)) {
        EXPECT_GE(record.time, last);
        last = record.time;
        EXPECT_EQ(std::get<trace::NoteRecord>(record.body).text, std::to_string(next[record.session]++));
    }
    for (std::uint32_t session = 1; session <= threads; ++session) {
        EXPECT_EQ(next[session], each);
    }
}

TEST_F(RecorderTest, AQuietRecorderPutsRecordsIntoTheFileByItself) {
    auto recorder = start(small_queue);
    const auto before = std::filesystem::file_size(path_);
    recorder->record(1, note("here"));
    EXPECT_TRUE(wait_for([&] { return std::filesystem::file_size(path_) > before; }));
}

TEST_F(RecorderTest, MoreThanTheQueueHoldsPassesThroughItInRounds) {
    auto recorder = start(small_queue);
    std::vector<std::size_t> sizes;
    for (std::size_t i = 0; i < 2000; ++i) {
        const auto record = memory(1, 1 + i * 37 % 6000);
        sizes.push_back(1 + i * 37 % 6000);
        ASSERT_TRUE(wait_for([&] { return recorder->record(1, record); }));
    }
    ASSERT_TRUE(recorder->finish());
    std::vector<std::size_t> found;
    for (const trace::Record& record : read(path_)) {
        if (const auto* content = std::get_if<trace::MemoryRecord>(&record.body)) {
            found.push_back(content->content.size());
        }
    }
    EXPECT_EQ(found, sizes);
    EXPECT_EQ(sum_of_gaps(read(path_)).records, recorder->counters().records_dropped);
}

// A pipe that nobody reads stops the recorder's thread in the middle of a write.
TEST_F(RecorderTest, CountsExactlyWhatDoesNotFitWhileTheDiskStandsStill) {
    ASSERT_EQ(::mkfifo(path_.c_str(), S_IRUSR | S_IWUSR), 0);
    const FileDescriptor pipe(::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    auto recorder = start(small_queue);
    std::uint64_t taken = 0;
    std::uint64_t dropped = 0;
    while (dropped < 500) {
        recorder->record(1, memory(dropped % 2 == 0 ? 3 : 4, 1000)) ? ++taken : ++dropped;
    }
    EXPECT_EQ(recorder->counters().records_dropped, dropped);
    EXPECT_TRUE(recorder->record(1, note("vital"))) << "room is kept for messages, sessions, gaps and notes";

    const std::string copy = folder_ + "/copy.pcap";
    ASSERT_EQ(::fcntl(pipe.number(), F_SETFL, 0), 0);
    std::thread reader([&] {
        const FileDescriptor out(::open(copy.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR));
        std::array<char, 65536> buffer{};
        ssize_t count = 0;
        while ((count = ::read(pipe.number(), buffer.data(), buffer.size())) > 0) {
            ASSERT_EQ(::write(out.number(), buffer.data(), static_cast<std::size_t>(count)), count);
        }
    });
    ASSERT_TRUE(recorder->finish());
    recorder.reset();
    reader.join();

    std::uint64_t found = 0;
    std::map<std::uint16_t, std::uint64_t> lost;
    for (const trace::Record& record : read(copy)) {
        found += trace::type_of(record.body) == trace::RecordType::memory ? 1U : 0U;
        if (const auto* gap = std::get_if<trace::GapRecord>(&record.body)) {
            lost[gap->queue] += gap->records;
            EXPECT_EQ(record.session, 1U);
            EXPECT_EQ(gap->reason, "the recorder's queue was full");
        }
    }
    EXPECT_EQ(found, taken);
    EXPECT_THAT(lost, ElementsAre(std::pair(3, 250), std::pair(4, 250)));
}

TEST_F(RecorderTest, EndsWhereNobodyTakesAnythingAndClaimsNothing) {
    ASSERT_EQ(::mkfifo(path_.c_str(), S_IRUSR | S_IWUSR), 0);
    const FileDescriptor pipe(::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    auto recorder = start(256U << 10U, 50ms);
    trace::ChainRecord chain;
    chain.entries.resize(2);
    chain.entries[0].content.add_literal(Bytes(1000, std::byte{1}));
    chain.entries[1].state = trace::ChainEntry::State::used;
    std::uint64_t offered = 0;
    for (; recorder->counters().records_dropped == 0; ++offered) {
        recorder->record(1, chain);
    }
    EXPECT_TRUE(wait_for([&] { return !recorder->counters().recording; }));
    const Status finished = recorder->finish();
    ASSERT_FALSE(finished);
    EXPECT_EQ(finished.error().code, ErrorCode::system);
    EXPECT_THAT(finished.error().text, HasSubstr("took nothing"));
    const auto counters = recorder->counters();
    EXPECT_EQ(counters.records_written / 2 + counters.chains_dropped, offered) << "each is there or counted";
    EXPECT_EQ(counters.records_dropped, 2 * counters.chains_dropped);
    EXPECT_LE(counters.bytes_written, 65536U);
    {
        const std::lock_guard lock(mutex_);
        EXPECT_THAT(log_, ElementsAre(HasSubstr("recording stops"), HasSubstr("the trace is incomplete")));
    }
    recorder.reset();
    const std::string copy = folder_ + "/copy.pcap";
    std::ofstream out(copy, std::ios::binary);
    std::array<char, 65536> buffer{};
    for (ssize_t count = 0; (count = ::read(pipe.number(), buffer.data(), buffer.size())) > 0;) {
        out.write(buffer.data(), count);
    }
    out.close();
    EXPECT_EQ(2 * read(copy).size(), counters.records_written) << "each step counts";
}

TEST_F(RecorderTest, DropsARecordThatIsLargerThanItTakes) {
    auto recorder = start(small_queue);
    EXPECT_FALSE(recorder->record(1, memory(2, recorder->largest_record() + 1)));
    EXPECT_TRUE(recorder->record(1, note("goes on")));
    ASSERT_TRUE(recorder->finish());
    const auto records = read(path_);
    ASSERT_EQ(records.size(), 2U);
    const auto& gap = std::get<trace::GapRecord>(records[0].body);
    EXPECT_EQ(gap.queue, 2);
    EXPECT_EQ(gap.records, 1U);
    EXPECT_THAT(gap.reason, HasSubstr("larger than the recorder takes"));
}

TEST_F(RecorderTest, WritesWhatTheCallerFoundLostAndCountsIt) {
    auto recorder = start(small_queue);
    recorder->lost(7, {2, 5, 0, 600, "the ring ran ahead"});
    ASSERT_TRUE(recorder->finish());
    const auto records = read(path_);
    ASSERT_EQ(records.size(), 1U);
    EXPECT_EQ(records[0].session, 7U);
    EXPECT_EQ(std::get<trace::GapRecord>(records[0].body), (trace::GapRecord{2, 5, 0, 600, "the ring ran ahead"}));
    EXPECT_EQ(recorder->counters().chains_dropped, 5U);
}

TEST_F(RecorderTest, ALossThatMayHaveBeenLargerStaysOne) {
    auto recorder = start(small_queue);
    recorder->lost(7, {2, 5, 0, 0, "gone round", true});
    recorder->lost(7, {3, 1, 0, 0, "ran ahead"});
    ASSERT_TRUE(recorder->finish());
    const auto records = read(path_);
    ASSERT_EQ(records.size(), 2U);
    EXPECT_TRUE(std::get<trace::GapRecord>(records[0].body).at_least);
    EXPECT_FALSE(std::get<trace::GapRecord>(records[1].body).at_least);
    EXPECT_TRUE(recorder->counters().chains_at_least);
}

TEST_F(RecorderTest, ALostChainCountsOnceByItsAvailableStep) {
    auto recorder = start(small_queue);
    trace::ChainRecord record;
    record.entries.resize(3);
    record.entries[1].state = trace::ChainEntry::State::used;
    record.entries[2].content.add_literal(Bytes(recorder->largest_record(), std::byte{1}));
    EXPECT_FALSE(recorder->record(1, record));
    EXPECT_EQ(recorder->counters().chains_dropped, 2U);
    EXPECT_EQ(recorder->counters().records_dropped, 3U);
}

// A limit on the size of files is a disk that is full for this process alone.
class FullDisk {
  public:
    explicit FullDisk(rlim_t bytes) {
        (void)::signal(SIGXFSZ, SIG_IGN);
        EXPECT_EQ(::getrlimit(RLIMIT_FSIZE, &before_), 0);
        const rlimit limit{bytes, before_.rlim_max};
        EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
    }
    FullDisk(const FullDisk&) = delete;
    FullDisk& operator=(const FullDisk&) = delete;
    ~FullDisk() { (void)::setrlimit(RLIMIT_FSIZE, &before_); }

  private:
    rlimit before_{};
};

TEST_F(RecorderTest, AFullDiskStopsRecordingAndItGoesOnWhenThereIsRoom) {
    auto recorder = start(small_queue);
    std::uint64_t taken = 0;
    std::uint64_t dropped = 0;
    {
        const FullDisk full(32U << 10U);
        std::uint64_t dropped_while_full = 0;
        while (dropped_while_full < 100) {
            const bool full_disk_noticed = !recorder->counters().recording;
            const bool kept = recorder->record(1, memory(1, 1000));
            kept ? ++taken : ++dropped;
            dropped_while_full += full_disk_noticed && !kept ? 1U : 0U;
        }
    }
    ASSERT_TRUE(wait_for([&] { return recorder->counters().recording; }));
    ASSERT_TRUE(recorder->finish());
    std::uint64_t found = 0;
    std::vector<std::string> notes;
    const auto records = read(path_);
    for (const trace::Record& record : records) {
        found += trace::type_of(record.body) == trace::RecordType::memory ? 1U : 0U;
        if (const auto* said = std::get_if<trace::NoteRecord>(&record.body)) {
            notes.push_back(said->text);
        }
    }
    EXPECT_EQ(found, taken);
    EXPECT_EQ(sum_of_gaps(records).records, dropped);
    EXPECT_THAT(sum_of_gaps(records).reason, HasSubstr("could not be written"));
    EXPECT_THAT(notes, ElementsAre(HasSubstr("recording again")));
    EXPECT_THAT(log_, ElementsAre(HasSubstr("recording stops"), HasSubstr("recording again")));
}

TEST_F(RecorderTest, ADiskThatStaysFullIsAnErrorAtTheEndAndLeavesATrace) {
    const FullDisk full(32U << 10U);
    auto recorder = start(small_queue);
    std::uint64_t taken = 0;
    while (recorder->counters().recording) {
        ASSERT_TRUE(recorder->record(7, memory(1, 1000)));
        ++taken;  // one after the other, so that the file ends at the same place each time
        ASSERT_TRUE(wait_for([&] {
            const auto now = recorder->counters();
            return !now.recording || now.records_written == taken;
        }));
    }
    (void)recorder->record(7, memory(1, 1000));
    const Status finished = recorder->finish();
    ASSERT_FALSE(finished);
    EXPECT_EQ(finished.error().errno_value, EFBIG);
    const auto counters = recorder->counters();
    recorder.reset();
    const auto records = read(path_);
    EXPECT_GT(records.size(), 10U);
    EXPECT_EQ(records.size(), taken) << "all but the last, and a gap";
    EXPECT_EQ(counters.records_dropped, 2U);
    EXPECT_EQ(records.back().session, 7U);
    EXPECT_EQ(records.size(), counters.records_written);
    // The limit has no blocks that could be given back; what is left below it takes the last word.
    EXPECT_EQ(sum_of_gaps(records).records, counters.records_dropped);
    EXPECT_EQ(sum_of_gaps(records).bytes, counters.bytes_dropped);
    EXPECT_THAT(sum_of_gaps(records).reason, HasSubstr("could not be written"));
}

TEST_F(RecorderTest, AKilledRecorderLeavesAReadableTrace) {
    const pid_t child = ::fork();
    if (child == 0) {
        Recorder::Options options;
        options.path = path_;
        options.flush_interval = 1ms;
        auto recorder = Recorder::start(std::move(options));
        for (int i = 0; recorder; ++i) {
            (*recorder)->record(1, memory(1, 700));
        }
        ::_exit(1);
    }
    ASSERT_GT(child, 0);
    std::error_code error;
    EXPECT_TRUE(wait_for([&] {
        const auto size = std::filesystem::file_size(path_, error);
        return !error && size > 1'000'000;
    }));
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    EXPECT_GT(read(path_).size(), 1000U);
}

TEST_F(RecorderTest, SaysWhyItCannotStart) {
    Recorder::Options options;
    options.path = folder_ + "/missing/trace.pcap";
    EXPECT_EQ(Recorder::start(options).error().errno_value, ENOENT);
    options.path = path_;
    options.queue_bytes = 100;
    EXPECT_EQ(Recorder::start(options).error().code, ErrorCode::usage);
}

}  // namespace
}  // namespace vutrace::capture
