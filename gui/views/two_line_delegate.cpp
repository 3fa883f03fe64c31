#include "two_line_delegate.h"

#include <QApplication>
#include <QPainter>
#include <QStyle>

namespace vutrace::gui {
namespace {

constexpr int margin = 6;

}  // namespace

void TwoLineDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const {
    QStyleOptionViewItem row = option;
    initStyleOption(&row, index);
    if (row.widget != nullptr && !row.widget->hasFocus()) {
        row.state &= ~QStyle::State_Selected;  // of two lists, the one with the keyboard is seen
    }
    const QString title = row.text;
    row.text.clear();
    const QStyle& style = row.widget == nullptr ? *QApplication::style() : *row.widget->style();
    style.drawControl(QStyle::CE_ItemViewItem, &row, painter, row.widget);  // its ground, and the frame of the focus

    const bool selected = row.state.testFlag(QStyle::State_Selected);
    const auto draw = [&](const QRect& place, const QString& text, bool strong) {
        QFont font = row.font;
        font.setBold(strong);
        painter->setFont(font);
        painter->setPen(row.palette.color(selected ? QPalette::HighlightedText
                                          : strong ? QPalette::Text
                                                   : QPalette::PlaceholderText));
        painter->drawText(place, Qt::AlignVCenter | Qt::AlignLeft,
                          QFontMetrics(font).elidedText(text, row.textElideMode, place.width()));
    };
    painter->save();
    const QRect inner = row.rect.adjusted(margin, margin, -margin, -margin);
    QRect upper = inner;
    upper.setHeight(inner.height() / 2);
    draw(upper, title, true);
    draw(inner.adjusted(0, upper.height(), 0, 0), index.data(role_).toString(), false);
    painter->restore();
}

QSize TwoLineDelegate::sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const {
    QSize size = QStyledItemDelegate::sizeHint(option, index);
    size.setHeight(2 * (option.fontMetrics.height() + 1) + 2 * margin);
    return size;
}

}  // namespace vutrace::gui
