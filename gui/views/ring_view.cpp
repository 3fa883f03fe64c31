#include "vutrace/gui/views/ring_view.h"

#include "vutrace/gui/views/theme.h"

#include <QHelpEvent>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QToolTip>
#include <algorithm>
#include <array>
#include <utility>

namespace vutrace::gui {
namespace {

constexpr double pointer_room = 16;  // around a circle, for what points at it
constexpr double pointer_length = 9;
constexpr double pointer_width = 5;
constexpr int legend_columns = 2;
constexpr double upright = 0.6;  // of the width
constexpr double large = 0.58;   // of the width
constexpr double band = 4;       // that marks slots, inside of the circle
constexpr std::array legend_looks{SlotLook::device, SlotLook::part, SlotLook::used,
                                  SlotLook::driver, SlotLook::bad,  SlotLook::unknown};

}  // namespace

RingDiagram::RingDiagram(QWidget* parent) : QWidget(parent) {
    setFocusPolicy(Qt::StrongFocus);
    setAccessibleName(tr("Rings of the queue"));
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Expanding);
}

void RingDiagram::set_ring(std::shared_ptr<const render::RingView> ring) {
    ring_ = std::move(ring);
    picture_ = ring_ == nullptr ? RingPicture() : draw_rings(*ring_);
    QStringList facts(picture_.facts.begin(), picture_.facts.end());
    setAccessibleDescription(facts.join(QLatin1Char('\n')));
    if (chosen_ && (picture_.rings.empty() || *chosen_ >= picture_.rings.front().slots.size())) {
        chosen_.reset();
    }
    lay_out();
}

void RingDiagram::mark_chain(std::optional<std::uint16_t> head) {
    marked_ = head;
    update();
}

void RingDiagram::choose(std::optional<std::uint32_t> slot) {
    chosen_ = slot;
    update();
}

QSize RingDiagram::sizeHint() const {
    return {440, 250};
}

QSize RingDiagram::minimumSizeHint() const {
    return {240, 180};
}

int RingDiagram::title_height() const {
    return 2 * fontMetrics().height();
}

// Side by side, or, where there is height for it, the descriptors large and the two others beside them.
std::vector<QRectF> RingDiagram::cells() const {
    const double legend = fontMetrics().height() * static_cast<double>(legend_looks.size() / legend_columns) + 6;
    const double w = width();
    const double h = height() - legend;
    const std::size_t count = picture_.rings.size();
    std::vector<QRectF> cells;
    if (count == 3 && h > w * upright) {
        const double left = w * large;
        return {QRectF(0, 0, left, h), QRectF(left, 0, w - left, h / 2), QRectF(left, h / 2, w - left, h / 2)};
    }
    for (std::size_t i = 0; i < count; ++i) {
        const double each = w / static_cast<double>(count);
        cells.emplace_back(each * static_cast<double>(i), 0, each, h);
    }
    return cells;
}

void RingDiagram::lay_out() {
    cells_ = cells();
    geometries_.clear();
    for (std::size_t i = 0; i < cells_.size(); ++i) {
        const QRectF room = cells_[i].adjusted(0, title_height(), 0, 0);
        const double outer = std::min(room.width(), room.height()) / 2 - pointer_room;
        geometries_.emplace_back(room.center(), outer, static_cast<std::uint32_t>(picture_.rings[i].slots.size()));
    }
    update();
}

void RingDiagram::paintEvent(QPaintEvent* /*event*/) {
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.fillRect(rect(), palette().color(QPalette::Base));
    if (ring_ == nullptr) {
        return;  // there is no queue, which the line above tells
    }
    if (picture_.rings.empty()) {
        painter.setPen(palette().color(QPalette::PlaceholderText));
        painter.drawText(rect().adjusted(8, 8, -8, -8), Qt::AlignCenter | Qt::TextWordWrap,
                         tr("Where the rings are is not known here: their size or addresses were not set, are "
                            "invalid, or lie outside the memory regions."));
        return;
    }
    for (std::size_t i = 0; i < picture_.rings.size(); ++i) {
        paint_ring(painter, i);
        paint_outlines(painter, i);
        paint_pointers(painter, i);
    }
    paint_legend(painter);
    if (hasFocus()) {
        painter.setPen(QPen(palette().color(QPalette::Highlight), 1));
        painter.setBrush(Qt::NoBrush);
        painter.drawRect(rect().adjusted(0, 0, -1, -1));
    }
}

void RingDiagram::paint_ring(QPainter& painter, std::size_t number) const {
    const DrawnRing& ring = picture_.rings[number];
    const RingGeometry& geometry = geometries_[number];
    // A line between segments, where there is room for one.
    const bool lines = geometry.segments() <= 64;
    painter.setPen(lines ? QPen(palette().color(QPalette::Base), 1) : QPen(Qt::NoPen));
    for (std::uint32_t segment = 0; segment < geometry.segments(); ++segment) {
        SlotLook look = SlotLook::unknown;
        for (std::uint32_t slot = geometry.first_slot(segment); slot < geometry.first_slot(segment + 1); ++slot) {
            look = std::max(look, ring.slots[slot]);
        }
        painter.setBrush(slot_brush(palette(), look));
        painter.drawPath(geometry.path_of(segment));
    }
    // Above the circle, as close as the pointers let it.
    const double above =
        std::max(cells_[number].top(), geometry.centre().y() - geometry.outer() - pointer_room - title_height());
    const QRectF head(cells_[number].left(), above, cells_[number].width(), title_height());
    QFont title = font();
    title.setBold(true);
    painter.setPen(palette().color(QPalette::Text));
    painter.setFont(title);
    painter.drawText(head, Qt::AlignHCenter | Qt::AlignTop, ring.title);
    painter.setFont(font());
    painter.drawText(head, Qt::AlignHCenter | Qt::AlignBottom, ring.position);
}

// Beside the slots, so that their looks stay to be seen: the chosen record's chain, then the slot that is chosen.
void RingDiagram::paint_outlines(QPainter& painter, std::size_t number) const {
    const DrawnRing& ring = picture_.rings[number];
    const RingGeometry& geometry = geometries_[number];
    const auto mark = [&](std::uint32_t slot, const QColor& colour, double away) {
        painter.setPen(QPen(colour, 1.5));
        painter.setBrush(colour);
        const double outer = geometry.inner() - away;
        painter.drawPath(geometry.band_of(geometry.segment_of(slot), outer - band, outer));
    };
    if (marked_) {
        for (const std::uint32_t slot : slots_of_chain(*ring_, ring.part, *marked_)) {
            mark(slot, palette().color(QPalette::Text), 2);
        }
    }
    if (chosen_ && ring.part == DrawnRing::Part::descriptors) {
        mark(*chosen_, palette().color(QPalette::Highlight), 2 * band);
    }
}

// A triangle outside of the circle; the device's is filled, the driver's is not.
void RingDiagram::paint_pointers(QPainter& painter, std::size_t number) const {
    const RingGeometry& geometry = geometries_[number];
    for (const DrawnRing::Pointer& pointer : picture_.rings[number].pointers) {
        const QPointF tip = geometry.point_at(pointer.slot, geometry.outer() + 2);
        const QPointF back = geometry.point_at(pointer.slot, geometry.outer() + 2 + pointer_length);
        const QPointF along = (back - tip) / pointer_length;
        const QPointF across(-along.y() * pointer_width, along.x() * pointer_width);
        const QColor colour = palette().color(QPalette::Text);
        painter.setPen(QPen(colour, 1.5));
        painter.setBrush(pointer.device ? QBrush(colour) : QBrush(Qt::NoBrush));
        painter.drawPolygon(QPolygonF({tip, back + across, back - across}));
    }
}

void RingDiagram::paint_legend(QPainter& painter) const {
    const int line = fontMetrics().height();
    const int rows = static_cast<int>(legend_looks.size()) / legend_columns;
    const int top = height() - rows * line - 3;
    const int column = width() / legend_columns;
    for (std::size_t i = 0; i < legend_looks.size(); ++i) {
        const int x = 6 + static_cast<int>(i) / rows * column;
        const int y = top + static_cast<int>(i) % rows * line;
        painter.setPen(palette().color(QPalette::Mid));
        painter.setBrush(slot_brush(palette(), legend_looks[i]));
        painter.drawRect(x, y + 3, line - 6, line - 7);
        painter.setPen(palette().color(QPalette::Text));
        painter.drawText(QRect(x + line + 2, y, column - line - 8, line), Qt::AlignLeft | Qt::AlignVCenter,
                         name_of(legend_looks[i], picture_.packed));
    }
}

std::optional<RingDiagram::Hit> RingDiagram::hit_at(QPointF point) const {
    for (std::size_t i = 0; i < geometries_.size(); ++i) {
        const auto segment = geometries_[i].segment_at(point);
        if (segment) {
            // Of several slots the one that gave the segment its look.
            const std::vector<SlotLook>& slots = picture_.rings[i].slots;
            const auto first = slots.begin() + geometries_[i].first_slot(*segment);
            const auto last = slots.begin() + geometries_[i].first_slot(*segment + 1);
            return Hit{i, static_cast<std::uint32_t>(std::max_element(first, last) - slots.begin())};
        }
    }
    return std::nullopt;
}

bool RingDiagram::event(QEvent* event) {
    if (event->type() == QEvent::ToolTip) {
        const auto& help = static_cast<const QHelpEvent&>(*event);
        const auto hit = hit_at(help.pos());
        if (hit) {
            QToolTip::showText(help.globalPos(), slot_text(*ring_, picture_.rings[hit->ring].part, hit->slot), this);
        } else {
            QToolTip::hideText();
        }
        return true;
    }
    return QWidget::event(event);
}

void RingDiagram::tell(std::uint32_t slot) {
    choose(slot);
    Q_EMIT slot_chosen(static_cast<int>(slot));
}

void RingDiagram::mousePressEvent(QMouseEvent* event) {
    const auto hit = hit_at(event->position());
    const auto slot = hit ? descriptor_of(*ring_, picture_.rings[hit->ring].part, hit->slot) : std::nullopt;
    if (slot && *slot < picture_.rings.front().slots.size()) {
        tell(*slot);
    }
}

void RingDiagram::keyPressEvent(QKeyEvent* event) {
    const int step = event->key() == Qt::Key_Right ? 1 : event->key() == Qt::Key_Left ? -1 : 0;
    if (step == 0 || picture_.rings.empty()) {
        QWidget::keyPressEvent(event);
        return;
    }
    const auto size = static_cast<std::uint32_t>(picture_.rings.front().slots.size());
    const std::uint32_t from = chosen_.value_or(step > 0 ? size - 1 : 0);
    tell((from + size + static_cast<std::uint32_t>(step)) % size);
}

void RingDiagram::resizeEvent(QResizeEvent* event) {
    QWidget::resizeEvent(event);
    lay_out();
}

}  // namespace vutrace::gui
