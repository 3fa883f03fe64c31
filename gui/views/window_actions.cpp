// What can be done in the window, by menu and keyboard.
#include "record_columns.h"
#include "view_action.h"
#include "vutrace/gui/views/bookmarks_dock.h"
#include "vutrace/gui/views/capture_and_replay.h"
#include "vutrace/gui/views/export_actions.h"
#include "vutrace/gui/views/filter_bar.h"
#include "vutrace/gui/views/find_bar.h"
#include "vutrace/gui/views/findings_dock.h"
#include "vutrace/gui/views/guidance.h"
#include "vutrace/gui/views/main_window.h"
#include "vutrace/gui/views/records_view.h"
#include "vutrace/gui/views/state_docks.h"
#include "vutrace/gui/views/time_docks.h"

#include <vutrace/trace/versions.h>

#include <QAction>
#include <QActionGroup>
#include <QApplication>
#include <QClipboard>
#include <QContextMenuEvent>
#include <QDialog>
#include <QDialogButtonBox>
#include <QDockWidget>
#include <QFileDialog>
#include <QLineEdit>
#include <QMenu>
#include <QMenuBar>
#include <QMessageBox>
#include <QPushButton>
#include <QSettings>
#include <QStatusBar>
#include <QTextBrowser>
#include <QVBoxLayout>
#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace vutrace::gui {
namespace {

constexpr std::size_t most_records_copied = 100000;

}  // namespace

QAction* MainWindow::add(QMenu& menu, const QString& text, const QKeySequence& keys, void (MainWindow::*act)()) {
    QAction* action = menu.addAction(text);
    action->setShortcut(keys);
    connect(action, &QAction::triggered, this, act);
    return action;
}

void MainWindow::make_actions() {
    make_file_menu();
    make_edit_menu();
    make_go_menu();
    make_view_menu();
    make_help_menu();
    records_->header()->setContextMenuPolicy(Qt::CustomContextMenu);
    connect(records_->header(), &QWidget::customContextMenuRequested, this, &MainWindow::header_menu);
}

void MainWindow::make_file_menu() {
    QMenu& menu = *menuBar()->addMenu(tr("&File"));
    add(menu, tr("&Open …"), QKeySequence::Open, &MainWindow::choose_file);
    add(menu, tr("&New window"), QKeySequence::New, &MainWindow::new_window);
    recent_ = menu.addMenu(tr("Open &recent"));
    connect(recent_, &QMenu::aboutToShow, this, &MainWindow::fill_recent_files);
    add(menu, tr("Follo&w the file as it grows"), QKeySequence(tr("Ctrl+Shift+F")), &MainWindow::follow);
    add(menu, tr("Read on, or a&gain"), QKeySequence(tr("F5")), &MainWindow::read_again);
    menu.addSeparator();
    capture_and_replay_->add_actions(menu);
    menu.addSeparator();
    exports_->add_exports(menu);
    menu.addSeparator();
    connect(menu.addAction(tr("C&lose"), QKeySequence::Close), &QAction::triggered, this, &QWidget::close);
    connect(menu.addAction(tr("&Quit"), QKeySequence(tr("Ctrl+Q"))), &QAction::triggered, qApp,
            &QApplication::closeAllWindows);
}

void MainWindow::make_edit_menu() {
    QMenu& menu = *menuBar()->addMenu(tr("&Edit"));
    add(menu, tr("&Copy as text"), QKeySequence::Copy, &MainWindow::copy_text);
    add(menu, tr("Copy as &JSON"), QKeySequence(tr("Ctrl+Shift+C")), &MainWindow::copy_json);
    exports_->add_copies(menu);
    menu.addSeparator();
    add(menu, tr("&Find …"), QKeySequence::Find, &MainWindow::begin_find);
    add(menu, tr("Find &next"), QKeySequence(tr("F3")), &MainWindow::find_next);
    add(menu, tr("Find &previous"), QKeySequence(tr("Shift+F3")), &MainWindow::find_previous);
    menu.addSeparator();
    add(menu, tr("Filte&r …"), QKeySequence(tr("Ctrl+L")), &MainWindow::begin_filter);
    add(menu, tr("Clear fil&ter"), QKeySequence(tr("Ctrl+Shift+L")), &MainWindow::clear_filter);
}

void MainWindow::make_go_menu() {
    QMenu& menu = *menuBar()->addMenu(tr("&Go"));
    add(menu, tr("To the &request or its answer"), QKeySequence(tr("Ctrl+J")), &MainWindow::go_to_partner);
    add(menu, tr("To record &number …"), QKeySequence(tr("Ctrl+G")), &MainWindow::go_to_number);
    add(menu, tr("&Check the trace"), QKeySequence(tr("Ctrl+E")), &MainWindow::check_trace);
    menu.addSeparator();
    add(menu, tr("&Back"), QKeySequence(tr("Alt+Left")), &MainWindow::go_back);
    add(menu, tr("&Forward"), QKeySequence(tr("Alt+Right")), &MainWindow::go_forward);
    state_docks_->add_steps(menu);
}

void MainWindow::make_view_menu() {
    QMenu& menu = *menuBar()->addMenu(tr("&View"));
    add(menu, tr("&Time: relative, absolute or since the row before"), QKeySequence(tr("Ctrl+T")),
        &MainWindow::next_time_format);
    QMenu& columns = *menu.addMenu(tr("&Columns"));
    connect(&columns, &QMenu::aboutToShow, this, [this, &columns] {
        columns.clear();
        columns_->fill(columns);
    });
    state_docks_->add_views(menu);
    QMenu& themes = *menu.addMenu(tr("T&heme"));
    auto* group = new QActionGroup(this);
    const int current = QSettings().value(QStringLiteral("theme")).toInt();
    const std::array names{tr("As the &system"), tr("&Light"), tr("&Dark")};
    for (std::size_t i = 0; i < names.size(); ++i) {
        QAction* action = themes.addAction(names[i]);
        action->setCheckable(true);
        action->setChecked(current == static_cast<int>(i));
        group->addAction(action);
        connect(action, &QAction::triggered, this, [this, i] { choose_theme(static_cast<Theme>(i)); });
    }
    time_docks_->add_views(menu);
    bookmarks_->add_menu(*menuBar(), menu);
    add_view(menu, *findings_, QKeySequence(tr("Ctrl+6")));
    add_view(menu, capture_and_replay_->replay_dock(), QKeySequence(tr("Ctrl+7")));
}

void MainWindow::make_help_menu() {
    QMenu& menu = *menuBar()->addMenu(tr("&Help"));
    guidance_->add_actions(menu);
    menu.addSeparator();
    add(menu, tr("&Keyboard"), QKeySequence::HelpContents, &MainWindow::show_shortcuts);
    add(menu, tr("&About vutrace"), {}, &MainWindow::show_about);
}

void MainWindow::choose_file() {
    const QStringList paths =
        QFileDialog::getOpenFileNames(this, tr("Open a trace"), {}, tr("Traces (*.pcap *.pcap.zst);;All files (*)"));
    for (const QString& path : paths) {
        open(path);
    }
}

void MainWindow::new_window() {
    auto* other = new MainWindow(version_);
    other->move(pos() + QPoint(24, 24));
    other->show();
    other->show_start_page();
}

void MainWindow::fill_recent_files() {
    recent_->clear();
    const QStringList paths = QSettings().value(QStringLiteral("recent_files")).toStringList();
    for (const QString& path : paths) {
        QString shown = path;
        QAction* action = recent_->addAction(shown.replace(QLatin1Char('&'), QLatin1String("&&")));
        connect(action, &QAction::triggered, this, [this, path] { open(path); });
    }
    if (paths.isEmpty()) {
        recent_->addAction(tr("None yet"))->setEnabled(false);
    }
}

void MainWindow::begin_find() {
    find_bar_->begin_typing();
}

void MainWindow::begin_filter() {
    filter_bar_->begin_typing();
}

// Of a large trace it takes some seconds, so that it waits to be asked for. What was found already is only gone to.
void MainWindow::check_trace() {
    if (document_ == nullptr || !document_->progress().complete) {
        statusBar()->showMessage(tr("The trace is checked once all of it is read"), 8000);
    } else if (document_->progress().rows == 0) {
        statusBar()->showMessage(tr("There is no record that could be checked"), 8000);
    } else if (findings_->model()->rowCount() > 0) {
        findings_->show_list();
    } else {
        statusBar()->showMessage(tr("Checking …"));
        findings_->check();
    }
}

void MainWindow::clear_filter() {
    filter_bar_->edit()->clear();
}

void MainWindow::copy(RecordText form) {
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
        QMetaObject::invokeMethod(
            this,
            [this, count = sequences.size(), text = QString::fromStdString(read_text(cursor, sequences, start, form))] {
                QApplication::clipboard()->setText(text);
                statusBar()->showMessage(tr("%n records copied", nullptr, static_cast<int>(count)), 4000);
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

void MainWindow::next_time_format() {
    if (model_ == nullptr) {
        return;
    }
    const std::array names{tr("Time since the first record"), tr("Date and time, UTC"),
                           tr("Time since the row before")};
    const int next = (static_cast<int>(model_->time_format()) + 1) % static_cast<int>(names.size());
    model_->set_time_format(static_cast<TimeFormat>(next));
    columns_->set_time_width(time_width());
    statusBar()->showMessage(names[static_cast<std::size_t>(next)], 4000);
}

void MainWindow::header_menu(const QPoint& place) {
    QMenu menu(this);
    columns_->fill(menu);
    menu.exec(records_->header()->mapToGlobal(place));
}

// Of the record that is current. The columns are in it, too: there is no key that leads to their header.
void MainWindow::row_menu(const QPoint& place) {
    if (model_ == nullptr) {
        return;
    }
    QMenu menu(this);
    if (const render::Row* row = model_->row_at(records_->current_row()); row != nullptr) {
        add_row_actions(menu, *row);
        menu.addSeparator();
    }
    columns_->fill(*menu.addMenu(tr("Columns")));
    menu.exec(records_->viewport()->mapToGlobal(place));
}

void MainWindow::add_row_actions(QMenu& menu, const render::Row& row) {
    const QString text = gui::quick_filter(row, records_->currentIndex().column());
    if (!text.isEmpty()) {
        connect(menu.addAction(tr("Only  %1").arg(text)), &QAction::triggered, this,
                [this] { quick_filter(Joined::replace); });
        connect(menu.addAction(tr("And  %1  (with the present filter)").arg(text)), &QAction::triggered, this,
                [this] { quick_filter(Joined::also); });
        connect(menu.addAction(tr("Not  %1").arg(text)), &QAction::triggered, this,
                [this] { quick_filter(Joined::except); });
        menu.addSeparator();
    }
    add(menu, tr("Go to the request or its answer"), QKeySequence(tr("Ctrl+J")), &MainWindow::go_to_partner);
    add(menu, tr("Copy as text"), QKeySequence::Copy, &MainWindow::copy_text);
    add(menu, tr("Copy as JSON"), QKeySequence(tr("Ctrl+Shift+C")), &MainWindow::copy_json);
}

// As the Menu key does, which not every keyboard has: Qt tells of that one itself.
void MainWindow::open_menu_by_key() {
    if (QWidget* focused = focusWidget(); focused != nullptr) {
        const QPoint place = focused->inputMethodQuery(Qt::ImCursorRectangle).toRect().center();
        QContextMenuEvent event(QContextMenuEvent::Keyboard, place, focused->mapToGlobal(place));
        QApplication::sendEvent(focused, &event);
    }
}

void MainWindow::show_shortcuts() {
    QString text;
    for (const QAction* menu : menuBar()->actions()) {
        for (const QAction* action : menu->menu()->actions()) {
            if (!action->shortcut().isEmpty()) {
                text += QStringLiteral("<tr><td><b>%1</b>&nbsp;&nbsp;</td><td>%2</td></tr>")
                            .arg(action->shortcut().toString(QKeySequence::NativeText),
                                 action->text().remove(QLatin1Char('&')).toHtmlEscaped());
            }
        }
    }
    text += tr(
        "<tr><td><b>Return</b></td><td>On a record: its request or answer</td></tr>"
        "<tr><td><b>Up, Down</b></td><td>In the filter: those used before</td></tr>"
        "<tr><td><b>Ctrl+Space</b></td><td>In the filter: what may stand here</td></tr>"
        "<tr><td><b>Left, Right</b></td><td>In the timeline: the mark before, the next; with Shift the view</td></tr>"
        "<tr><td><b>Up, Down</b></td><td>In the timeline: another track; Space folds a heading</td></tr>"
        "<tr><td><b>+, −, 0</b></td><td>In the timeline: zoom in, out, all</td></tr>"
        "<tr><td><b>[, ], Z, F</b></td><td>In the timeline: the range begins, ends at the record; zoom, "
        "filter</td></tr>"
        "<tr><td><b>Shift+F10, Menu</b></td><td>What can be done here; on a record its columns, too</td></tr>"
        "<tr><td><b>Tab</b></td><td>The next pane</td></tr>"
        "<tr><td><b>Esc</b></td><td>Stop what runs</td></tr>");
    QDialog keys(this);
    keys.setWindowTitle(tr("Keyboard"));
    auto* list = new QTextBrowser(&keys);
    list->setAccessibleName(tr("Keyboard"));
    list->setHtml(QStringLiteral("<table>%1</table>").arg(text));
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close, &keys);
    connect(buttons, &QDialogButtonBox::rejected, &keys, &QDialog::reject);
    auto* layout = new QVBoxLayout(&keys);
    layout->addWidget(list);
    layout->addWidget(buttons);
    keys.resize(640, 640);  // fits on a screen of 1280 by 800; the list scrolls
    keys.exec();
}

// What a report of a bug should say, too: it can be copied.
void MainWindow::show_about() {
    const QString versions = QString::fromStdString(trace::versions_text({"vutrace", version_.toStdString()})) +
                             QStringLiteral("\nQt ") + QString::fromLatin1(qVersion());
    QMessageBox about(QMessageBox::NoIcon, tr("About vutrace"),
                      tr("vutrace captures, decodes and replays vhost-user sessions.\n\n%1").arg(versions),
                      QMessageBox::Close, this);
    about.setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    const QPushButton* copy = about.addButton(tr("&Copy the versions"), QMessageBox::ActionRole);
    about.setDefaultButton(QMessageBox::Close);
    about.exec();
    if (about.clickedButton() == copy) {
        QApplication::clipboard()->setText(versions);
        statusBar()->showMessage(
            tr("Copied: %1").arg(QString(versions).replace(QLatin1Char('\n'), QLatin1String(", "))), 8000);
    }
}

}  // namespace vutrace::gui
