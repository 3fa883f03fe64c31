#include "vutrace/index/trace_index.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace vutrace::index {
namespace {

// The lock is taken, and who waits is woken, once for so many records: the first ones are shown sooner.
constexpr std::uint64_t records_between_publishing = 512;

// At a trace that grows.
constexpr std::chrono::milliseconds between_looks_at_size{100};

}  // namespace

TraceIndex::TraceIndex(std::string path, session::CheckpointPolicy policy, AtEnd at_end)
    : path_(std::move(path)), policy_(policy), at_end_(at_end) {}

Status TraceIndex::open(const std::stop_token& stop) {
    auto file = trace::SeekableFile::open(path_, stop, [this](std::uint64_t done, std::uint64_t /*total*/) {
        const std::lock_guard lock(mutex_);
        progress_.bytes = done;
    });
    if (!file) {
        return tl::unexpected(file.error());
    }
    const std::lock_guard lock(mutex_);
    file_ = std::move(*file);
    return {};
}

Status TraceIndex::begin(const std::stop_token& stop) {
    if (Status opened = open(stop); !opened) {
        return opened;
    }
    auto reader = trace::Reader::open(readable_path());
    if (!reader) {
        return tl::unexpected(reader.error());
    }
    reading_.emplace(std::move(*reader));
    const std::lock_guard lock(mutex_);
    checkpoints_.emplace(policy_, reading_->reader.position(), reading_->annotator);
    return {};
}

Status TraceIndex::build(const std::stop_token& stop, const Observer& observer,
                         const std::function<void()>& caught_up) {
    // A second time: an end that was met there is forgotten.
    Status done = reading_ ? reading_->reader.seek(reading_->reader.position()) : begin(stop);
    if (done) {
        done = read(stop, observer, caught_up);
    }
    const bool stopped = done ? at_end_ == AtEnd::wait_for_more : done.error().code == ErrorCode::limit;
    if (reading_ && stopped && reading_->reader.position().next_sequence > 1) {
        reading_->known = file_->known_to(reading_->reader.position().offset);
    } else {
        reading_.reset();
    }
    end();
    return done;
}

bool TraceIndex::can_go_on() const {
    return reading_ && file_->still_holds(reading_->known);
}

Status TraceIndex::read(const std::stop_token& stop, const Observer& observer, const std::function<void()>& caught_up) {
    trace::Reader& reader = reading_->reader;
    explain::Annotator& annotator = reading_->annotator;
    {
        const std::lock_guard lock(mutex_);
        progress_.complete = false;
        progress_.total_bytes = reader.file_size();
    }
    for (std::uint64_t count = 1;; ++count) {
        auto record = reader.next();
        if (!record) {
            publish(reader, true);
            return tl::unexpected(record.error());
        }
        if (!*record) {
            if (caught_up && at_end_ == AtEnd::wait_for_more) {
                caught_up();
            }
            const auto more = at_end_ == AtEnd::stop ? Result<bool>(false) : wait_for_growth(reader, stop);
            if (more && *more) {
                continue;
            }
            publish(reader, true);
            return more ? Status{} : tl::unexpected(more.error());
        }
        const explain::Annotation& annotation = annotator.annotate(**record);
        if (observer) {
            observer(annotation, annotator);
        }
        if (!std::exchange(reading_->started, true)) {
            start_time_.store((*record)->time, std::memory_order_relaxed);
        }
        {
            const std::lock_guard lock(mutex_);  // nobody else wants it as a rule
            checkpoints_->offer(reader.position(), annotator);
        }
        if (count % records_between_publishing == 0) {
            publish(reader, false);
            if (stop.stop_requested()) {
                return fail(ErrorCode::limit, "reading was stopped: the records behind this place are not shown",
                            reader.position().offset);
            }
        }
    }
}

// False: nobody wants more. What is written is whole records as a rule; one that is not is read again when there is
// more of it.
Result<bool> TraceIndex::wait_for_growth(trace::Reader& reader, const std::stop_token& stop) {
    const trace::Position here = reader.position();
    const std::uint64_t size = reader.file_size();
    publish(reader, false);
    std::unique_lock lock(mutex_);
    progress_.total_bytes = here.offset;
    while (!stop.stop_requested()) {
        if (const std::uint64_t now = reader.file_size(); now != size) {
            lock.unlock();
            if (now < here.offset) {
                return fail(ErrorCode::bad_input,
                            "the trace became shorter than what was read of it: somebody writes another one there, "
                            "open it again");
            }
            if (const Status back = reader.seek(here); !back) {
                return tl::unexpected(back.error());
            }
            return true;
        }
        (void)changed_.wait_for(lock, stop, between_looks_at_size, [] { return false; });
    }
    return false;
}

void TraceIndex::publish(const trace::Reader& reader, bool complete) {
    const trace::Position now = reader.position();
    {
        const std::lock_guard lock(mutex_);
        progress_.rows = now.next_sequence - 1;
        progress_.bytes = now.offset;
        problems_ = reader.problems();
        // That the copy ends early is what follows from the compressed file's own trouble.
        if (complete && file_->torn() && (!problems_.torn || problems_.torn->code == ErrorCode::torn)) {
            problems_.torn = file_->torn();
        }
    }
    changed_.notify_all();
}

void TraceIndex::end() {
    {
        const std::lock_guard lock(mutex_);
        progress_.complete = true;
    }
    changed_.notify_all();
}

Progress TraceIndex::progress() const {
    const std::lock_guard lock(mutex_);
    return progress_;
}

trace::ReadProblems TraceIndex::problems() const {
    const std::lock_guard lock(mutex_);
    return problems_;
}

// Without the lock: a window asks for it with every time that it shows.
std::int64_t TraceIndex::start_time() const noexcept {
    return start_time_.load(std::memory_order_relaxed);
}

Progress TraceIndex::wait_for_more(std::uint64_t rows, const std::stop_token& stop) const {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, stop, [&] { return progress_.complete || progress_.rows > rows; });
    return progress_;
}

TraceIndex::Checkpoint TraceIndex::before(std::uint64_t row) const {
    const std::lock_guard lock(mutex_);
    return checkpoints_->before(row);
}

std::uint64_t TraceIndex::end_of_stretch(std::uint64_t row) const {
    const std::lock_guard lock(mutex_);
    const Checkpoint* next = checkpoints_ ? checkpoints_->behind(row) : nullptr;
    const std::uint64_t end = next == nullptr ? progress_.rows : next->position.next_sequence - 1;
    return std::min(end, progress_.rows);
}

std::size_t TraceIndex::checkpoint_count() const {
    const std::lock_guard lock(mutex_);
    return checkpoints_ ? checkpoints_->size() : 0;
}

std::string TraceIndex::readable_path() const {
    const std::lock_guard lock(mutex_);
    return file_ ? file_->path() : path_;
}

}  // namespace vutrace::index
