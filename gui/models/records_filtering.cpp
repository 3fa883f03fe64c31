// What a filter picks of the records, looked for in the background.
#include "vutrace/gui/models/records_model.h"

#include <QElapsedTimer>
#include <algorithm>
#include <iterator>
#include <utility>

namespace vutrace::gui {
namespace {

constexpr int milliseconds_between_looks = 20;
constexpr int milliseconds_for_matches = 6;  // of the 16 that a frame has

}  // namespace

struct RecordsModel::Inbox {
    std::mutex mutex;
    std::vector<index::Matches> matches;
    bool complete{false};
    std::optional<Error> error;  // then; not of one that was stopped
};

void RecordsModel::end_filtering() {
    if (filtering_thread_.joinable()) {
        filtering_thread_.request_stop();
        reader_.release(std::make_shared<std::jthread>(std::move(filtering_thread_)));  // it shares nothing with us
    }
    timer_.stop();
    filtering_ = false;
}

void RecordsModel::stop_filtering() {
    end_filtering();
    looks_on_ = false;
}

void RecordsModel::go_on_filtering() {
    looks_on_ = filter_.has_value() && !filter_failed_;
    look_on();
}

void RecordsModel::set_filter(std::optional<filter::Filter> filter) {
    stop_filtering();
    beginResetModel();
    forget_pages();
    filter_ = std::move(filter);
    reader_.release(std::make_shared<index::RowSet>(std::exchange(picked_, {})));
    looked_at_ = 0;
    rows_ = 0;
    endResetModel();
    filter_failed_ = false;
    if (!filter_) {
        grow();
        Q_EMIT filter_progressed();
        return;
    }
    looks_on_ = true;
    look_on();
    if (!filtering_) {
        Q_EMIT filter_progressed();  // there is nothing to look at
    }
}

// From the row on at which nobody has looked, if there may be such a one.
void RecordsModel::look_on() {
    const index::Progress progress = document_.progress();
    if (!looks_on_ || filtering_ || (progress.complete && looked_at_ >= progress.rows)) {
        return;
    }
    end_filtering();
    filtering_ = true;
    inbox_ = std::make_shared<Inbox>();
    filtering_thread_ = std::jthread([index = document_.index(), filter = *filter_, inbox = inbox_,
                                      first = looked_at_ + 1](const std::stop_token& stop) {
        give_way();
        const unsigned threads = std::max(1U, std::thread::hardware_concurrency());
        const Status looked = index::match_rows(
            index, filter, threads, stop,
            [&](index::Matches&& found) {
                const std::lock_guard lock(inbox->mutex);
                inbox->matches.push_back(std::move(found));
            },
            first);
        const std::lock_guard lock(inbox->mutex);
        inbox->complete = true;
        if (!looked && !stop.stop_requested()) {
            inbox->error = looked.error();
        }
    });
    timer_.start(milliseconds_between_looks);
}

void RecordsModel::take_matches() {
    QElapsedTimer clock;
    clock.start();
    std::vector<index::Matches> matches;
    bool complete = false;
    std::optional<Error> error;
    {
        const std::lock_guard lock(inbox_->mutex);
        matches.swap(inbox_->matches);
        complete = inbox_->complete;
        error = inbox_->error;
    }
    std::size_t taken = 0;
    for (; taken < matches.size() && clock.elapsed() < milliseconds_for_matches; ++taken) {
        for (const std::uint64_t row : matches[taken].rows) {
            picked_.append(row);
        }
        looked_at_ = matches[taken].last;
    }
    if (taken < matches.size()) {
        const std::lock_guard lock(inbox_->mutex);
        inbox_->matches.insert(inbox_->matches.begin(),
                               std::make_move_iterator(matches.begin() + static_cast<std::ptrdiff_t>(taken)),
                               std::make_move_iterator(matches.end()));
        complete = false;
        matches.resize(taken);
    }
    reader_.release(std::make_shared<std::vector<index::Matches>>(std::move(matches)));
    grow();
    if (complete) {
        end_filtering();
        filter_failed_ = error.has_value();
        looks_on_ = looks_on_ && !filter_failed_;
        look_on();  // the document may have gone on meanwhile
    }
    Q_EMIT filter_progressed();
    if (complete && error) {
        Q_EMIT read_failed(TraceDocument::reading_problem(*error));
    }
}

}  // namespace vutrace::gui
