#include "finding_delegate.h"

#include "ink.h"

#include <vutrace/gui/models/findings_model.h>

#include <QAbstractItemView>
#include <QApplication>
#include <QPainter>
#include <QStyle>
#include <algorithm>

namespace vutrace::gui {
namespace {

constexpr int margin = 3;
constexpr int most_lines = 8;  // of what was seen: a text of a trace that lies may be any length

int badge_room(const QFontMetrics& metrics) {
    return metrics.height() + margin;
}

// The room that what was seen has, below the facts.
QRect text_place(const QRect& row, const QFontMetrics& metrics) {
    return row.adjusted(badge_room(metrics) + margin, margin + metrics.height(), -margin, -margin);
}

// What stands in the verdict above is not said twice in full.
int lines_for(const QModelIndex& index, const QFontMetrics& metrics, int width) {
    if (index.data(FindingsModel::in_verdict_role).toBool()) {
        return 1;
    }
    const QString text = index.data(FindingsModel::seen_role).toString();
    const QRect wanted = metrics.boundingRect(QRect(0, 0, std::max(1, width), INT_MAX / 2), Qt::TextWordWrap, text);
    return std::clamp((wanted.height() + metrics.lineSpacing() - 1) / metrics.lineSpacing(), 1, most_lines);
}

}  // namespace

void FindingDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const {
    QStyleOptionViewItem row = option;
    initStyleOption(&row, index);
    row.text.clear();
    const QStyle& style = row.widget == nullptr ? *QApplication::style() : *row.widget->style();
    style.drawControl(QStyle::CE_ItemViewItem, &row, painter, row.widget);  // its ground, and the frame of the focus

    painter->save();
    QFont strong = row.font;
    strong.setBold(true);
    QFont plain = row.font;
    plain.setBold(false);
    const QFontMetrics metrics(plain);
    const bool selected = row.state.testFlag(QStyle::State_Selected);
    painter->setPen(row.palette.color(selected ? QPalette::HighlightedText : QPalette::Text));
    const QRect text = text_place(row.rect, metrics);
    const QRect facts(text.left(), row.rect.top() + margin, text.width(), metrics.height());
    painter->setFont(strong);
    painter->drawText(facts, Qt::AlignLeft | Qt::AlignVCenter,
                      QFontMetrics(strong).elidedText(index.data(FindingsModel::facts_role).toString(), Qt::ElideRight,
                                                      facts.width()));
    painter->setFont(plain);
    const QString seen = index.data(FindingsModel::seen_role).toString();
    const int lines = std::max(1, text.height() / metrics.lineSpacing());
    if (lines == 1) {
        painter->drawText(text, Qt::AlignLeft | Qt::AlignTop, metrics.elidedText(seen, Qt::ElideRight, text.width()));
    } else {
        // Words do not fill their lines.
        const bool whole = lines < most_lines;
        painter->drawText(text, Qt::AlignLeft | Qt::AlignTop | Qt::TextWordWrap,
                          whole ? seen : metrics.elidedText(seen, Qt::ElideRight, text.width() * (lines - 1)));
    }
    painter->restore();
    paint_badge(*painter, row.palette,
                QPointF(row.rect.left() + margin + metrics.height() / 2.0, facts.center().y() + 0.5),
                metrics.height() * 0.7, static_cast<check::Severity>(index.data(FindingsModel::severity_role).toInt()));
}

QSize FindingDelegate::sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const {
    const auto* view = qobject_cast<const QAbstractItemView*>(option.widget);
    const QFontMetrics& metrics = option.fontMetrics;
    const int width = view == nullptr ? option.rect.width() : view->viewport()->width();
    const int room = text_place(QRect(0, 0, width, 0), metrics).width();
    return {width, 2 * margin + metrics.height() + lines_for(index, metrics, room) * metrics.lineSpacing()};
}

}  // namespace vutrace::gui
