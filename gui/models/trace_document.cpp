#include "vutrace/gui/models/trace_document.h"

#include "vutrace/gui/models/plural.h"
#include "vutrace/gui/models/reader_thread.h"

#include <QFile>
#include <QLocale>
#include <QStringList>
#include <cerrno>
#include <utility>

namespace vutrace::gui {
namespace {

// The first rows are shown soon; each look after that has the window lay out and paint what counts them.
constexpr int milliseconds_between_first_looks = 20;
constexpr int milliseconds_between_looks = 100;

QString sentence(const Error& error) {
    return QString::fromStdString(describe(error)) + QLatin1Char('.');
}

// What can be done about a trace that cannot be opened.
QString advice_on(const Error& error) {
    if (error.code == ErrorCode::bad_input) {
        return TraceDocument::tr("Open a file that vutrace capture has written, plain or compressed with zstd.");
    }
    switch (error.errno_value) {
        case ENOENT:
            return TraceDocument::tr("It may have been moved: look for it with Ctrl+O.");
        case EISDIR:
            return TraceDocument::tr("Open a file in it.");
        case EACCES:
        case EPERM:
            return TraceDocument::tr(
                "A trace belongs to whoever captured it: let them give you a copy, or the right to read it.");
        case ENOSPC:
        case EDQUOT:
            return TraceDocument::tr("Make room there, or have TMPDIR name another folder.");
        default:
            return {};
    }
}

}  // namespace

TraceDocument::TraceDocument(const QString& path, AtEnd at_end, QObject* parent)
    : QObject(parent),
      path_(path),
      at_end_(at_end),
      index_(std::make_shared<index::TraceIndex>(QFile::encodeName(path).toStdString(),
                                                 index::TraceIndex::default_policy, at_end)),
      shared_(index_),
      overview_(std::make_shared<overview::OverviewBuilder>()) {
    connect(&timer_, &QTimer::timeout, this, &TraceDocument::look_at_index);
    begin_indexing();
}

void TraceDocument::begin_indexing() {
    indexing_thread_ = std::jthread([this, index = index_, overview = overview_](const std::stop_token& stop) {
        give_way();
        if (index->is_stopped() && !index->can_go_on()) {
            QMetaObject::invokeMethod(
                this,
                [this] {
                    indexing_ = false;
                    timer_.stop();
                    look_at_index();
                    Q_EMIT replaced();
                },
                Qt::QueuedConnection);
            return;
        }
        const Status built = index->build(
            stop, [&](const auto& annotation, const auto& annotator) { overview->add(annotation, annotator); },
            [&] { overview->publish(); });
        overview->publish();
        QMetaObject::invokeMethod(
            this,
            [this, error = built ? std::nullopt : std::optional(built.error()), stopped = index->is_stopped()] {
                end_indexing(error, stopped);
            },
            Qt::QueuedConnection);
    });
    timer_.start(progress_.rows == 0 ? milliseconds_between_first_looks : milliseconds_between_looks);
}

void TraceDocument::end_indexing(std::optional<Error> error, bool stopped) {
    error_ = std::move(error);
    stopped_ = stopped;
    indexing_ = false;
    timer_.stop();
    look_at_index();
    Q_EMIT finished();
}

void TraceDocument::go_on(AtEnd at_end) {
    if (!stopped_) {
        return;
    }
    at_end_ = at_end;
    stop_wanted_ = false;
    index_->set_at_end(at_end);  // its thread has told its end: nobody builds
    stopped_ = false;
    error_.reset();
    indexing_ = true;
    progress_.complete = false;
    begin_indexing();
    Q_EMIT progressed();
}

TraceDocument::~TraceDocument() {
    stop_searching();
    stop_indexing();
}

void TraceDocument::stop_indexing() {
    stop_wanted_ = true;
    indexing_thread_.request_stop();
}

bool TraceDocument::waits_for_more() const noexcept {
    return at_end_ == AtEnd::wait_for_more && !progress_.complete && progress_.bytes != 0 &&
           progress_.bytes >= progress_.total_bytes;
}

void TraceDocument::look_at_index() {
    index::Progress now = index_->progress();
    now.complete = now.complete && !indexing_;  // told together with why
    const bool more = now.rows != progress_.rows || now.bytes != progress_.bytes || now.complete != progress_.complete;
    if (progress_.rows == 0 && now.rows != 0) {
        timer_.setInterval(milliseconds_between_looks);
    }
    progress_ = now;
    if (more) {
        Q_EMIT progressed();
    }
}

QString TraceDocument::trouble() const {
    QStringList parts;
    const std::uint64_t rows = index_->progress().rows;
    const QLocale locale;
    if (stopped_ && error_) {
        parts += tr("Reading was stopped behind record %1: F5 reads on.").arg(locale.toString(qulonglong{rows}));
    } else if (error_ && error_->code == ErrorCode::limit && stop_wanted_) {
        parts += tr("Reading was stopped before the first record: F5 begins again.");
    } else if (error_) {
        parts += sentence(*error_);
        if (const QString advice = advice_on(*error_); rows == 0 && !advice.isEmpty()) {
            parts += advice;
        }
    }
    const trace::ReadProblems problems = index_->problems();
    if (problems.torn) {
        parts += (rows == 0 ? tr("The trace is torn: %1. No record came before.")
                            : tr("The trace is torn: %1. What came before is shown."))
                     .arg(QString::fromStdString(describe(*problems.torn)));
    }
    if (problems.bad_record_count != 0) {
        parts += tr("%1 records could not be decoded.", nullptr, plural_of(problems.bad_record_count))
                     .arg(locale.toString(qulonglong{problems.bad_record_count}));
    }
    if (problems.unknown_records != 0) {
        parts +=
            tr("%1 records are of a kind that a newer vutrace wrote.", nullptr, plural_of(problems.unknown_records))
                .arg(locale.toString(qulonglong{problems.unknown_records}));
    }
    if (problems.foreign_packets != 0) {
        parts += tr("%1 packets are not vutrace's.", nullptr, plural_of(problems.foreign_packets))
                     .arg(locale.toString(qulonglong{problems.foreign_packets}));
    }
    return parts.join(QLatin1Char(' '));
}

QString TraceDocument::reading_problem(const Error& error) {
    return tr("%1 The trace changed under this window, or its disk fails: F5 reads it again.").arg(sentence(error));
}

void TraceDocument::search(std::uint64_t from, index::Direction direction, Predicate wanted, bool around) {
    stop_searching();
    searching_ = true;
    searching_thread_ = std::jthread([this, from, direction, around, number = ++search_number_, index = shared_,
                                      wanted = std::move(wanted)](const std::stop_token& stop) {
        give_way();
        const auto look = [&]() -> Result<index::FoundAround> {
            if (around) {
                return index::find_row_around(index, from, direction, wanted, stop);
            }
            return index::find_row(index, from, direction, wanted, stop).map([](const auto& row) {
                return index::FoundAround{row};
            });
        };
        QMetaObject::invokeMethod(
            this, [this, number, found = look()] { end_search(number, found); }, Qt::QueuedConnection);
    });
}

void TraceDocument::end_search(std::uint64_t number, const Result<index::FoundAround>& found) {
    if (number != search_number_ || !searching_) {
        return;  // nobody waits for it any more
    }
    searching_ = false;
    Q_EMIT searched(found ? found->row.value_or(0) : 0, found && found->went_around,
                    found ? QString() : reading_problem(found.error()));
}

void TraceDocument::stop_searching() {
    searching_ = false;
    searching_thread_ = std::jthread();  // asks it to stop, and waits: it looks every few thousand rows
}

}  // namespace vutrace::gui
