#include "vutrace/index/matching.h"

#include "record_scan.h"
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

constexpr std::uint64_t search_step = 4096;  // between two looks at whether to stop

// Gives out stretches in order and takes what was found in them in any order.
class Work {
  public:
    Work(std::shared_ptr<const TraceIndex> index, const filter::Filter& filter, std::stop_token stop,
         const std::function<void(Matches&&)>& found, std::uint64_t first)
        : index_(std::move(index)),
          filter_(filter),
          stop_(std::move(stop)),
          found_(found),
          next_row_(first),
          next_to_give_(first) {}

    void run() {
        Cursor cursor(index_);
        RecordScan scan(index_, filter_);
        while (auto stretch = take()) {
            const Status looked = look_at(*stretch, cursor, scan);
            if (stop_.stop_requested()) {
                return;
            }
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
            return fail(ErrorCode::limit, "filtering was stopped");
        }
        return {};
    }

  private:
    // Rows are explained only where the filter wants to know more of one than its record says.
    Status look_at(Matches& stretch, Cursor& cursor, RecordScan& scan) {
        const filter::Filter::Rows possible = filter_.rows();
        const std::uint64_t first = std::max(stretch.first, possible.first);
        const std::uint64_t last = std::min(stretch.last, possible.last);
        if (first > last) {
            return {};
        }
        auto rows = scan.rows(first, last, stop_);
        if (!rows) {
            return tl::unexpected(rows.error());
        }
        if (*rows) {
            stretch.rows = std::move(**rows);
            return {};
        }
        return cursor.visit(first, last, [&](const auto& annotation, std::size_t entry) {
            if (filter_.matches(annotation, entry)) {
                stretch.rows.push_back(annotation.record->sequence + entry);
            }
            return !stop_.stop_requested();  // who stops it waits for it
        });
    }

    // Up to the next checkpoint: whoever takes what lies behind it begins there, and reads nothing twice.
    std::optional<Matches> take() {
        const std::lock_guard lock(taking_);
        const Progress progress = index_->wait_for_more(next_row_ - 1, stop_);
        if (stop_.stop_requested() || progress.rows < next_row_ || has_failed()) {
            return std::nullopt;
        }
        Matches stretch;
        stretch.first = next_row_;
        stretch.last = index_->end_of_stretch(next_row_);
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
    std::uint64_t next_row_;

    std::mutex mutex_;
    std::map<std::uint64_t, Matches> done_;  // by first row: at most one for each thread waits
    std::uint64_t next_to_give_;
    std::optional<Error> failed_;
};

}  // namespace

Status match_rows(const std::shared_ptr<const TraceIndex>& index, const filter::Filter& filter, unsigned threads,
                  const std::stop_token& stop, const std::function<void(Matches&&)>& found, std::uint64_t first) {
    Work work(index, filter, stop, found, first);
    {
        std::vector<std::jthread> others;
        for (unsigned i = 1; i < threads; ++i) {
            others.emplace_back([&work] { work.run(); });
        }
        work.run();
    }
    return work.result();
}

Result<std::optional<std::uint64_t>> find_row(
    const std::shared_ptr<const TraceIndex>& index, std::uint64_t from, Direction direction,
    const std::function<bool(const explain::Annotation&, std::size_t)>& wanted, const std::stop_token& stop,
    std::uint64_t until) {
    const bool forward = direction == Direction::forward;
    const std::uint64_t rows = index->progress().rows;
    // Of what is left; going forward the first of them changes, going backward the last.
    std::uint64_t first = forward ? from + 1 : std::max<std::uint64_t>(until, 1);
    std::uint64_t last =
        forward ? std::min(until == 0 ? rows : until, rows) : std::min(from - std::min<std::uint64_t>(from, 1), rows);
    Cursor cursor(index);
    while (first <= last) {
        if (stop.stop_requested()) {
            return fail(ErrorCode::limit, "the search was stopped");
        }
        const std::uint64_t step = std::min(last - first, search_step - 1);
        const std::uint64_t begin = forward ? first : last - step;
        const std::uint64_t end = forward ? first + step : last;
        std::optional<std::uint64_t> found;
        Status looked = cursor.visit(begin, end, [&](const explain::Annotation& annotation, std::size_t entry) {
            if (wanted(annotation, entry)) {
                found = annotation.record->sequence + entry;
            }
            return !(found && forward) && !stop.stop_requested();  // who stops it waits for it
        });
        if (!looked) {
            return tl::unexpected(looked.error());
        }
        if (found) {
            return found;
        }
        first = forward ? end + 1 : first;
        last = forward ? last : begin - 1;
    }
    return std::nullopt;
}

Result<FoundAround> find_row_around(const std::shared_ptr<const TraceIndex>& index, std::uint64_t from,
                                    Direction direction,
                                    const std::function<bool(const explain::Annotation&, std::size_t)>& wanted,
                                    const std::stop_token& stop) {
    const auto found = find_row(index, from, direction, wanted, stop);
    if (!found || *found || from == 0) {
        return found ? Result<FoundAround>(FoundAround{*found, false}) : tl::unexpected(found.error());
    }
    const std::uint64_t end = direction == Direction::forward ? 0 : index->progress().rows + 1;
    const auto around = find_row(index, end, direction, wanted, stop, from);
    return around ? Result<FoundAround>(FoundAround{*around, around->has_value()}) : tl::unexpected(around.error());
}

}  // namespace vutrace::index
