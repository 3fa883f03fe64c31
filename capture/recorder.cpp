#include "vutrace/capture/recorder.h"

#include "background_priority.h"
#include "record_queue.h"

#include <vutrace/capture/clock.h>
#include <vutrace/system/disk_reserve.h>
#include <vutrace/trace/encode.h>
#include <vutrace/trace/writer.h>

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace vutrace::capture {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds retry_interval{1};
constexpr std::uint64_t last_word_bytes = 64U << 10U;  // some blocks of any file system

RecordQueue::Losses told_by(const RecordQueue::Entry& entry) {
    if (entry.type != trace::RecordType::gap) {
        return {};
    }
    const auto body = trace::decode_body(entry.type, trace::format_version, entry.body);
    const auto* const gap = body ? std::get_if<trace::GapRecord>(&*body) : nullptr;
    return gap == nullptr ? RecordQueue::Losses{}
                          : RecordQueue::Losses{gap->records, gap->bytes, gap->chains, gap->at_least};
}

class FileRecorder final : public Recorder {
  public:
    FileRecorder(Options options, trace::Writer writer)
        : options_(std::move(options)), queue_(options_.queue_bytes), writer_(std::move(writer)) {
        if (auto reserve = DiskReserve::beside(options_.path, last_word_bytes)) {
            reserve_ = std::move(*reserve);
        }
        thread_ = std::thread([this] { run(); });
    }
    FileRecorder(const FileRecorder&) = delete;
    FileRecorder& operator=(const FileRecorder&) = delete;
    ~FileRecorder() override { (void)end(); }

    bool record(std::uint32_t session, const trace::RecordBody& body) noexcept override {
        const auto outcome = queue_.push(session, body);
        wake_if_half_full(outcome);
        return outcome != RecordQueue::Outcome::dropped;
    }
    void lost(std::uint32_t session, const trace::GapRecord& gap) noexcept override {
        wake_if_half_full(queue_.push_loss(session, gap));
    }
    Counters counters() const noexcept override {
        const auto losses = queue_.losses();
        return {records_written_.load(), bytes_written_.load(), losses.records,   losses.bytes,
                losses.chains,           losses.at_least,       recording_.load()};
    }
    std::size_t largest_record() const noexcept override { return queue_.largest_record(); }
    std::size_t free_bytes() const noexcept override { return queue_.free_bytes(); }
    Status finish() override { return end(); }

  private:
    void wake_if_half_full(RecordQueue::Outcome outcome) noexcept;
    [[nodiscard]] Status end();
    // The recorder's thread.
    void run();
    void wait_for_work();
    void write_what_waits();
    [[nodiscard]] Status drain_and_flush();
    [[nodiscard]] Status append(const RecordQueue::Entry& entry);
    void count_what_is_in_the_file();
    [[nodiscard]] RecordQueue::Losses worth_of_what_is_not() const;
    void say_what_is_lost();
    void failed(const Error& error);
    void recovered();
    void log(const std::string& line) const {
        if (options_.log) {
            options_.log(line);
        }
    }

    const Options options_;
    RecordQueue queue_;
    std::atomic<std::uint64_t> records_written_{0};
    std::atomic<std::uint64_t> bytes_written_{0};
    std::atomic<bool> recording_{true};

    std::mutex mutex_;
    std::condition_variable wake_;
    bool work_waits_{false};
    bool ending_{false};

    // The recorder's thread only, until it is joined.
    struct Taken {
        RecordQueue::Losses worth;
        RecordQueue::Losses told;  // of losses, by a gap
        std::uint64_t records{1};  // as readers number them: each step of a chain is one
    };
    trace::Writer writer_;
    std::deque<Taken> unwritten_;  // what the writer has taken and is not whole in the file, in order
    RecordQueue::Losses told_;     // by the gaps in the file
    DiskReserve reserve_;          // for a last word; of nothing where the file system has no such thing
    std::uint32_t last_session_{0};
    std::int64_t last_time_{0};
    std::optional<Error> error_;  // while the file cannot be written to
    Clock::time_point failing_since_;
    Clock::time_point next_try_;
    std::thread thread_;
};

void FileRecorder::wake_if_half_full(RecordQueue::Outcome outcome) noexcept {
    if (outcome == RecordQueue::Outcome::half_full) {
        {
            const std::lock_guard lock(mutex_);
            work_waits_ = true;
        }
        wake_.notify_one();
    }
}

Status FileRecorder::end() {
    if (thread_.joinable()) {
        {
            const std::lock_guard lock(mutex_);
            ending_ = true;
        }
        wake_.notify_one();
        thread_.join();
    }
    if (error_) {
        return tl::unexpected(*error_);
    }
    return {};
}

void FileRecorder::run() {
    if (options_.in_background) {
        run_in_background();
    }
    bool ending = false;
    while (!ending) {
        wait_for_work();
        {
            const std::lock_guard lock(mutex_);
            ending = ending_;
        }
        if (!error_ || ending || Clock::now() >= next_try_) {
            write_what_waits();
        }
    }
    if (error_) {
        say_what_is_lost();
        log(fmt::format("the trace is incomplete: {}", describe(*error_)));
    }
}

void FileRecorder::wait_for_work() {
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, options_.flush_interval, [this] { return work_waits_ || ending_; });
    work_waits_ = false;
}

void FileRecorder::write_what_waits() {
    const Status written = drain_and_flush();
    if (!written) {
        failed(written.error());
    } else if (error_) {
        recovered();
    }
    count_what_is_in_the_file();
}

Status FileRecorder::drain_and_flush() {
    const auto take = [this](const RecordQueue::Entry& entry) { return append(entry); };
    if (auto drained = queue_.drain(take); !drained) {
        return drained;
    }
    queue_.queue_losses();
    if (auto drained = queue_.drain(take); !drained) {
        return drained;
    }
    return writer_.flush();
}

Status FileRecorder::append(const RecordQueue::Entry& entry) {
    Status appended = writer_.append(entry.time, entry.session, entry.type, entry.body);
    if (appended) {
        last_time_ = entry.time;
        last_session_ = entry.session;
        unwritten_.push_back({entry.worth, told_by(entry), std::max<std::uint64_t>(entry.worth.records, 1)});
    }
    count_what_is_in_the_file();
    return appended;
}

// The writer keeps the order, so that what waits in it is the last of what it took.
void FileRecorder::count_what_is_in_the_file() {
    const auto waiting = writer_.waiting();
    while (unwritten_.size() > waiting.records) {
        told_ += unwritten_.front().told;
        records_written_ += unwritten_.front().records;
        unwritten_.pop_front();
    }
    bytes_written_ = writer_.bytes_written() - waiting.bytes;
}

RecordQueue::Losses FileRecorder::worth_of_what_is_not() const {
    RecordQueue::Losses sum;
    for (const Taken& taken : unwritten_) {
        sum += taken.worth;
    }
    return sum;
}

// At the end on a disk that is full: in the room that was set aside, so that the trace itself tells what it lacks.
void FileRecorder::say_what_is_lost() {
    queue_.drop_all(worth_of_what_is_not());
    const RecordQueue::Losses lost = queue_.losses().without(told_);
    if (!lost.any() || !writer_.discard_waiting()) {
        return;
    }
    unwritten_.clear();
    reserve_.give_back();
    const trace::GapRecord gap{trace::no_queue,
                               lost.chains,
                               lost.records,
                               lost.bytes,
                               fmt::format("the trace file could not be written: {}", describe(*error_)),
                               lost.at_least};
    if (writer_.append(last_time_, last_session_, trace::RecordBody(gap))) {
        unwritten_.push_back({});
        (void)writer_.flush();
    }
    count_what_is_in_the_file();
}

void FileRecorder::failed(const Error& error) {
    const auto now = Clock::now();
    next_try_ = now + retry_interval;
    if (!error_) {
        failing_since_ = now;
        queue_.set_write_error(fmt::format("the trace file could not be written: {}", describe(error)));
        recording_ = false;
        log(fmt::format("recording stops, the session goes on: {}", describe(error)));
    }
    error_ = error;
}

void FileRecorder::recovered() {
    const std::chrono::duration<double> time = Clock::now() - failing_since_;
    const std::string line =
        fmt::format("recording again after {:.1f} s in which the trace file could not be written: {}", time.count(),
                    describe(*error_));
    queue_.set_write_error({});
    error_.reset();
    recording_ = true;
    log(line);
    const trace::NoteRecord note{trace::NoteRecord::Severity::warning, trace::no_queue, line};
    if (writer_.append(last_time_, 0, trace::RecordBody(note))) {
        unwritten_.push_back({{1, trace::encoded_size(trace::RecordBody(note)), 0, false}, {}, 1});
        (void)writer_.flush();
    }
}

}  // namespace

Result<std::unique_ptr<Recorder>> Recorder::start(Options options) {
    if (options.queue_bytes < RecordQueue::smallest_capacity) {
        return fail(ErrorCode::usage, fmt::format("a queue of {} bytes is too small: it needs at least {}",
                                                  options.queue_bytes, RecordQueue::smallest_capacity));
    }
    auto writer = trace::Writer::create(options.path, options.patience);
    if (!writer) {
        return tl::unexpected(writer.error());
    }
    return std::make_unique<FileRecorder>(std::move(options), std::move(*writer));
}

}  // namespace vutrace::capture
