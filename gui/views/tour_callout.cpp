#include "vutrace/gui/views/tour_callout.h"

#include "vutrace/gui/views/theme.h"

#include <QAccessible>
#include <QApplication>
#include <QHBoxLayout>
#include <QKeyEvent>
#include <QLabel>
#include <QPainter>
#include <QPushButton>
#include <QVBoxLayout>
#include <algorithm>
#include <array>

namespace vutrace::gui {
namespace {

constexpr int panel_width = 420;
constexpr int panel_border = 2;
constexpr int frame_width = 3;
constexpr int gap = 10;  // between the panel and what it speaks of

// Vermilion where the ground is light, orange where it is dark: both are told apart from blue by everybody.
QColor tour_colour(const QPalette& palette) {
    return is_dark(palette) ? QColor(0xe6, 0x9f, 0x00) : QColor(0xd5, 0x5e, 0x00);
}

int area_of(const QRect& rectangle) {
    return rectangle.isEmpty() ? 0 : rectangle.width() * rectangle.height();
}

QRect moved_into(QRect rectangle, const QRect& area) {
    rectangle.moveRight(std::min(rectangle.right(), area.right()));
    rectangle.moveBottom(std::min(rectangle.bottom(), area.bottom()));
    rectangle.moveLeft(std::max(rectangle.left(), area.left()));
    rectangle.moveTop(std::max(rectangle.top(), area.top()));
    return rectangle;
}

void paint_border(QWidget& widget, int width) {
    QPainter painter(&widget);
    QPen pen(tour_colour(widget.palette()), width);
    pen.setJoinStyle(Qt::MiterJoin);
    painter.setPen(pen);
    const int half = width / 2;
    painter.drawRect(widget.rect().adjusted(half, half, half - width, half - width));
}

}  // namespace

QRect place_beside(const QRect& target, const QRect& area, const QSize& size) {
    const std::array wanted{
        QPoint(target.left() + gap, target.bottom() + gap),
        QPoint(target.left() + gap, target.top() - gap - size.height()),
        QPoint(target.right() + gap, target.top() + gap),
        QPoint(target.left() - gap - size.width(), target.top() + gap),
        QPoint(area.right() - size.width() - gap, area.bottom() - size.height() - gap),  // inside it, if it must be
    };
    QRect best;
    int least = -1;
    for (const QPoint& corner : wanted) {
        const QRect place = moved_into(QRect(corner, size), area);
        const int covered = area_of(place.intersected(target));
        if (least < 0 || covered < least) {
            best = place;
            least = covered;
        }
    }
    return best;
}

TourCallout::TourCallout(QWidget* parent)
    : QFrame(parent),
      title_(new QLabel(this)),
      text_(new QLabel(this)),
      back_(new QPushButton(tr("Bac&k"), this)),
      next_(new QPushButton(tr("&Next"), this)),
      end_(new QPushButton(tr("En&d the tour"), this)) {
    setAutoFillBackground(true);
    setBackgroundRole(QPalette::Base);
    setFixedWidth(panel_width);
    QFont strong = title_->font();
    strong.setBold(true);
    title_->setFont(strong);
    text_->setWordWrap(true);
    for (QLabel* label : {title_, text_}) {
        label->setTextFormat(Qt::PlainText);
    }
    auto* buttons = new QHBoxLayout();
    buttons->addWidget(end_);
    buttons->addStretch(1);
    buttons->addWidget(back_);
    buttons->addWidget(next_);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(14, 12, 14, 12);
    layout->setSpacing(8);
    layout->addWidget(title_);
    layout->addWidget(text_, 1);
    layout->addLayout(buttons);
    for (QPushButton* button : {back_, next_, end_}) {
        button->setAutoDefault(true);  // Return presses it, as Space does
    }
    setTabOrder(next_, back_);
    setTabOrder(back_, end_);
    connect(back_, &QPushButton::clicked, this, &TourCallout::back_wanted);
    connect(next_, &QPushButton::clicked, this, &TourCallout::next_wanted);
    connect(end_, &QPushButton::clicked, this, &TourCallout::end_wanted);
    hide();
}

void TourCallout::say(int number, int count, const QString& title, const QString& text) {
    title_->setText(tr("%1 of %2: %3").arg(number).arg(count).arg(title));
    text_->setText(text);
    back_->setEnabled(number > 1);
    next_->setVisible(number < count);
    setAccessibleName(tr("Tour, %1").arg(title_->text()));
    setAccessibleDescription(text);
    next_->setAccessibleDescription(text);
    fit();
    QAccessibleEvent news(this, QAccessible::Alert);
    QAccessible::updateAccessibility(&news);
}

void TourCallout::fit() {
    layout()->invalidate();  // what it remembers is of the words before
    resize(panel_width, layout()->totalHeightForWidth(panel_width));
}

void TourCallout::set_ready(bool ready) {
    next_->setEnabled(ready);
}

bool TourCallout::has_focus() const {
    return isAncestorOf(QApplication::focusWidget());
}

void TourCallout::take_focus() {
    (next_->isHidden() || !next_->isEnabled() ? end_ : next_)->setFocus(Qt::OtherFocusReason);
}

void TourCallout::paintEvent(QPaintEvent* /*event*/) {
    paint_border(*this, panel_border);
}

void TourCallout::keyPressEvent(QKeyEvent* event) {
    if (event->key() == Qt::Key_Escape) {
        Q_EMIT end_wanted();
        return;
    }
    QFrame::keyPressEvent(event);
}

TourFrame::TourFrame(QWidget* parent) : QWidget(parent) {
    setAttribute(Qt::WA_TransparentForMouseEvents);
    setFocusPolicy(Qt::NoFocus);
    hide();
}

void TourFrame::paintEvent(QPaintEvent* /*event*/) {
    paint_border(*this, frame_width);
}

}  // namespace vutrace::gui
