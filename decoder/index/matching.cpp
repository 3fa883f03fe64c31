#include "vutrace/index/matching.h"

#include "vutrace/index/cursor.h"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace vutrace::index {
namespace {

// Fewer would be spent on going to their place; more would let the first results wait.
constexpr std::uint64_t longest_stretch = 16384;

// Gives out stretches in order and takes what was found in them in any order.
class Work {
  public:
    Work(std::shared_ptr<const TraceIndex> index, const filter::Filter& filter, std::stop_token stop,
         const std::function<void(Matches&&)>& found)
        : index_(std::move(index)), filter_(filter), stop_(std::move(stop)), found_(found) {}

    void run() {
        Cursor cursor(index_);
        while (auto stretch = take()) {
            Status looked = cursor.visit(stretch->first, stretch->last, [&](const auto& annotation, std::size_t entry) {
                if (filter_.matches(annotation, entry)) {
                    stretch->rows.push_back(annotation.record->sequence + entry);
                }
                return true;
            });
            if (!looked) {
                const std::lock_guard lock(mutex_);
                failed_ = looked.error();
                return;
            }
            give(std::move(*stretch));
        }
    }

    [[nodiscard]] Status result() const {
        if (failed_) {
            return tl::unexpected(*failed_);
        }
        if (stop_.stop_requested()) {
            return fail(ErrorCode::limit, "stopped");
        }
        return {};
    }

  private:
    std::optional<Matches> take() {
        const std::lock_guard lock(taking_);
        const Progress progress = index_->wait_for_more(next_row_ - 1, stop_);
        if (stop_.stop_requested() || progress.rows < next_row_ || has_failed()) {
            return std::nullopt;
        }
        Matches stretch;
        stretch.first = next_row_;
        stretch.last = std::min(index_->end_of_stretch(next_row_), next_row_ + longest_stretch - 1);
        next_row_ = stretch.last + 1;
        return stretch;
    }

    void give(Matches&& stretch) {
        const std::lock_guard lock(mutex_);
        done_.emplace(stretch.first, std::move(stretch));
        while (!done_.empty() && done_.begin()->first == next_to_give_) {
            Matches ready = std::move(done_.begin()->second);
            done_.erase(done_.begin());
            next_to_give_ = ready.last + 1;
            found_(std::move(ready));
        }
    }

    bool has_failed() {
        const std::lock_guard lock(mutex_);
        return failed_.has_value();
    }

    std::shared_ptr<const TraceIndex> index_;
    const filter::Filter& filter_;
    const std::stop_token stop_;
    const std::function<void(Matches&&)>& found_;

    std::mutex taking_;  // held while waiting for the index, too: who comes later waits for the same
    std::uint64_t next_row_{1};

    std::mutex mutex_;
    std::map<std::uint64_t, Matches> done_;  // by first row: at most one for each thread waits
    std::uint64_t next_to_give_{1};
    std::optional<Error> failed_;
};

}  // namespace

Status match_rows(const std::shared_ptr<const TraceIndex>& index, const filter::Filter& filter, unsigned threads,
                  const std::stop_token& stop, const std::function<void(Matches&&)>& found) {
    Work work(index, filter, stop, found);
    {
        std::vector<std::jthread> others;
        for (unsigned i = 1; i < threads; ++i) {
            others.emplace_back([&work] { work.run(); });
        }
        work.run();
    }
    return work.result();
}

}  // namespace vutrace::index
