#include "vutrace/gui/models/reader_thread.h"

#include <unistd.h>

#include <utility>

namespace vutrace::gui {

void give_way() noexcept {
    constexpr int less_urgent = 10;  // of 19: a tenth of what the window gets, where processors are short
    (void)!::nice(less_urgent);      // of the calling thread, on Linux; that it fails only makes the window slower
}

ReaderThread::ReaderThread(std::shared_ptr<const index::TraceIndex> index, std::size_t most_waiting)
    : most_waiting_(most_waiting),
      cursor_(std::move(index)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

ReaderThread::~ReaderThread() {
    forget_all();
}

std::optional<std::uint64_t> ReaderThread::post(std::uint64_t key, Job job) {
    std::optional<std::uint64_t> forgotten;
    {
        const std::lock_guard lock(mutex_);
        waiting_.push_back({key, std::move(job)});
        if (waiting_.size() > most_waiting_) {
            forgotten = waiting_.front().key;
            waiting_.pop_front();
        }
    }
    changed_.notify_one();
    return forgotten;
}

void ReaderThread::forget_all() {
    const std::lock_guard lock(mutex_);
    waiting_.clear();
}

void ReaderThread::release(std::shared_ptr<const void> thing) {
    {
        const std::lock_guard lock(mutex_);
        released_.push_back(std::move(thing));
    }
    changed_.notify_one();
}

void ReaderThread::run(const std::stop_token& stop) {
    for (;;) {
        Job job;
        std::vector<std::shared_ptr<const void>> released;
        {
            std::unique_lock lock(mutex_);
            if (!changed_.wait(lock, stop, [this] { return !waiting_.empty() || !released_.empty(); })) {
                return;
            }
            if (!waiting_.empty()) {
                job = std::move(waiting_.back().job);
                waiting_.pop_back();
            }
            released.swap(released_);
        }
        if (job) {
            job(cursor_);
        }
    }
}

}  // namespace vutrace::gui
