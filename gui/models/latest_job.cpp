#include "vutrace/gui/models/latest_job.h"

#include "vutrace/gui/models/reader_thread.h"

#include <utility>

namespace vutrace::gui {

LatestJob::LatestJob() : thread_([this](const std::stop_token& stop) { run(stop); }) {}

LatestJob::~LatestJob() {
    forget();
}

void LatestJob::post(Job job) {
    {
        const std::lock_guard lock(mutex_);
        waiting_ = std::move(job);
        running_.request_stop();
    }
    changed_.notify_one();
}

void LatestJob::forget() {
    const std::lock_guard lock(mutex_);
    waiting_.reset();
    running_.request_stop();
}

void LatestJob::run(const std::stop_token& stop) {
    give_way();
    for (;;) {
        Job job;
        std::stop_token stopped;
        {
            std::unique_lock lock(mutex_);
            if (!changed_.wait(lock, stop, [this] { return waiting_.has_value(); })) {
                return;
            }
            job = std::move(*waiting_);
            waiting_.reset();
            running_ = std::stop_source();
            stopped = running_.get_token();
        }
        job(stopped);
    }
}

}  // namespace vutrace::gui
