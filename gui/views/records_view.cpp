#include "vutrace/gui/views/records_view.h"

#include "ink.h"
#include "vutrace/gui/views/theme.h"

#include <vutrace/gui/models/records_model.h>

#include <QPainter>
#include <QScrollBar>
#include <QWheelEvent>
#include <algorithm>

namespace vutrace::gui {
namespace {

constexpr int cell_margin = 6;
constexpr int rows_for_a_wheel_step = 3;
constexpr int wheel_step = 120;  // of QWheelEvent::angleDelta

}  // namespace

RecordsView::RecordsView(QWidget* parent) : QAbstractItemView(parent), header_(new QHeaderView(Qt::Horizontal, this)) {
    header_->setSectionsMovable(true);
    header_->setStretchLastSection(true);  // the summary
    header_->setHighlightSections(false);
    header_->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
    setSelectionMode(ExtendedSelection);
    setSelectionBehavior(SelectRows);
    setVerticalScrollBarPolicy(Qt::ScrollBarAsNeeded);
    setEditTriggers(NoEditTriggers);
    const auto relayout = [this] {
        updateGeometries();
        viewport()->update();
    };
    connect(header_, &QHeaderView::sectionResized, this, relayout);
    connect(header_, &QHeaderView::sectionMoved, this, relayout);
}

void RecordsView::setModel(QAbstractItemModel* model) {
    header_->setModel(model);
    QAbstractItemView::setModel(model);
}

void RecordsView::reset() {
    QAbstractItemView::reset();
    updateGeometries();
    viewport()->update();
}

int RecordsView::row_height() const {
    return fontMetrics().height() + 4;
}

int RecordsView::rows_seen() const {
    return std::max(1, viewport()->height() / row_height());
}

int RecordsView::row_at(int y) const {
    return verticalScrollBar()->value() + (y < 0 ? -1 - (-1 - y) / row_height() : y / row_height());
}

int RecordsView::horizontalOffset() const {
    return horizontalScrollBar()->value();
}

// In rows: pixels of a long trace would not fit.
int RecordsView::verticalOffset() const {
    return 0;
}

bool RecordsView::isIndexHidden(const QModelIndex& index) const {
    return header_->isSectionHidden(index.column());
}

QRect RecordsView::visualRect(const QModelIndex& index) const {
    if (!index.isValid()) {
        return {};
    }
    constexpr qint64 far = 1 << 30;
    const qint64 y = (qint64{index.row()} - verticalScrollBar()->value()) * row_height();
    return {header_->sectionViewportPosition(index.column()), static_cast<int>(std::clamp(y, -far, far)),
            header_->sectionSize(index.column()), row_height()};
}

QModelIndex RecordsView::indexAt(const QPoint& point) const {
    const int column = header_->logicalIndexAt(point.x());
    return model() == nullptr || column < 0 ? QModelIndex() : model()->index(row_at(point.y()), column);
}

void RecordsView::scrollTo(const QModelIndex& index, ScrollHint hint) {
    if (!index.isValid()) {
        return;
    }
    QScrollBar& bar = *verticalScrollBar();
    const int row = index.row();
    const bool seen = row >= bar.value() && row < bar.value() + rows_seen();
    if (hint == PositionAtCenter) {
        bar.setValue(row - rows_seen() / 2);
    } else if (hint == PositionAtTop || (!seen && row < bar.value())) {
        bar.setValue(row);
    } else if (hint == PositionAtBottom || !seen) {
        bar.setValue(row - rows_seen() + 1);
    }
}

void RecordsView::go_to(int row) {
    if (model() == nullptr || model()->rowCount() == 0) {
        return;
    }
    const int column = currentIndex().isValid() ? currentIndex().column() : RecordsModel::name;
    const QModelIndex index = model()->index(std::clamp(row, 0, model()->rowCount() - 1), column);
    const int top = verticalScrollBar()->value();
    const bool seen = index.row() >= top && index.row() < top + rows_seen();
    // Not by setCurrentIndex, which would add to the selection while a shortcut's Control is held down.
    selectionModel()->setCurrentIndex(index, QItemSelectionModel::ClearAndSelect | QItemSelectionModel::Rows);
    scrollTo(index, seen ? EnsureVisible : PositionAtCenter);
}

void RecordsView::set_empty_text(const QString& text) {
    if (text != empty_text_) {
        empty_text_ = text;
        viewport()->update();
    }
}

bool RecordsView::is_at_end() const {
    return verticalScrollBar()->value() == verticalScrollBar()->maximum();
}

QModelIndex RecordsView::moveCursor(CursorAction action, Qt::KeyboardModifiers modifiers) {
    const int rows = model() == nullptr ? 0 : model()->rowCount();
    if (rows == 0) {
        return {};
    }
    const bool all = (modifiers & Qt::ControlModifier) != 0;
    int row = std::max(0, currentIndex().row());
    const int column = currentIndex().isValid() ? currentIndex().column() : RecordsModel::name;
    switch (action) {
        case MoveUp:
        case MovePrevious:
            row -= currentIndex().isValid() ? 1 : 0;
            break;
        case MoveDown:
        case MoveNext:
            row += currentIndex().isValid() ? 1 : 0;
            break;
        case MovePageUp:
            row -= rows_seen();
            break;
        case MovePageDown:
            row += rows_seen();
            break;
        case MoveHome:
            row = 0;
            break;
        case MoveEnd:
            row = rows - 1;
            break;
        case MoveLeft:
            horizontalScrollBar()->triggerAction(all ? QScrollBar::SliderToMinimum : QScrollBar::SliderSingleStepSub);
            break;
        case MoveRight:
            horizontalScrollBar()->triggerAction(all ? QScrollBar::SliderToMaximum : QScrollBar::SliderSingleStepAdd);
            break;
    }
    return model()->index(std::clamp(row, 0, rows - 1), column);
}

void RecordsView::setSelection(const QRect& rect, QItemSelectionModel::SelectionFlags command) {
    const int rows = model() == nullptr ? 0 : model()->rowCount();
    if (rows == 0) {
        return;
    }
    const QRect area = rect.normalized();
    const int first = std::clamp(row_at(area.top()), 0, rows - 1);
    const int last = std::clamp(row_at(area.bottom()), 0, rows - 1);
    const QItemSelection selection(model()->index(first, 0), model()->index(last, model()->columnCount() - 1));
    selectionModel()->select(selection, command);
}

QRegion RecordsView::visualRegionForSelection(const QItemSelection& /*selection*/) const {
    return viewport()->rect();
}

void RecordsView::paintEvent(QPaintEvent* event) {
    if (model() == nullptr) {
        return;
    }
    QPainter painter(viewport());
    const int rows = model()->rowCount();
    if (rows == 0) {
        painter.setPen(palette().color(QPalette::PlaceholderText));
        painter.drawText(viewport()->rect(), Qt::AlignCenter | Qt::TextWordWrap, empty_text_);
    }
    const int last = std::min(rows - 1, row_at(event->rect().bottom()));
    for (int row = std::max(0, row_at(event->rect().top())); row <= last; ++row) {
        paint_row(painter, row, (row - verticalScrollBar()->value()) * row_height());
    }
}

void RecordsView::paint_row(QPainter& painter, int row, int y) {
    const QModelIndex first = model()->index(row, 0);
    const QVariant known = first.data(RecordsModel::tone_role);
    const auto kind = static_cast<trace::RecordType>(first.data(RecordsModel::kind_role).toInt());
    const auto tone = static_cast<render::Tone>(known.toInt());
    const bool selected = selectionModel()->isRowSelected(row);
    const QPalette& colours = palette();
    const QRect whole(0, y, viewport()->width(), row_height());
    QColor text = colours.color(selected ? QPalette::HighlightedText : QPalette::Text);
    if (selected) {
        painter.fillRect(whole, colours.color(hasFocus() ? QPalette::Active : QPalette::Inactive, QPalette::Highlight));
    } else if (known.isValid()) {
        if (const QColor background = row_background(colours, kind, tone); background.isValid()) {
            painter.fillRect(whole, background);
        }
        const QColor own = text_colour(colours, kind, first.data(RecordsModel::answers_role).toBool(), tone);
        text = own.isValid() ? own : text;
    }
    painter.setPen(text);
    for (int column = 0; column < model()->columnCount(); ++column) {
        const QModelIndex index = first.siblingAtColumn(column);
        const QRect cell = visualRect(index).adjusted(cell_margin, 0, -cell_margin, 0);
        if (header_->isSectionHidden(column) || !cell.intersects(whole)) {
            continue;
        }
        const QString shown = painter.fontMetrics().elidedText(index.data().toString(), Qt::ElideRight, cell.width());
        painter.drawText(cell, index.data(Qt::TextAlignmentRole).toInt(), shown);
    }
    if (const QVariant badge = first.data(RecordsModel::badge_role); badge.isValid()) {
        const QRect cell = visualRect(first);
        paint_badge(painter, colours, QPointF(cell.right() - row_height() / 2.0, cell.center().y() + 0.5),
                    row_height() * 0.6, static_cast<check::Severity>(badge.toInt()));
    }
    if (first.data(RecordsModel::bookmark_role).isValid() && !header_->isSectionHidden(RecordsModel::number)) {
        const QRect cell = visualRect(first.siblingAtColumn(RecordsModel::number));
        paint_bookmark(painter, colours, QPointF(cell.left() + row_height() * 0.3, cell.top() + 1.5),
                       row_height() * 0.75);
    }
    if (hasFocus() && row == currentIndex().row()) {
        painter.drawRect(whole.adjusted(0, 0, -1, -1));
    }
}

void RecordsView::updateGeometries() {
    const int height = header_->sizeHint().height();
    setViewportMargins(0, height, 0, 0);
    header_->setGeometry(viewport()->x(), viewport()->y() - height, viewport()->width(), height);
    const int rows = model() == nullptr ? 0 : model()->rowCount();
    verticalScrollBar()->setRange(0, std::max(0, rows - rows_seen()));
    verticalScrollBar()->setPageStep(rows_seen());
    verticalScrollBar()->setSingleStep(1);
    horizontalScrollBar()->setRange(0, std::max(0, header_->length() - viewport()->width()));
    horizontalScrollBar()->setPageStep(viewport()->width());
    horizontalScrollBar()->setSingleStep(fontMetrics().averageCharWidth() * 4);
    QAbstractItemView::updateGeometries();
}

// The record that is looked at stays in sight where a dock takes room from below.
void RecordsView::resizeEvent(QResizeEvent* event) {
    const int rows_before = std::max(1, event->oldSize().height() / row_height());
    const int top = verticalScrollBar()->value();
    const int row = current_row();
    const bool was_seen = row >= top && row < top + rows_before;
    QAbstractItemView::resizeEvent(event);
    updateGeometries();
    if (was_seen) {
        scrollTo(currentIndex());
    }
}

void RecordsView::wheelEvent(QWheelEvent* event) {
    if (event->angleDelta().y() == 0) {
        QAbstractItemView::wheelEvent(event);
        return;
    }
    wheel_rest_ += event->angleDelta().y() * rows_for_a_wheel_step;
    const int rows = wheel_rest_ / wheel_step;
    wheel_rest_ -= rows * wheel_step;
    verticalScrollBar()->setValue(verticalScrollBar()->value() - rows);
    event->accept();
}

void RecordsView::changeEvent(QEvent* event) {
    QAbstractItemView::changeEvent(event);
    if (event->type() == QEvent::FontChange || event->type() == QEvent::StyleChange) {
        updateGeometries();
    }
}

void RecordsView::scrollContentsBy(int dx, int /*dy*/) {
    if (dx != 0) {
        header_->setOffset(horizontalScrollBar()->value());
    }
    viewport()->update();
}

void RecordsView::currentChanged(const QModelIndex& current, const QModelIndex& previous) {
    QAbstractItemView::currentChanged(current, previous);
    viewport()->update();
    if (!current.isValid() || current.row() != previous.row() || !previous.isValid()) {
        Q_EMIT current_row_changed(current.isValid() ? current.row() : -1);
    }
}

// What the base does here would walk over all rows that changed.
void RecordsView::dataChanged(const QModelIndex& first, const QModelIndex& last, const QList<int>& /*roles*/) {
    const int top = verticalScrollBar()->value();
    if (first.row() <= top + rows_seen() && last.row() >= top) {
        viewport()->update();
    }
}

void RecordsView::rowsInserted(const QModelIndex& parent, int first, int last) {
    QAbstractItemView::rowsInserted(parent, first, last);
    updateGeometries();
    if (first <= verticalScrollBar()->value() + rows_seen()) {
        viewport()->update();
    }
}

}  // namespace vutrace::gui
