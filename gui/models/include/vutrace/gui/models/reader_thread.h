// A thread that reads rows for the window: what was asked for last is read first.
#pragma once

#include <vutrace/index/cursor.h>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace vutrace::gui {

// For threads that work for the window beside it, and those that they start: the window's own goes first.
void give_way() noexcept;

// Used from the window's thread; jobs run on a thread of their own, one at a time. The destructor waits for the job
// that runs: jobs must be short.
class ReaderThread {
  public:
    using Job = std::function<void(index::Cursor&)>;

    // At most `most_waiting` jobs wait: beyond that the oldest is forgotten.
    ReaderThread(std::shared_ptr<const index::TraceIndex> index, std::size_t most_waiting);
    ~ReaderThread();
    ReaderThread(const ReaderThread&) = delete;
    ReaderThread& operator=(const ReaderThread&) = delete;

    // Gives the key of the job that was forgotten for this one, if any.
    std::optional<std::uint64_t> post(std::uint64_t key, Job job);
    void forget_all();

    // Lets go of something on that thread, soon: what is big takes the window's own too long, and a thread is waited
    // for there.
    void release(std::shared_ptr<const void> thing);

  private:
    struct Waiting {
        std::uint64_t key{0};
        Job job;
    };
    void run(const std::stop_token& stop);

    const std::size_t most_waiting_;
    index::Cursor cursor_;  // of the thread
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::deque<Waiting> waiting_;                        // under the mutex; the newest last
    std::vector<std::shared_ptr<const void>> released_;  // under the mutex
    std::jthread thread_;
};

}  // namespace vutrace::gui
