#include "vutrace/gui/views/main_window.h"

#include "record_columns.h"
#include "vutrace/gui/views/bookmarks_dock.h"
#include "vutrace/gui/views/capture_and_replay.h"
#include "vutrace/gui/views/details_pane.h"
#include "vutrace/gui/views/export_actions.h"
#include "vutrace/gui/views/filter_bar.h"
#include "vutrace/gui/views/find_bar.h"
#include "vutrace/gui/views/findings_dock.h"
#include "vutrace/gui/views/guidance.h"
#include "vutrace/gui/views/records_view.h"
#include "vutrace/gui/views/state_docks.h"
#include "vutrace/gui/views/time_docks.h"
#include "vutrace/gui/views/work_status.h"

#include <QCloseEvent>
#include <QDragEnterEvent>
#include <QLabel>
#include <QMimeData>
#include <QSplitter>
#include <QStackedWidget>
#include <QStatusBar>
#include <QUrl>
#include <QVBoxLayout>

namespace vutrace::gui {

MainWindow::MainWindow(const QString& version, QWidget* parent) : QMainWindow(parent), version_(version) {
    setAttribute(Qt::WA_DeleteOnClose);
    setAcceptDrops(true);
    setWindowTitle(tr("vutrace"));
    make_panes();
    make_findings();
    make_state_docks();
    make_status();
    make_time_docks();
    make_capture_and_replay();
    make_bookmarks();
    make_exports();
    make_guidance();
    make_actions();
    resize(1280, 800);
    restore_settings();
    say(tr("Open a trace with Ctrl+O, or drop one here."));
}

MainWindow::~MainWindow() {
    state_docks_->set_document(nullptr);
    exports_->set_document(nullptr, nullptr);
    bookmarks_->set_document(nullptr, nullptr, nullptr);
    time_docks_->set_document(nullptr, nullptr);
    records_->setModel(nullptr);
    findings_->set_document(nullptr);
    reader_.reset();
    model_.reset();
    document_.reset();
}

QLineEdit& MainWindow::find_line() const noexcept {
    return find_bar_->line();
}

QTreeView& MainWindow::findings() const noexcept {
    return findings_->list();
}

QLabel& MainWindow::verdict() const noexcept {
    return findings_->verdict();
}

QTreeView& MainWindow::details() const noexcept {
    return details_->tree();
}

HexView& MainWindow::bytes() const noexcept {
    return details_->bytes();
}

void MainWindow::make_panes() {
    filter_bar_ = new FilterBar(this);
    find_bar_ = new FindBar(this);
    records_ = new RecordsView(this);
    records_->setAccessibleName(tr("Records"));
    records_->setContextMenuPolicy(Qt::CustomContextMenu);
    columns_ = new RecordColumns(*records_->header());
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

    pages_ = new QStackedWidget(this);
    auto* central = new QWidget(pages_);
    auto* layout = new QVBoxLayout(central);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addWidget(filter_bar_);
    layout->addWidget(find_bar_);
    layout->addWidget(notice_);
    layout->addWidget(upper_and_lower_, 1);
    pages_->addWidget(central);
    setCentralWidget(pages_);

    connect(records_, &RecordsView::current_row_changed, this, &MainWindow::show_current);
    connect(records_, &QWidget::customContextMenuRequested, this, &MainWindow::row_menu);
    connect(records_, &QAbstractItemView::activated, this, &MainWindow::go_to_partner);
    connect(details_, &DetailsPane::record_wanted, this, &MainWindow::go_to_sequence);
    connect(filter_bar_, &FilterBar::filter_entered, this, [this](const std::optional<filter::Filter>& filter) {
        if (model_ == nullptr || (!filter && !model_->filter())) {
            return;
        }
        wanted_ = std::max<std::uint64_t>(current_, 1);
        if (filter) {
            statusBar()->clearMessage();  // it may be about a filter before this one
        }
        model_->set_filter(filter);
        time_docks_->set_filter(filter, filter_bar_->text());
        exports_->set_filter(filter ? filter_bar_->text() : QString());
        records_->setFocus();
    });
    connect(find_bar_, &FindBar::find_wanted, this, &MainWindow::find);
    connect(filter_bar_, &FilterBar::filter_used, this, &MainWindow::remember_filter);
}

void MainWindow::make_findings() {
    findings_ = new FindingsDock(this);
    addDockWidget(Qt::BottomDockWidgetArea, findings_);
    findings_->hide();
    connect(findings_, &FindingsDock::record_wanted, this, &MainWindow::go_to_sequence);
    connect(findings_, &FindingsDock::checked, this, &MainWindow::take_findings);
}

void MainWindow::take_findings(bool whole) {
    const FindingsModel& findings = *findings_->model();
    model_->set_findings(findings.findings());
    if (findings_->has_appeared()) {
        resizeDocks({findings_}, {findings_->wanted_height()}, Qt::Vertical);
        time_docks_->make_room_beside(*findings_);
        capture_and_replay_->take_room();
    }
    if (!document_->progress().complete) {
        return;  // what is not broken yet may be by its end
    }
    statusBar()->showMessage(!whole                     ? tr("The trace could not be read again: it was not checked")
                             : findings.rowCount() == 0 ? tr("Checked: no rule is seen to be broken")
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
    tabifyDockWidget(findings_, &bookmarks_->dock());
    connect(this, &MainWindow::record_selected, bookmarks_, &BookmarksDock::set_record);
    connect(bookmarks_, &BookmarksDock::appeared, this, [this] { time_docks_->make_room_beside(bookmarks_->dock()); });
    connect(bookmarks_, &BookmarksDock::record_wanted, this, &MainWindow::go_to_sequence);
    connect(bookmarks_, &BookmarksDock::said, this,
            [this](const QString& text) { statusBar()->showMessage(text, 8000); });
}

void MainWindow::make_exports() {
    exports_ = new ExportActions(*this, *records_);
    connect(exports_, &ExportActions::said, this,
            [this](const QString& text) { statusBar()->showMessage(text, 8000); });
}

void MainWindow::make_status() {
    work_ = new WorkStatus(*statusBar());
    connect(work_, &WorkStatus::cancel_wanted, this, &MainWindow::cancel);
}

void MainWindow::say(const QString& text) {
    notice_->setText(text);
    notice_->setVisible(!text.isEmpty());
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
    if (event->key() == Qt::Key_F10 && event->modifiers() == Qt::ShiftModifier) {
        open_menu_by_key();
        return;
    }
    if (event->key() != Qt::Key_Escape) {
        QMainWindow::keyPressEvent(event);
        return;
    }
    if (guidance_->shows_start_page()) {
        if (document_ != nullptr) {
            guidance_->hide_start_page();
            records_->setFocus();
        }
        return;
    }
    if (find_bar_->isVisible() && (document_ == nullptr || !document_->is_searching())) {
        find_bar_->hide();
    } else {
        cancel();
    }
    records_->setFocus();
}

void MainWindow::closeEvent(QCloseEvent* event) {
    guidance_->end();
    save_settings();
    QMainWindow::closeEvent(event);
}

}  // namespace vutrace::gui
