#include "vutrace/gui/views/start_page.h"

#include "two_line_delegate.h"

#include <vutrace/gui/models/sample_traces.h>

#include <QDir>
#include <QFileInfo>
#include <QGridLayout>
#include <QLabel>
#include <QListView>
#include <QPushButton>
#include <QSettings>
#include <QStandardItemModel>
#include <QVBoxLayout>

namespace vutrace::gui {
namespace {

constexpr int widest = 1120;  // longer lines are hard to read

QLabel* make_text(const QString& text, QWidget* parent) {
    auto* label = new QLabel(text, parent);
    label->setTextFormat(Qt::PlainText);
    label->setWordWrap(true);
    return label;
}

void enlarge(QLabel& label, double factor) {
    QFont font = label.font();
    font.setPointSizeF(font.pointSizeF() * factor);
    font.setBold(true);
    label.setFont(font);
}

}  // namespace

StartPage::StartPage(const QString& samples, QWidget* parent) : QWidget(parent) {
    setAccessibleName(tr("Start page"));
    auto* column = new QWidget(this);
    column->setMaximumWidth(widest);
    auto* layout = new QVBoxLayout(column);
    layout->setContentsMargins(24, 24, 24, 16);
    layout->setSpacing(14);
    make_head(*layout);
    make_buttons(*layout);
    make_lists(*layout, samples);
    make_back(*layout);
    auto* around = new QHBoxLayout(this);
    around->setContentsMargins(0, 0, 0, 0);
    around->addStretch(1);
    around->addWidget(column, 1000);  // as wide as it may be, in the middle
    around->addStretch(1);
    refresh();
    set_trace(false);
}

void StartPage::make_head(QVBoxLayout& layout) {
    QLabel* title = make_text(tr("vutrace"), this);
    enlarge(*title, 2.2);
    layout.addWidget(title);
    layout.addWidget(make_text(
        tr("Shows what was said and done in a vhost-user session: each message between front-end and back-end, and "
           "each request that went through the virtqueues, with what is wrong in them. A session is recorded by "
           "standing in its socket while it runs, and the trace can be looked at anywhere."),
        this));
}

QPushButton* StartPage::make_button(const QString& text, const QString& tip, void (StartPage::*wanted)()) {
    auto* button = new QPushButton(text, this);
    button->setToolTip(tip);
    button->setAccessibleDescription(tip);
    button->setMinimumHeight(button->fontMetrics().height() * 2);
    button->setAutoDefault(true);  // Return presses it, as Space does
    connect(button, &QPushButton::clicked, this, wanted);
    return button;
}

void StartPage::make_buttons(QVBoxLayout& layout) {
    open_ = make_button(tr("&Open a trace …"), tr("A file that was recorded before (Ctrl+O)"), &StartPage::open_wanted);
    capture_ = make_button(tr("&Capture a session …"), tr("Stand between two programs and record (Ctrl+Shift+N)"),
                           &StartPage::capture_wanted);
    tour_ =
        make_button(tr("Take the two-minute &tour"),
                    tr("From a guest that waits to the record that is to blame (Shift+F1)"), &StartPage::tour_wanted);
    auto* row = new QHBoxLayout();
    row->setSpacing(8);
    for (QPushButton* button : {open_, capture_, tour_}) {
        row->addWidget(button);
    }
    QLabel* hint = make_text(tr("Or drop a file anywhere in the window."), this);
    hint->setForegroundRole(QPalette::PlaceholderText);
    row->addSpacing(8);
    row->addWidget(hint, 1);
    layout.addLayout(row);
}

QListView* StartPage::make_list(const QString& name) {
    auto* list = new QListView(this);
    list->setAccessibleName(name);
    list->setEditTriggers(QAbstractItemView::NoEditTriggers);
    list->setUniformItemSizes(true);
    list->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    const auto open = [this](const QModelIndex& index) {
        Q_EMIT file_wanted(index.data(SampleTraces::path).toString());
    };
    connect(list, &QAbstractItemView::activated, this, open);
    connect(list, &QAbstractItemView::clicked, this, open);
    list->setItemDelegate(new TwoLineDelegate(SampleTraces::seen, list));
    return list;
}

void StartPage::make_lists(QVBoxLayout& layout, const QString& folder) {
    traces_ = new SampleTraces(folder, this);
    samples_ = make_list(tr("Sample traces"));
    samples_->setModel(traces_);
    recent_ = make_list(tr("Recent files"));
    recent_->setModel(new QStandardItemModel(recent_));
    recent_->setTextElideMode(Qt::ElideMiddle);  // both ends of a path say more than its middle
    no_samples_ = make_text(
        tr("No sample traces are installed with this program (share/vutrace/samples is missing). They are in the "
           "folder samples of vutrace's sources, and are opened from there as any trace is: Ctrl+O."),
        this);
    no_recent_ = make_text(tr("None yet. What is opened is listed here."), this);

    auto* grid = new QGridLayout();
    grid->setHorizontalSpacing(20);
    grid->setVerticalSpacing(6);
    grid->setColumnStretch(0, 3);
    grid->setColumnStretch(1, 2);
    grid->setRowStretch(1, 1);
    int column = 0;
    const auto add = [&](const QString& title, QListView* list, QLabel* otherwise) {
        QLabel* label = make_text(title, this);
        label->setTextFormat(Qt::AutoText);
        enlarge(*label, 1.15);
        label->setBuddy(list);
        otherwise->setAlignment(Qt::AlignTop | Qt::AlignLeft);
        otherwise->setTextInteractionFlags(Qt::TextSelectableByMouse);
        grid->addWidget(label, 0, column);
        grid->addWidget(list, 1, column);
        grid->addWidget(otherwise, 1, column);
        ++column;
    };
    add(tr("&Sample traces"), samples_, no_samples_);
    add(tr("&Recent files"), recent_, no_recent_);
    const bool there = traces_->rowCount() > 0;
    samples_->setVisible(there);
    no_samples_->setVisible(!there);
    layout.addLayout(grid, 1);
}

void StartPage::make_back(QVBoxLayout& layout) {
    back_ = make_button(tr("&Back to the trace"), tr("What this window showed before (Esc)"), &StartPage::back_wanted);
    layout.addWidget(back_, 0, Qt::AlignLeft);
}

void StartPage::refresh() {
    auto& model = static_cast<QStandardItemModel&>(*recent_->model());
    model.clear();
    for (const QString& path : QSettings().value(QStringLiteral("recent_files")).toStringList()) {
        const QFileInfo file(path);
        auto* item = new QStandardItem(file.fileName());
        item->setData(QDir::toNativeSeparators(file.path()), SampleTraces::seen);
        item->setData(path, SampleTraces::path);
        item->setData(path, Qt::AccessibleTextRole);
        item->setToolTip(path);
        model.appendRow(item);
    }
    recent_->setVisible(model.rowCount() > 0);
    no_recent_->setVisible(model.rowCount() == 0);
    for (QListView* list : {samples_, recent_}) {
        list->setCurrentIndex(list->model()->index(0, 0));
    }
}

void StartPage::set_trace(bool there_is_one) {
    back_->setVisible(there_is_one);
}

void StartPage::take_focus() {
    QWidget* first = traces_->rowCount() > 0 ? static_cast<QWidget*>(samples_) : open_;
    first->setFocus(Qt::OtherFocusReason);
}

}  // namespace vutrace::gui
