// A thread for work of which only the newest matters: what is asked for while it works takes the place of what waits,
// and what runs is told to stop.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

namespace vutrace::gui {

// Used from the window's thread. The destructor stops the job that runs, and waits for it.
class LatestJob {
  public:
    // The token tells it that nobody wants the result any more.
    using Job = std::function<void(const std::stop_token&)>;

    LatestJob();
    ~LatestJob();
    LatestJob(const LatestJob&) = delete;
    LatestJob& operator=(const LatestJob&) = delete;

    void post(Job job);
    void forget();  // what waits, and what runs

  private:
    void run(const std::stop_token& stop);

    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::optional<Job> waiting_;  // under the mutex
    std::stop_source running_;    // under the mutex: of the job that runs, or ran last
    std::jthread thread_;         // last
};

}  // namespace vutrace::gui
