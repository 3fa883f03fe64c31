// The trace of a window: opened, followed, read again or on, and the record of it that is shown.
#include "record_columns.h"
#include "vutrace/gui/views/bookmarks_dock.h"
#include "vutrace/gui/views/capture_and_replay.h"
#include "vutrace/gui/views/details_pane.h"
#include "vutrace/gui/views/export_actions.h"
#include "vutrace/gui/views/filter_bar.h"
#include "vutrace/gui/views/findings_dock.h"
#include "vutrace/gui/views/guidance.h"
#include "vutrace/gui/views/main_window.h"
#include "vutrace/gui/views/records_view.h"
#include "vutrace/gui/views/state_docks.h"
#include "vutrace/gui/views/time_docks.h"
#include "vutrace/gui/views/work_status.h"

#include <QFileInfo>
#include <QStatusBar>
#include <algorithm>
#include <utility>

namespace vutrace::gui {
namespace {

constexpr std::uint64_t most_bytes_checked_unasked = std::uint64_t{256} << 20U;

}  // namespace

MainWindow* MainWindow::open(const QString& path, bool grows) {
    guidance_->hide_start_page();
    if (document_ == nullptr || document_->failed()) {
        show_trace(path, grows);
        return this;
    }
    auto* other = new MainWindow(version_);
    other->move(pos() + QPoint(24, 24));
    other->show();
    return other->open(path, grows);
}

// The same trace from its beginning or where it was stopped, and on with what is written to it.
void MainWindow::follow() {
    if (document_ != nullptr && !go_on(TraceDocument::AtEnd::wait_for_more)) {
        read_from_beginning(true);
    }
}

// To its end: from where reading or filtering was stopped, otherwise from its beginning.
void MainWindow::read_again() {
    if (document_ != nullptr && !go_on(TraceDocument::AtEnd::stop)) {
        read_from_beginning(false);
    }
}

// False: nothing was stopped.
bool MainWindow::go_on(TraceDocument::AtEnd at_end) {
    const bool filtering = model_->filtering_was_stopped();
    const bool reading = document_->was_stopped();
    model_->go_on_filtering();
    document_->go_on(at_end);
    if (reading) {
        say({});
    }
    show_progress();
    return reading || filtering;
}

// The place and the filter are kept.
void MainWindow::read_from_beginning(bool grows) {
    const QString path = document_->path();  // the document goes on the way
    if (!QFileInfo::exists(path)) {
        say(tr("%1 is not there any more: what is shown was read before it went.").arg(path));
        return;
    }
    const std::uint64_t current = current_;
    const std::optional<filter::Filter> filter = model_->filter();
    show_trace(path, grows);
    wanted_ = std::max<std::uint64_t>(current, 1);
    if (filter) {
        model_->set_filter(filter);
        time_docks_->set_filter(filter, filter_bar_->text());
        exports_->set_filter(filter_bar_->text());
    }
}

void MainWindow::show_trace(const QString& path, bool grows) {
    const QByteArray columns = columns_->chosen();
    exports_->set_document(nullptr, nullptr);
    bookmarks_->set_document(nullptr, nullptr, nullptr);
    time_docks_->set_document(nullptr, nullptr);
    records_->setModel(nullptr);
    findings_->set_document(nullptr);
    state_docks_->set_document(nullptr);
    reader_.reset();
    model_.reset();
    document_ = std::make_unique<TraceDocument>(
        path, grows ? index::TraceIndex::AtEnd::wait_for_more : index::TraceIndex::AtEnd::stop);
    capture_and_replay_->set_trace(path);
    findings_->set_document(document_.get());
    state_docks_->set_document(document_.get());
    model_ = std::make_unique<RecordsModel>(*document_);
    time_docks_->set_document(document_.get(), findings_->model());
    bookmarks_->set_document(document_.get(), model_.get(), &time_docks_->timeline());
    exports_->set_document(document_.get(), model_.get());
    reader_ = std::make_unique<ReaderThread>(document_->index(), 4);
    details_->clear();
    visited_.clear();
    current_ = 0;
    wanted_ = 1;
    last_row_ = 0;
    last_checked_ = 0;
    statusBar()->clearMessage();  // it is about the trace before this one
    say({});
    setWindowTitle(tr("%1 — vutrace").arg(QFileInfo(path).fileName()));
    setWindowFilePath(path);
    records_->setModel(model_.get());
    restore_settings();
    if (!columns.isEmpty()) {
        columns_->restore(columns);
    }
    connect(document_.get(), &TraceDocument::progressed, this, &MainWindow::show_progress);
    connect(document_.get(), &TraceDocument::finished, this, &MainWindow::show_end);
    // Not at once: the document that says so goes on the way.
    connect(
        document_.get(), &TraceDocument::replaced, this,
        [this] {
            read_from_beginning(false);
            statusBar()->showMessage(tr("The file is another one by now: it is read from its beginning"), 8000);
        },
        Qt::QueuedConnection);
    connect(document_.get(), &TraceDocument::searched, this, &MainWindow::end_search);
    connect(model_.get(), &RecordsModel::filter_progressed, this, &MainWindow::show_progress);
    connect(model_.get(), &RecordsModel::read_failed, this, &MainWindow::say);
    show_progress();
    records_->setFocus();
}

void MainWindow::show_progress() {
    work_->show(*document_, *model_);
    const bool none = model_->filter() && model_->rowCount() == 0 && !model_->is_filtering();
    records_->set_empty_text(none ? tr("No record matches the filter") : QString());
    keep_at_end();
    columns_->show_what_differs(*document_->overview());
    if (document_->waits_for_more() && document_->progress().rows > last_checked_ &&
        document_->progress().bytes <= most_bytes_checked_unasked) {
        last_checked_ = document_->progress().rows;
        findings_->check_soon();
    }
    if (wanted_ != 0 && model_->rowCount() > 0) {
        const int row = model_->row_of(wanted_);
        if (row < model_->rowCount() || !WorkStatus::is_busy(*document_, *model_)) {
            records_->go_to(std::min(row, model_->rowCount() - 1));
            wanted_ = 0;
        }
    }
}

// Who stands on the last record of a trace that grows stays on the last; whoever goes elsewhere is left there.
void MainWindow::keep_at_end() {
    const int last = model_->rowCount() - 1;
    const bool stood_there = last_row_ > 0 && records_->current_row() == last_row_;
    if (document_->waits_for_more() && stood_there && last > last_row_) {
        records_->go_to(last);
    }
    last_row_ = last;
}

void MainWindow::show_end() {
    say(document_->trouble());
    if (!document_->failed()) {
        columns_->set_time_width(std::max(records_->header()->sectionSize(RecordsModel::time), time_width()));
        remember_file(document_->path());
        const index::Progress progress = document_->progress();
        if (progress.rows != 0 && progress.bytes <= most_bytes_checked_unasked) {
            findings_->check();
        }
    }
    show_progress();
}

void MainWindow::show_current(int row) {
    const std::uint64_t sequence = model_ == nullptr ? 0 : model_->sequence_at(row);
    const std::uint64_t generation = ++generation_;
    if (sequence == 0) {
        return;
    }
    current_ = sequence;
    wanted_ = 0;  // whoever moved wants to be here
    Q_EMIT record_selected(sequence);
    reader_->forget_all();
    reader_->post(sequence, [this, sequence, generation, history = state_docks_->history()](index::Cursor& cursor) {
        QMetaObject::invokeMethod(
            this,
            [this, generation, read = read_details(cursor, sequence, history.get())]() mutable {
                if (generation == generation_) {  // otherwise another record is current by now
                    details_->show_record(std::move(read.details), std::move(read.bytes));
                }
            },
            Qt::QueuedConnection);
    });
}

// The innermost thing that runs.
void MainWindow::cancel() {
    if (document_ == nullptr) {
        return;
    }
    if (document_->is_searching()) {
        stop_search();
    } else if (WorkStatus::is_filtering(*document_, *model_)) {
        model_->stop_filtering();
        statusBar()->showMessage(
            tr("Filtering was stopped: only the records found so far are shown. F5 looks through the rest"), 8000);
    } else if (!document_->progress().complete) {
        document_->stop_indexing();
    }
    show_progress();
}

}  // namespace vutrace::gui
