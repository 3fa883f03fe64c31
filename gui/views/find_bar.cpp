#include "vutrace/gui/views/find_bar.h"

#include <QApplication>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>

namespace vutrace::gui {

FindBar::FindBar(QWidget* parent) : QWidget(parent), line_(new QLineEdit(this)) {
    line_->setPlaceholderText(
        tr("Find text in names and summaries: Return for the next, Shift+Return for the one before"));
    line_->setAccessibleName(tr("Find"));
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(6, 0, 6, 2);
    layout->addWidget(new QLabel(tr("Find"), this));
    layout->addWidget(line_);
    hide();
    connect(line_, &QLineEdit::returnPressed, this, [this] {
        const bool back = (QApplication::keyboardModifiers() & Qt::ShiftModifier) != 0;
        Q_EMIT find_wanted(back ? index::Direction::backward : index::Direction::forward);
    });
}

void FindBar::begin_typing() {
    show();
    line_->setFocus(Qt::ShortcutFocusReason);
    line_->selectAll();
}

QString FindBar::text() const {
    return line_->text();
}

}  // namespace vutrace::gui
