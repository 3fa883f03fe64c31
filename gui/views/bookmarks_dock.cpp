#include "vutrace/gui/views/bookmarks_dock.h"

#include "view_action.h"
#include "vutrace/gui/views/timeline_view.h"

#include <vutrace/explain/annotation.h>

#include <QAction>
#include <QDockWidget>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QMainWindow>
#include <QMenu>
#include <QMenuBar>
#include <QPushButton>
#include <QTableView>
#include <QVBoxLayout>
#include <utility>
#include <vector>

namespace vutrace::gui {

BookmarksDock::BookmarksDock(QMainWindow& window) : QObject(&window), dock_(new QDockWidget(tr("Bookmarks"), &window)) {
    dock_->setObjectName(QStringLiteral("bookmarks"));
    dock_->setWidget(make_content(window));
    window.addDockWidget(Qt::BottomDockWidgetArea, dock_);
    dock_->hide();
}

BookmarksDock::~BookmarksDock() = default;

QWidget* BookmarksDock::make_content(QMainWindow& window) {
    auto* content = new QWidget(&window);
    table_ = new QTableView(content);
    table_->setAccessibleName(tr("Bookmarks"));
    table_->setSelectionBehavior(QAbstractItemView::SelectRows);
    table_->setSelectionMode(QAbstractItemView::SingleSelection);
    table_->setEditTriggers(QAbstractItemView::EditKeyPressed | QAbstractItemView::DoubleClicked |
                            QAbstractItemView::AnyKeyPressed);
    table_->setTabKeyNavigation(false);
    table_->verticalHeader()->hide();
    table_->verticalHeader()->setDefaultSectionSize(table_->fontMetrics().height() + 6);
    table_->horizontalHeader()->setStretchLastSection(true);
    table_->horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
    problem_ = new QLabel(content);
    problem_->setWordWrap(true);
    problem_->setTextFormat(Qt::PlainText);
    problem_->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    problem_->setAccessibleName(tr("Why bookmarks are not kept"));
    try_again_ = new QPushButton(tr("&Try again"), content);
    set_aside_ = new QPushButton(tr("&Set the file aside"), content);
    set_aside_->setToolTip(tr("Give it another name, and write a new one"));

    auto* ways_out = new QHBoxLayout();  // below the text: beside it they leave it a few letters a line
    ways_out->addWidget(try_again_);
    ways_out->addWidget(set_aside_);
    ways_out->addStretch(1);
    auto* trouble = new QVBoxLayout();
    trouble->setContentsMargins(4, 0, 4, 0);
    trouble->addWidget(problem_);
    trouble->addLayout(ways_out);
    auto* layout = new QVBoxLayout(content);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(2);
    layout->addLayout(trouble);
    layout->addWidget(table_, 1);
    show_problem();

    const auto jump = [this](const QModelIndex& index) {
        if (model_ != nullptr && index.isValid()) {
            Q_EMIT record_wanted(model_->bookmarks()[static_cast<std::size_t>(index.row())].record);
            table_->setFocus();  // the keys go on here
        }
    };
    connect(table_, &QAbstractItemView::clicked, this, [jump](const QModelIndex& index) {
        if (index.column() != BookmarksModel::comment) {
            jump(index);
        }
    });
    // By keyboard: Return while a cell is not being edited.
    auto* here = new QAction(tr("Go to the record"), table_);
    here->setShortcuts({QKeySequence(Qt::Key_Return), QKeySequence(Qt::Key_Enter)});
    here->setShortcutContext(Qt::WidgetShortcut);
    connect(here, &QAction::triggered, this, [this, jump] { jump(table_->currentIndex()); });
    auto* removal = new QAction(tr("Remove the bookmark"), table_);
    removal->setShortcut(QKeySequence::Delete);
    removal->setShortcutContext(Qt::WidgetShortcut);
    connect(removal, &QAction::triggered, this, &BookmarksDock::remove_chosen);
    table_->addActions({here, removal});
    table_->setContextMenuPolicy(Qt::ActionsContextMenu);
    connect(try_again_, &QPushButton::clicked, this, [this] { model_->try_again(); });
    connect(set_aside_, &QPushButton::clicked, this, [this] { model_->set_aside(); });
    return content;
}

void BookmarksDock::set_document(TraceDocument* document, RecordsModel* records, TimelineView* timeline) {
    table_->setModel(nullptr);
    model_.reset();
    if (timeline_ != nullptr) {
        timeline_->set_bookmarks({});
    }
    dock_->setWindowTitle(tr("Bookmarks"));
    document_ = document;
    records_ = records;
    timeline_ = timeline;
    current_ = 0;
    count_ = 0;
    dock_->hide();
    if (document == nullptr) {
        show_problem();
        return;
    }
    model_ = std::make_unique<BookmarksModel>(*document);
    table_->setModel(model_.get());
    connect(model_.get(), &BookmarksModel::changed, this, &BookmarksDock::show_changes);
    connect(model_.get(), &BookmarksModel::problem_changed, this, &BookmarksDock::show_problem);
    show_problem();
}

void BookmarksDock::add_menu(QMenuBar& bar, QMenu& views) {
    QMenu& menu = *bar.addMenu(tr("&Bookmarks"));
    const auto add = [&](const QString& text, const QKeySequence& keys, void (BookmarksDock::*act)()) {
        connect(menu.addAction(text, keys), &QAction::triggered, this, act);
    };
    add(tr("&Mark or unmark the record"), QKeySequence(tr("Ctrl+B")), &BookmarksDock::toggle);
    add(tr("&Comment on the record …"), QKeySequence(tr("Ctrl+Shift+B")), &BookmarksDock::comment);
    menu.addSeparator();
    add(tr("&Next bookmark"), QKeySequence(tr("Alt+PgDown")), &BookmarksDock::next);
    add(tr("&Previous bookmark"), QKeySequence(tr("Alt+PgUp")), &BookmarksDock::previous);
    connect(&add_view(views, *dock_, QKeySequence(tr("Ctrl+5"))), &QAction::triggered, dock_, [this] {
        if (!dock_->isHidden()) {
            table_->setFocus(Qt::ShortcutFocusReason);
        }
    });
}

// Whether the current record is marked now.
bool BookmarksDock::add() {
    if (model_ == nullptr || current_ == 0) {
        return false;
    }
    if (model_->row_of(current_) >= 0) {
        return true;
    }
    const render::Row* row = records_->row_at(records_->row_of(current_));
    if (row == nullptr || row->sequence != current_ || !model_->is_ready()) {
        Q_EMIT said(tr("Record %1 is still being read: try again").arg(current_));
        return false;
    }
    if (!model_->add({current_, row->time, QString::fromStdString(row->name), {}})) {
        Q_EMIT said(tr("There are %n bookmarks: no more are kept", nullptr, model_->rowCount()));
        return false;
    }
    return true;
}

void BookmarksDock::toggle() {
    const int row = model_ == nullptr ? -1 : model_->row_of(current_);
    if (row >= 0) {
        model_->remove(row);
        Q_EMIT said(tr("Record %1 is not marked any more").arg(current_));
    } else if (add()) {
        Q_EMIT said(tr("Record %1 is marked: Ctrl+Shift+B comments on it").arg(current_));
    }
}

void BookmarksDock::comment() {
    if (!add()) {
        return;
    }
    dock_->show();
    dock_->raise();
    const QModelIndex cell = model_->index(model_->row_of(current_), BookmarksModel::comment);
    table_->setFocus(Qt::ShortcutFocusReason);
    table_->setCurrentIndex(cell);
    table_->edit(cell);
}

void BookmarksDock::go(std::uint64_t sequence, const QString& nothing) {
    if (sequence == 0) {
        Q_EMIT said(nothing);
    } else {
        Q_EMIT record_wanted(sequence);
    }
}

void BookmarksDock::next() {
    go(model_ == nullptr ? 0 : model_->after(current_), tr("No bookmark is after this record"));
}

void BookmarksDock::previous() {
    go(model_ == nullptr ? 0 : model_->before(current_), tr("No bookmark is before this record"));
}

void BookmarksDock::remove_chosen() {
    if (model_ != nullptr && table_->currentIndex().isValid()) {
        model_->remove(table_->currentIndex().row());
    }
}

// In the list, the table and the timeline.
void BookmarksDock::show_changes() {
    const int count = model_->rowCount();
    dock_->setWindowTitle(count == 0 ? tr("Bookmarks") : tr("Bookmarks: %1").arg(count));
    if (count > 0 && count_ == 0) {
        dock_->show();
        Q_EMIT appeared();
    }
    count_ = count;
    for (const int column : {BookmarksModel::record, BookmarksModel::time, BookmarksModel::name}) {
        table_->resizeColumnToContents(column);
    }
    records_->set_bookmarks(model_->bookmarks());
    std::vector<BookmarkMark> marks;
    for (const Bookmark& bookmark : model_->bookmarks()) {
        marks.push_back(
            {static_cast<double>(explain::elapsed(document_->index()->start_time(), bookmark.time)), bookmark.record});
    }
    timeline_->set_bookmarks(std::move(marks));
}

void BookmarksDock::show_problem() {
    const auto problem = model_ == nullptr ? std::nullopt : model_->problem();
    problem_->setText(problem ? problem->text : QString());
    problem_->setVisible(problem.has_value());
    try_again_->setVisible(problem.has_value());
    set_aside_->setVisible(problem && problem->in_the_way);
    if (problem) {
        dock_->show();
        dock_->raise();
    }
}

}  // namespace vutrace::gui
