#include "vutrace/gui/views/hex_view.h"

#include <vutrace/gui/models/plural.h>

#include <QFontDatabase>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QScrollBar>
#include <algorithm>
#include <utility>

namespace vutrace::gui {
namespace {

constexpr int most_line_bytes = 16;
constexpr int margin = 6;
constexpr int address_digits = 10;  // and room behind

}  // namespace

HexView::HexView(QWidget* parent) : QAbstractScrollArea(parent) {
    setFont(QFontDatabase::systemFont(QFontDatabase::FixedFont));
    setFocusPolicy(Qt::StrongFocus);
    viewport()->setBackgroundRole(QPalette::Base);
    viewport()->setAutoFillBackground(true);
    setAccessibleName(tr("Bytes of the record"));
}

void HexView::set_bytes(render::RawBytes bytes) {
    bytes_ = std::move(bytes);
    marked_ = {};
    chosen_ = 0;
    verticalScrollBar()->setValue(0);
    update_scroll_bars();
    viewport()->update();
}

void HexView::mark(render::ByteRange range) {
    marked_ = range;
    if (range.size != 0 && range.offset < bytes_.bytes.size()) {
        chosen_ = static_cast<int>(range.offset);
        const int line = chosen_ / line_bytes_;
        const int seen = std::max(1, viewport()->height() / line_height());
        QScrollBar& bar = *verticalScrollBar();
        if (line < bar.value() || line >= bar.value() + seen) {
            bar.setValue(line - seen / 3);
        }
    }
    viewport()->update();
}

int HexView::line_height() const {
    return fontMetrics().height() + 1;
}

int HexView::column_width() const {
    return fontMetrics().horizontalAdvance(QLatin1Char('0'));
}

int HexView::width_of(int bytes) const {
    return 2 * margin + column_width() * (address_digits + 4 * bytes + 3);
}

int HexView::text_start() const {
    return margin + column_width() * (address_digits + 3 * line_bytes_ + 3);
}

QRect HexView::rect_of(int byte) const {
    const int column = byte % line_bytes_;
    const int x = margin + column_width() * (address_digits + 3 * column + (column >= line_bytes_ / 2 ? 1 : 0));
    const int y = margin + (byte / line_bytes_ - verticalScrollBar()->value()) * line_height();
    return {x - horizontalScrollBar()->value(), y, 2 * column_width(), line_height()};
}

int HexView::byte_at(const QPoint& place) const {
    const int line = verticalScrollBar()->value() + std::max(0, place.y() - margin) / line_height();
    const int x = place.x() + horizontalScrollBar()->value();
    int column = -1;
    if (x >= text_start()) {
        column = (x - text_start()) / column_width();
    } else {
        for (int i = 0; i < line_bytes_; ++i) {
            const QRect rect = rect_of(i);
            if (place.x() >= rect.left() && place.x() < rect.right() + column_width()) {
                column = i;
            }
        }
    }
    const int byte = line * line_bytes_ + column;
    return column >= 0 && column < line_bytes_ && byte < static_cast<int>(bytes_.bytes.size()) ? byte : -1;
}

void HexView::paintEvent(QPaintEvent* /*event*/) {
    QPainter painter(viewport());
    const int lines = (static_cast<int>(bytes_.bytes.size()) + line_bytes_ - 1) / line_bytes_;
    if (lines == 0) {
        painter.setPen(palette().color(QPalette::PlaceholderText));
        painter.drawText(viewport()->rect(), Qt::AlignCenter, tr("No bytes to show"));
        return;
    }
    int y = margin;
    for (int line = verticalScrollBar()->value(); line < lines && y < viewport()->height(); ++line) {
        paint_line(painter, line, y);
        y += line_height();
    }
    if (bytes_.size > bytes_.bytes.size()) {
        painter.setPen(palette().color(QPalette::PlaceholderText));
        painter.drawText(margin, y + fontMetrics().ascent(),
                         tr("… %1 bytes more", nullptr, plural_of(bytes_.size - bytes_.bytes.size()))
                             .arg(bytes_.size - bytes_.bytes.size()));
    }
}

void HexView::paint_line(QPainter& painter, int line, int y) {
    const int left = margin - horizontalScrollBar()->value();
    const int base = y + fontMetrics().ascent();
    const QColor plain = palette().color(QPalette::Text);
    const QColor faint = palette().color(QPalette::PlaceholderText);
    const auto first = static_cast<std::size_t>(line * line_bytes_);
    painter.setPen(faint);
    painter.drawText(left, base, QStringLiteral("%1").arg(bytes_.address + first, 8, 16, QLatin1Char('0')));
    for (std::size_t i = first; i < std::min(first + static_cast<std::size_t>(line_bytes_), bytes_.bytes.size()); ++i) {
        const QRect rect = rect_of(static_cast<int>(i));
        const QRect text(text_start() - horizontalScrollBar()->value() + static_cast<int>(i - first) * column_width(),
                         rect.y(), column_width(), rect.height());
        const bool marked = i >= marked_.offset && i - marked_.offset < marked_.size;
        if (marked) {
            painter.fillRect(rect.adjusted(-column_width() / 2, 0, column_width() / 2, 0),
                             palette().color(QPalette::Highlight));
            painter.fillRect(text, palette().color(QPalette::Highlight));
        }
        const auto value = std::to_integer<unsigned>(bytes_.bytes[i]);
        const bool known = bytes_.known.empty() || bytes_.known[i];
        painter.setPen(marked ? palette().color(QPalette::HighlightedText) : value == 0 || !known ? faint : plain);
        painter.drawText(rect.x(), base,
                         known ? QStringLiteral("%1").arg(value, 2, 16, QLatin1Char('0')) : QStringLiteral("--"));
        const bool printable = known && value >= 0x20 && value < 0x7f;
        painter.drawText(text.x(), base, printable ? QString(QChar(value)) : QStringLiteral("."));
    }
}

// Half as many bytes in a line where they would not be in sight with their text.
void HexView::update_scroll_bars() {
    const int first = verticalScrollBar()->value() * line_bytes_;
    line_bytes_ = viewport()->width() < width_of(most_line_bytes) ? most_line_bytes / 2 : most_line_bytes;
    const int lines = (static_cast<int>(bytes_.bytes.size()) + line_bytes_ - 1) / line_bytes_;
    const int seen = std::max(1, (viewport()->height() - 2 * margin) / line_height());
    verticalScrollBar()->setRange(0, std::max(0, lines - seen));
    verticalScrollBar()->setPageStep(seen);
    verticalScrollBar()->setValue(first / line_bytes_);
    horizontalScrollBar()->setRange(0, lines == 0 ? 0 : std::max(0, width_of(line_bytes_) - viewport()->width()));
    horizontalScrollBar()->setPageStep(viewport()->width());
}

void HexView::resizeEvent(QResizeEvent* event) {
    QAbstractScrollArea::resizeEvent(event);
    update_scroll_bars();
}

void HexView::choose(int byte) {
    if (byte < 0 || byte >= static_cast<int>(bytes_.bytes.size())) {
        return;
    }
    mark({static_cast<std::uint64_t>(byte), 1});
    Q_EMIT byte_chosen(static_cast<quint64>(byte));
}

void HexView::mousePressEvent(QMouseEvent* event) {
    choose(byte_at(event->position().toPoint()));
}

void HexView::keyPressEvent(QKeyEvent* event) {
    switch (event->key()) {
        case Qt::Key_Left:
            return choose(chosen_ - 1);
        case Qt::Key_Right:
            return choose(chosen_ + 1);
        case Qt::Key_Up:
            return choose(chosen_ - line_bytes_);
        case Qt::Key_Down:
            return choose(chosen_ + line_bytes_);
        default:
            QAbstractScrollArea::keyPressEvent(event);
    }
}

void HexView::changeEvent(QEvent* event) {
    QAbstractScrollArea::changeEvent(event);
    viewport()->update();
}

}  // namespace vutrace::gui
