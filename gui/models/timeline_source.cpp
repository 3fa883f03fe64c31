#include "vutrace/gui/models/timeline_source.h"

#include <utility>

namespace vutrace::gui {
namespace {

// Read before what was read is shown, and before what is wanted by now is asked: some milliseconds.
constexpr std::uint64_t rows_at_once = 16384;
constexpr std::size_t most_waiting = 4;

}  // namespace

TimelineSource::TimelineSource(TraceDocument& document, QObject* parent)
    : QObject(parent), document_(document), overview_(document.overview()), reader_(document.index(), most_waiting) {
    connect(&document_, &TraceDocument::progressed, this, &TimelineSource::look);
    connect(&document_, &TraceDocument::finished, this, &TimelineSource::look);
}

void TimelineSource::look() {
    auto now = document_.overview();
    if (now != overview_) {
        reader_.release(std::exchange(overview_, std::move(now)));  // often the last to hold what was thinned out since
        Q_EMIT grew();
    }
}

void TimelineSource::want(const Leaves& leaves) {
    wanted_.assign(leaves.rbegin(), leaves.rend());
    if (!reading_) {
        read_some();
    }
}

void TimelineSource::read_some() {
    Leaves leaves;
    std::uint64_t rows = 0;
    while (!wanted_.empty() && rows < rows_at_once) {
        rows += wanted_.back()->rows;
        leaves.push_back(std::move(wanted_.back()));
        wanted_.pop_back();
    }
    reading_ = !leaves.empty();
    if (!reading_) {
        return;
    }
    reader_.post(0, [this, overview = overview_, leaves = std::move(leaves)](index::Cursor& cursor) mutable {
        Read read;
        QString problem;
        for (const auto& leaf : leaves) {
            auto marks = overview::read_marks(cursor, *overview, *leaf);
            if (!marks) {
                problem = TraceDocument::reading_problem(marks.error());
                break;
            }
            read.push_back(std::move(*marks));
        }
        QMetaObject::invokeMethod(
            this,
            [this, problem, leaves = std::move(leaves), read = std::move(read)]() mutable {
                take(leaves, std::move(read), problem);
            },
            Qt::QueuedConnection);
    });
}

void TimelineSource::take(const Leaves& leaves, Read&& read, const QString& problem) {
    for (std::size_t i = 0; i < read.size(); ++i) {
        marks_.add(*leaves[i], std::move(read[i]));
    }
    if (!problem.isEmpty()) {
        wanted_.clear();
        reading_ = false;
        Q_EMIT read_failed(problem);
        return;
    }
    read_some();
    Q_EMIT marks_read();
}

void TimelineSource::find_time(std::uint64_t sequence) {
    const std::int64_t start = overview_->start_time;
    reader_.post(sequence, [this, sequence, start](index::Cursor& cursor) {
        std::optional<std::int64_t> time;
        (void)cursor.visit(sequence, sequence, [&](const explain::Annotation& annotation, std::size_t entry) {
            time = trace::time_of(*annotation.record, entry);
            return true;
        });
        if (!time) {
            return;  // it cannot be decoded: there is nothing to mark
        }
        QMetaObject::invokeMethod(
            this,
            [this, sequence, since = static_cast<double>(explain::elapsed(start, *time))] {
                Q_EMIT time_found(sequence, since);
            },
            Qt::QueuedConnection);
    });
}

}  // namespace vutrace::gui
