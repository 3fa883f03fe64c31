#include "vutrace/gui/views/memory_map_view.h"

#include "vutrace/gui/views/theme.h"

#include <vutrace/base/count_text.h>
#include <vutrace/render/phrases.h>

#include <QHelpEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QToolTip>

namespace vutrace::gui {
namespace {

constexpr int legend_columns = 3;
constexpr int legend_rows = 2;

}  // namespace

MemoryMapView::MemoryMapView(QWidget* parent) : QWidget(parent) {
    setAccessibleName(tr("Memory map"));
    setMinimumHeight(fontMetrics().height() * 3);
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
}

void MemoryMapView::set_state(std::shared_ptr<const render::StateView> view) {
    view_.swap(view);  // the map still points into the one before
    chosen_ = -1;
    lay_out();
}

void MemoryMapView::choose(int key) {
    chosen_ = key;
    update();
}

void MemoryMapView::lay_out() {
    map_ = view_ == nullptr ? MemoryMap() : MemoryMap(*view_, width(), fontMetrics().height());
    updateGeometry();
    setFixedHeight(sizeHint().height());
    update();
}

QSize MemoryMapView::sizeHint() const {
    return {320, std::max(static_cast<int>(map_.height()) + legend_height(), fontMetrics().height() * 3)};
}

int MemoryMapView::legend_height() const {
    return legend_rows * fontMetrics().height() + 4;
}

void MemoryMapView::paint_legend(QPainter& painter) const {
    const int line = fontMetrics().height();
    const int column = width() / legend_columns;
    for (int i = 0; i < legend_rows * legend_columns; ++i) {
        const auto kind = static_cast<render::MarkKind>(i);
        const int x = 8 + i % legend_columns * column;
        const int y = static_cast<int>(map_.height()) + i / legend_columns * line;
        painter.fillRect(x, y + 3, line - 6, line - 6, mark_brush(palette(), kind));
        painter.setPen(palette().color(QPalette::Text));
        const std::string_view name = render::name_of(kind, view_->packed);
        painter.drawText(QRect(x + line, y, column - line, line), Qt::AlignLeft | Qt::AlignVCenter,
                         QString::fromUtf8(name.data(), static_cast<qsizetype>(name.size())));
    }
}

void MemoryMapView::paintEvent(QPaintEvent* /*event*/) {
    QPainter painter(this);
    painter.fillRect(rect(), palette().color(QPalette::Base));
    if (map_.bars().empty()) {
        painter.setPen(palette().color(QPalette::PlaceholderText));
        painter.drawText(rect(), Qt::AlignCenter, tr("No memory was shared so far"));
        return;
    }
    for (const MemoryMap::Bar& bar : map_.bars()) {
        painter.setPen(palette().color(QPalette::Text));
        painter.drawText(bar.title_place, Qt::AlignLeft | Qt::AlignVCenter, bar.title);
        painter.fillRect(bar.place, palette().color(QPalette::AlternateBase));
        painter.setPen(bar.key == chosen_ ? QPen(palette().color(QPalette::Highlight), 2)
                                          : QPen(palette().color(QPalette::Mid)));
        painter.drawRect(bar.place);
    }
    const MemoryMap::Mark* chosen = nullptr;
    for (const MemoryMap::Mark& mark : map_.marks()) {
        painter.fillRect(mark.place, mark_brush(palette(), mark.what->kind));
        chosen = mark.key == chosen_ ? &mark : chosen;
    }
    paint_legend(painter);
    if (chosen != nullptr) {
        painter.setPen(QPen(palette().color(QPalette::Text), 2));
        painter.drawRect(chosen->place.adjusted(-2, -2, 2, 2));
    }
}

bool MemoryMapView::event(QEvent* event) {
    if (event->type() == QEvent::ToolTip) {
        const auto& help = static_cast<const QHelpEvent&>(*event);
        const MemoryMap::Mark* mark = map_.mark_at(help.pos());
        if (mark != nullptr) {
            QToolTip::showText(help.globalPos(),
                               QStringLiteral("%1\n0x%2, %3")
                                   .arg(QString::fromStdString(render::mark_name(*mark->what, view_->packed)))
                                   .arg(mark->what->address, 0, 16)
                                   .arg(QString::fromStdString(count_text(mark->what->size, "byte"))),
                               this);
        } else {
            QToolTip::hideText();
        }
        return true;
    }
    return QWidget::event(event);
}

void MemoryMapView::mousePressEvent(QMouseEvent* event) {
    const MemoryMap::Mark* mark = map_.mark_at(event->position());
    const MemoryMap::Bar* bar = map_.bar_at(event->position());
    if (mark != nullptr || bar != nullptr) {
        choose(mark != nullptr ? mark->key : bar->key);
        Q_EMIT chosen(chosen_);
    }
}

void MemoryMapView::resizeEvent(QResizeEvent* event) {
    QWidget::resizeEvent(event);
    if (event->size().width() != event->oldSize().width()) {
        lay_out();
    }
}

}  // namespace vutrace::gui
