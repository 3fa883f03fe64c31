#include "vutrace/gui/views/main_window.h"

#include "vutrace/gui/views/bookmarks_dock.h"
#include "vutrace/gui/views/capture_and_replay.h"
#include "vutrace/gui/views/details_pane.h"
#include "vutrace/gui/views/filter_bar.h"
#include "vutrace/gui/views/records_view.h"
#include "vutrace/gui/views/state_docks.h"
#include "vutrace/gui/views/time_docks.h"

#include <vutrace/render/json.h>
#include <vutrace/render/text.h>

#include <QApplication>
#include <QClipboard>
#include <QCloseEvent>
#include <QDockWidget>
#include <QDragEnterEvent>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QLocale>
#include <QMimeData>
#include <QProgressBar>
#include <QPushButton>
#include <QSettings>
#include <QSplitter>
#include <QStatusBar>
#include <QTreeView>
#include <QVBoxLayout>
#include <algorithm>
#include <array>
#include <utility>

namespace vutrace::gui {
namespace {

constexpr std::size_t most_bytes_shown = std::size_t{1} << 20U;
constexpr std::size_t most_records_copied = 100000;
constexpr int most_recent_files = 10;
constexpr int progress_steps = 1000;
constexpr std::uint64_t most_bytes_checked_unasked = std::uint64_t{256} << 20U;

// In the order of RecordsModel::Column, in characters.
constexpr std::array<int, RecordsModel::column_count> column_widths{2, 7, 13, 6, 9, 9, 5, 8, 29, 60};

}  // namespace

MainWindow::MainWindow(const QString& version, QWidget* parent) : QMainWindow(parent), version_(version) {
    setAttribute(Qt::WA_DeleteOnClose);
    setAcceptDrops(true);
    setWindowTitle(tr("vutrace"));
    make_find_bar();
    make_panes();
    make_findings();
    make_state_docks();
    make_status();
    make_time_docks();
    make_capture_and_replay();
    make_bookmarks();
    make_actions();
    resize(1280, 800);
    restore_settings();
    say(tr("Open a trace with Ctrl+O, or drop one here."));
}

MainWindow::~MainWindow() {
    state_docks_->set_document(nullptr);
    bookmarks_->set_document(nullptr, nullptr, nullptr);
    time_docks_->set_document(nullptr, nullptr);
    records_->setModel(nullptr);
    findings_->setModel(nullptr);
    findings_model_.reset();
    reader_.reset();
    model_.reset();
    document_.reset();
}

QTreeView& MainWindow::details() const noexcept {
    return details_->tree();
}

HexView& MainWindow::bytes() const noexcept {
    return details_->bytes();
}

void MainWindow::make_find_bar() {
    find_bar_ = new QWidget(this);
    find_line_ = new QLineEdit(find_bar_);
    find_line_->setPlaceholderText(
        tr("Find text in names and summaries: Return for the next, Shift+Return for the one before"));
    find_line_->setAccessibleName(tr("Find"));
    auto* layout = new QHBoxLayout(find_bar_);
    layout->setContentsMargins(6, 0, 6, 2);
    layout->addWidget(new QLabel(tr("Find"), find_bar_));
    layout->addWidget(find_line_);
    find_bar_->hide();
    connect(find_line_, &QLineEdit::returnPressed, this, [this] {
        const bool back = (QApplication::keyboardModifiers() & Qt::ShiftModifier) != 0;
        find(back ? index::Direction::backward : index::Direction::forward);
    });
}

void MainWindow::make_panes() {
    filter_bar_ = new FilterBar(this);
    records_ = new RecordsView(this);
    records_->setAccessibleName(tr("Records"));
    records_->setContextMenuPolicy(Qt::CustomContextMenu);
    details_ = new DetailsPane(this);
    upper_and_lower_ = new QSplitter(Qt::Vertical, this);
    upper_and_lower_->addWidget(records_);
    upper_and_lower_->addWidget(details_);
    upper_and_lower_->setStretchFactor(0, 3);
    upper_and_lower_->setStretchFactor(1, 2);
    notice_ = new QLabel(this);
    notice_->setWordWrap(true);
    notice_->setMargin(6);
    notice_->setTextFormat(Qt::PlainText);
    notice_->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    notice_->setAccessibleName(tr("Notice"));

    auto* central = new QWidget(this);
    auto* layout = new QVBoxLayout(central);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addWidget(filter_bar_);
    layout->addWidget(find_bar_);
    layout->addWidget(notice_);
    layout->addWidget(upper_and_lower_, 1);
    setCentralWidget(central);

    connect(records_, &RecordsView::current_row_changed, this, &MainWindow::show_current);
    connect(records_, &QWidget::customContextMenuRequested, this, &MainWindow::row_menu);
    connect(records_, &QAbstractItemView::activated, this, &MainWindow::go_to_partner);
    connect(details_, &DetailsPane::record_wanted, this, &MainWindow::go_to_sequence);
    connect(filter_bar_, &FilterBar::filter_entered, this, [this](const std::optional<filter::Filter>& filter) {
        if (model_ == nullptr || (!filter && !model_->filter())) {
            return;
        }
        wanted_ = current_;
        model_->set_filter(filter);
        time_docks_->set_filter(filter, filter_bar_->text());
        records_->setFocus();
    });
    connect(filter_bar_, &FilterBar::history_changed, this, &MainWindow::save_settings);
}

void MainWindow::make_findings() {
    findings_ = new QTreeView(this);
    findings_->setAccessibleName(tr("Findings"));
    findings_->setRootIsDecorated(false);
    findings_->setUniformRowHeights(true);
    findings_->setAlternatingRowColors(true);
    findings_dock_ = new QDockWidget(tr("Findings"), this);
    findings_dock_->setObjectName(QStringLiteral("findings"));
    verdict_ = new QLabel(this);
    verdict_->setWordWrap(true);
    verdict_->setMargin(4);
    verdict_->setTextFormat(Qt::PlainText);
    verdict_->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    verdict_->setAccessibleName(tr("Verdict"));
    auto* content = new QWidget(this);
    auto* layout = new QVBoxLayout(content);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addWidget(verdict_);
    layout->addWidget(findings_, 1);
    findings_dock_->setWidget(content);
    addDockWidget(Qt::BottomDockWidgetArea, findings_dock_);
    findings_dock_->hide();
    const auto go = [this](const QModelIndex& index) { go_to_sequence(findings_model_->sequence_at(index.row())); };
    connect(findings_, &QAbstractItemView::activated, this, go);
    connect(findings_, &QAbstractItemView::clicked, this, go);
}

// Without anything to show the place is the records'.
void MainWindow::show_findings(bool whole) {
    const int count = findings_model_->rowCount();
    findings_dock_->setWindowTitle(findings_model_->more_than_shown() ? tr("Findings: the first %1").arg(count)
                                                                      : tr("Findings: %1").arg(count));
    findings_dock_->setVisible(count > 0);
    verdict_->setText(findings_model_->verdict());
    verdict_->setVisible(!verdict_->text().isEmpty());
    model_->set_findings(findings_model_->findings());
    for (int column = 0; column < FindingsModel::column_count; ++column) {
        findings_->resizeColumnToContents(column);
    }
    if (count > 0) {
        resizeDocks({findings_dock_}, {std::min(6, count + 3) * fontMetrics().height() * 3 / 2}, Qt::Vertical);
        time_docks_->make_room_beside(*findings_dock_);
    }
    statusBar()->showMessage(!whole       ? tr("The trace could not be read again: it was not checked")
                             : count == 0 ? tr("Checked: no rule is seen to be broken")
                                          : QString(),
                             8000);
}

void MainWindow::make_state_docks() {
    state_docks_ = new StateDocks(*this);
    connect(this, &MainWindow::record_selected, state_docks_, &StateDocks::set_record);
    connect(state_docks_, &StateDocks::record_wanted, this, &MainWindow::go_to_sequence);
    connect(state_docks_, &StateDocks::search_wanted, this, &MainWindow::search);
    connect(state_docks_, &StateDocks::scrubbed, this, &MainWindow::scrub_to);
    connect(state_docks_, &StateDocks::said, this,
            [this](const QString& text) { statusBar()->showMessage(text, 8000); });
    connect(state_docks_, &StateDocks::history_read, this, [this] {
        if (details_->has_descriptors()) {
            show_current(records_->current_row());  // their lives are known now
        }
    });
}

// To the record, or the next one that the filter shows; not a jump that one goes back from.
void MainWindow::scrub_to(std::uint64_t sequence) {
    if (model_ != nullptr && model_->rowCount() > 0) {
        records_->go_to(std::min(model_->row_of(sequence), model_->rowCount() - 1));
    }
}

void MainWindow::make_time_docks() {
    time_docks_ = new TimeDocks(*this);
    connect(this, &MainWindow::record_selected, time_docks_, &TimeDocks::set_record);
    connect(time_docks_, &TimeDocks::record_wanted, this, &MainWindow::go_to_sequence);
    connect(time_docks_, &TimeDocks::filter_wanted, this, [this](const QString& expression, Joined how) {
        filter_bar_->apply(join_filters(filter_bar_->text(), expression, how));
    });
    connect(time_docks_, &TimeDocks::said, this, [this](const QString& text) { statusBar()->showMessage(text, 8000); });
}

void MainWindow::make_capture_and_replay() {
    capture_and_replay_ = new CaptureAndReplay(*this);
    tabifyDockWidget(&time_docks_->timeline_dock(), &capture_and_replay_->replay_dock());
    connect(capture_and_replay_, &CaptureAndReplay::record_wanted, this, &MainWindow::go_to_sequence);
    connect(capture_and_replay_, &CaptureAndReplay::trace_wanted, this, &MainWindow::open);
}

void MainWindow::make_bookmarks() {
    bookmarks_ = new BookmarksDock(*this);
    tabifyDockWidget(findings_dock_, &bookmarks_->dock());
    connect(this, &MainWindow::record_selected, bookmarks_, &BookmarksDock::set_record);
    connect(bookmarks_, &BookmarksDock::record_wanted, this, &MainWindow::go_to_sequence);
    connect(bookmarks_, &BookmarksDock::said, this,
            [this](const QString& text) { statusBar()->showMessage(text, 8000); });
}

void MainWindow::make_status() {
    counts_ = new QLabel(this);
    progress_ = new QProgressBar(this);
    progress_->setMaximumWidth(200);
    progress_->setAccessibleName(tr("Progress"));
    cancel_ = new QPushButton(tr("Cancel"), this);
    cancel_->setToolTip(tr("Stop what runs (Esc)"));
    statusBar()->addPermanentWidget(counts_);
    statusBar()->addPermanentWidget(progress_);
    statusBar()->addPermanentWidget(cancel_);
    progress_->hide();
    cancel_->hide();
    connect(cancel_, &QPushButton::clicked, this, &MainWindow::cancel);
}

void MainWindow::say(const QString& text) {
    notice_->setText(text);
    notice_->setVisible(!text.isEmpty());
}

void MainWindow::open(const QString& path, bool grows) {
    if (document_ == nullptr || document_->failed()) {
        show_trace(path, grows);
        return;
    }
    auto* other = new MainWindow(version_);
    other->move(pos() + QPoint(24, 24));
    other->show();
    other->open(path, grows);
}

// The same trace from its beginning, and on with what is written to it.
void MainWindow::follow() {
    if (document_ != nullptr) {
        show_trace(document_->path(), true);
    }
}

void MainWindow::show_trace(const QString& path, bool grows) {
    bookmarks_->set_document(nullptr, nullptr, nullptr);
    time_docks_->set_document(nullptr, nullptr);
    records_->setModel(nullptr);
    findings_->setModel(nullptr);
    state_docks_->set_document(nullptr);
    findings_dock_->hide();
    findings_model_.reset();
    reader_.reset();
    model_.reset();
    document_ = std::make_unique<TraceDocument>(
        path, grows ? index::TraceIndex::AtEnd::wait_for_more : index::TraceIndex::AtEnd::stop);
    capture_and_replay_->set_trace(path);
    findings_model_ = std::make_unique<FindingsModel>(*document_);
    findings_->setModel(findings_model_.get());
    connect(findings_model_.get(), &FindingsModel::checked, this, &MainWindow::show_findings);
    state_docks_->set_document(document_.get());
    model_ = std::make_unique<RecordsModel>(*document_);
    time_docks_->set_document(document_.get(), findings_model_.get());
    bookmarks_->set_document(document_.get(), model_.get(), &time_docks_->timeline());
    reader_ = std::make_unique<ReaderThread>(document_->index(), 4);
    details_->clear();
    visited_.clear();
    current_ = 0;
    wanted_ = 1;
    last_row_ = 0;
    say({});
    setWindowTitle(tr("%1 — vutrace").arg(QFileInfo(path).fileName()));
    setWindowFilePath(path);
    records_->setModel(model_.get());
    restore_settings();
    connect(document_.get(), &TraceDocument::progressed, this, &MainWindow::show_progress);
    connect(document_.get(), &TraceDocument::finished, this, &MainWindow::show_end);
    connect(document_.get(), &TraceDocument::searched, this, &MainWindow::end_search);
    connect(model_.get(), &RecordsModel::filter_progressed, this, &MainWindow::show_progress);
    connect(model_.get(), &RecordsModel::read_failed, this, &MainWindow::say);
    show_progress();
    records_->setFocus();
}

void MainWindow::show_progress() {
    const index::Progress progress = document_->progress();
    const bool busy = !progress.complete || model_->is_filtering() || document_->is_searching();
    const QLocale locale;
    if (document_->waits_for_more()) {
        progress_->setRange(0, 0);
        progress_->setFormat(tr("Waiting for more"));
    } else if (!progress.complete) {
        progress_->setRange(0, progress.total_bytes == 0 ? 0 : progress_steps);
        progress_->setValue(
            progress.total_bytes == 0 ? 0 : static_cast<int>(progress.bytes * progress_steps / progress.total_bytes));
        progress_->setFormat(tr("Reading %p%"));
    } else if (model_->is_filtering() && progress.rows > 0) {
        progress_->setRange(0, progress_steps);
        progress_->setValue(static_cast<int>(model_->rows_looked_at() * progress_steps / progress.rows));
        progress_->setFormat(tr("Filtering %p%"));
    } else {
        progress_->setRange(0, 0);
    }
    progress_->setVisible(busy);
    cancel_->setVisible(busy);
    const QString all = locale.toString(qulonglong{progress.rows});
    counts_->setText(model_->filter() ? tr("%1 of %2 records").arg(locale.toString(model_->rowCount()), all)
                                      : tr("%1 records").arg(all));
    keep_at_end();
    if (wanted_ != 0 && model_->rowCount() > 0) {
        const int row = model_->row_of(wanted_);
        if (row < model_->rowCount() || !busy) {
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
        remember_file(document_->path());
        if (document_->progress().bytes <= most_bytes_checked_unasked) {
            findings_model_->check();
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
        std::vector<render::Detail> details;
        render::RawBytes bytes;
        const Status read = cursor.visit(sequence, sequence, [&](const auto& annotation, std::size_t entry) {
            details = render::details_of(annotation, entry, history.get());
            bytes = render::raw_bytes_of(annotation, entry, most_bytes_shown);
            return true;
        });
        if (!read || details.empty()) {
            details.resize(1);
            details[0].value = read ? "!! this record cannot be decoded" : describe(read.error());
            details[0].tone = render::Tone::bad;
        }
        QMetaObject::invokeMethod(
            this,
            [this, generation, details = std::move(details), bytes = std::move(bytes)]() mutable {
                show_details(generation, std::move(details), std::move(bytes));
            },
            Qt::QueuedConnection);
    });
}

void MainWindow::show_details(std::uint64_t generation, std::vector<render::Detail>&& details,
                              render::RawBytes&& bytes) {
    if (generation != generation_) {
        return;  // another record is current by now
    }
    details_->show_record(std::move(details), std::move(bytes));
}

void MainWindow::select(std::uint64_t sequence) {
    if (model_ == nullptr) {
        return;
    }
    if (!model_->shows(sequence) && model_->filter()) {
        wanted_ = sequence;
        filter_bar_->edit()->clear();  // which takes the filter away
        statusBar()->showMessage(tr("The filter hid record %1: it was cleared").arg(sequence), 8000);
    }
    records_->go_to(model_->row_of(sequence));
    records_->setFocus();
}

void MainWindow::go_to_sequence(std::uint64_t sequence) {
    if (model_ == nullptr || sequence == 0 || sequence > document_->progress().rows) {
        statusBar()->showMessage(tr("There is no record %1").arg(sequence), 8000);
        return;
    }
    visited_.jump(current_, sequence);
    select(sequence);
}

void MainWindow::go_to_partner() {
    const render::Row* row = model_ == nullptr ? nullptr : model_->row_at(records_->current_row());
    if (row == nullptr) {
        return;
    }
    if (row->partner != 0) {
        go_to_sequence(row->partner);
        return;
    }
    const bool may_have_one =
        !row->answers && (row->type == trace::RecordType::message || row->type == trace::RecordType::chain);
    if (!may_have_one) {
        statusBar()->showMessage(tr("Record %1 neither asks nor answers").arg(row->sequence), 8000);
        return;
    }
    search({index::Direction::forward,
            [wanted = row->sequence](const explain::Annotation& annotation, std::size_t entry) {
                return annotation.message.answers == wanted ||
                       (entry < annotation.entries.size() &&
                        annotation.entries[entry].context.available_sequence == wanted);
            },
            tr("Nothing answers record %1 in this trace").arg(row->sequence)});
}

void MainWindow::search(const RecordSearch& search) {
    search_was_for_ = search.nothing;
    document_->search(current_, search.direction, search.wanted);
    show_progress();
}

void MainWindow::find(index::Direction direction) {
    const std::string text = find_line_->text().toLower().toStdString();
    if (model_ == nullptr || text.empty()) {
        begin_find();
        return;
    }
    const bool forward = direction == index::Direction::forward;
    search({direction,
            [text, filter = model_->filter()](const explain::Annotation& annotation, std::size_t entry) {
                if (filter && !filter->matches(annotation, entry)) {
                    return false;
                }
                const render::Row row = render::row_of(annotation, entry);
                const auto found = [&](const std::string& where) {
                    return QString::fromStdString(where).toLower().contains(QString::fromStdString(text));
                };
                return found(row.name) || found(row.summary);
            },
            forward ? tr("“%1” is not found behind this record").arg(find_line_->text())
                    : tr("“%1” is not found before this record").arg(find_line_->text())});
}

void MainWindow::end_search(std::uint64_t row, const QString& problem) {
    if (row != 0) {
        statusBar()->clearMessage();
        go_to_sequence(row);
    } else {
        statusBar()->showMessage(problem.isEmpty() ? search_was_for_ : problem, 8000);
    }
    show_progress();
}

// The innermost thing that runs.
void MainWindow::cancel() {
    if (document_ == nullptr) {
        return;
    }
    if (document_->is_searching()) {
        document_->stop_searching();
    } else if (model_->is_filtering()) {
        model_->stop_filtering();
        statusBar()->showMessage(tr("Stopped: only the records that were found so far are shown"), 8000);
    } else if (!document_->progress().complete) {
        document_->stop_indexing();
    }
    show_progress();
}

void MainWindow::copy(Copied form) {
    if (model_ == nullptr) {
        return;
    }
    std::vector<std::uint64_t> sequences;
    for (const QItemSelectionRange& range : records_->selectionModel()->selection()) {
        for (int row = range.top(); row <= range.bottom() && sequences.size() < most_records_copied; ++row) {
            sequences.push_back(model_->sequence_at(row));
        }
    }
    std::sort(sequences.begin(), sequences.end());
    reader_->post(0, [this, form, sequences = std::move(sequences),
                      start = document_->index()->start_time()](index::Cursor& cursor) {
        std::string out;
        render::TextRenderer text({});
        text.set_start(start);
        for (const std::uint64_t sequence : sequences) {
            (void)cursor.visit(sequence, sequence, [&](const auto& annotation, std::size_t entry) {
                if (form == Copied::json) {
                    render::append_json(out, annotation, entry, {});
                } else {
                    text.append(out, annotation, entry);
                }
                return true;
            });
        }
        QMetaObject::invokeMethod(
            this,
            [this, count = sequences.size(), out = QString::fromStdString(out)] {
                QApplication::clipboard()->setText(out);
                statusBar()->showMessage(tr("%n record(s) copied", nullptr, static_cast<int>(count)), 4000);
            },
            Qt::QueuedConnection);
    });
}

void MainWindow::quick_filter(Joined how) {
    const render::Row* row = model_ == nullptr ? nullptr : model_->row_at(records_->current_row());
    const QString text = row == nullptr ? QString() : gui::quick_filter(*row, records_->currentIndex().column());
    if (!text.isEmpty()) {
        filter_bar_->apply(join_filters(filter_bar_->text(), text, how));
    }
}

void MainWindow::apply_filter(const QString& text) {
    filter_bar_->apply(text);
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event) {
    if (event->mimeData()->hasUrls()) {
        event->acceptProposedAction();
    }
}

void MainWindow::dropEvent(QDropEvent* event) {
    for (const QUrl& url : event->mimeData()->urls()) {
        if (url.isLocalFile()) {
            open(url.toLocalFile());
        }
    }
    event->acceptProposedAction();
}

void MainWindow::keyPressEvent(QKeyEvent* event) {
    if (event->key() != Qt::Key_Escape) {
        QMainWindow::keyPressEvent(event);
        return;
    }
    if (find_bar_->isVisible()) {
        find_bar_->hide();
    } else {
        cancel();
    }
    records_->setFocus();
}

void MainWindow::closeEvent(QCloseEvent* event) {
    save_settings();
    QMainWindow::closeEvent(event);
}

void MainWindow::remember_file(const QString& path) {
    QSettings settings;
    QStringList files = settings.value(QStringLiteral("recent_files")).toStringList();
    const QString absolute = QFileInfo(path).absoluteFilePath();
    files.removeAll(absolute);
    files.prepend(absolute);
    settings.setValue(QStringLiteral("recent_files"), QStringList(files.mid(0, most_recent_files)));
}

void MainWindow::choose_theme(Theme theme) {
    QSettings().setValue(QStringLiteral("theme"), static_cast<int>(theme));
    apply(theme);
}

void MainWindow::restore_settings() {
    const QSettings settings;
    filter_bar_->set_history(settings.value(QStringLiteral("filter_history")).toStringList());
    if (model_ == nullptr) {
        restoreGeometry(settings.value(QStringLiteral("geometry")).toByteArray());
        restoreState(settings.value(QStringLiteral("docks")).toByteArray());
        if (!upper_and_lower_->restoreState(settings.value(QStringLiteral("panes")).toByteArray())) {
            upper_and_lower_->setSizes({460, 260});
        }
        if (!details_->restoreState(settings.value(QStringLiteral("lower_panes")).toByteArray())) {
            details_->setSizes({620, 640});
        }
        return;
    }
    const auto format = settings.value(QStringLiteral("time_format")).toInt();
    model_->set_time_format(static_cast<TimeFormat>(std::clamp(format, 0, 2)));
    QHeaderView& header = *records_->header();
    if (!header.restoreState(settings.value(QStringLiteral("columns")).toByteArray())) {
        const int character = fontMetrics().averageCharWidth();
        for (std::size_t column = 0; column < column_widths.size(); ++column) {
            header.resizeSection(static_cast<int>(column), column_widths[column] * character + 16);
        }
    }
}

void MainWindow::save_settings() {
    QSettings settings;
    settings.setValue(QStringLiteral("filter_history"), filter_bar_->history());
    settings.setValue(QStringLiteral("geometry"), saveGeometry());
    settings.setValue(QStringLiteral("docks"), saveState());
    settings.setValue(QStringLiteral("panes"), upper_and_lower_->saveState());
    settings.setValue(QStringLiteral("lower_panes"), details_->saveState());
    if (model_ != nullptr) {
        settings.setValue(QStringLiteral("columns"), records_->header()->saveState());
        settings.setValue(QStringLiteral("time_format"), static_cast<int>(model_->time_format()));
    }
}

}  // namespace vutrace::gui
