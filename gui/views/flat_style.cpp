#include "flat_style.h"

#include "ink.h"

#include <QPainter>
#include <QStyleOption>
#include <algorithm>

namespace vutrace::gui {
namespace {

constexpr int slider_margin = 3;

void fill_frame(QPainter& painter, const QRect& rect, const QColor& colour) {
    painter.fillRect(QRect(rect.left(), rect.top(), rect.width(), 1), colour);
    painter.fillRect(QRect(rect.left(), rect.bottom(), rect.width(), 1), colour);
    painter.fillRect(QRect(rect.left(), rect.top(), 1, rect.height()), colour);
    painter.fillRect(QRect(rect.right(), rect.top(), 1, rect.height()), colour);
}

QColor line_colour(const QPalette& palette) {
    return mixed(palette.color(QPalette::WindowText), palette.color(QPalette::Window), 0.22);
}

// From the beginning to what is done; where that is not known, a piece in the middle.
QRect done_part(const QStyleOptionProgressBar& bar) {
    QRect part = bar.rect.adjusted(1, 1, -1, -1);
    if (bar.maximum <= bar.minimum) {
        return part.adjusted(part.width() / 3, 0, -part.width() / 3, 0);
    }
    const double share = static_cast<double>(bar.progress - bar.minimum) / (bar.maximum - bar.minimum);
    part.setWidth(static_cast<int>(part.width() * std::clamp(share, 0.0, 1.0)));
    return part;
}

}  // namespace

FlatStyle::FlatStyle() : QProxyStyle(QStringLiteral("Fusion")) {}

void FlatStyle::draw_scroll_bar(const QStyleOptionSlider& option, QPainter& painter, const QWidget* widget) const {
    const QPalette& colours = option.palette;
    const QColor window = colours.color(QPalette::Window);
    const QColor text = colours.color(QPalette::WindowText);
    painter.fillRect(option.rect, mixed(text, window, 0.04));
    const bool upright = option.orientation == Qt::Vertical;
    for (const SubControl part : {SC_ScrollBarSubLine, SC_ScrollBarAddLine}) {
        QStyleOption arrow(option);
        arrow.rect = proxy()->subControlRect(CC_ScrollBar, &option, part, widget).adjusted(4, 4, -4, -4);
        const bool back = part == SC_ScrollBarSubLine;
        const PrimitiveElement upright_arrow = back ? PE_IndicatorArrowUp : PE_IndicatorArrowDown;
        const PrimitiveElement level_arrow = back ? PE_IndicatorArrowLeft : PE_IndicatorArrowRight;
        proxy()->drawPrimitive(upright ? upright_arrow : level_arrow, &arrow, &painter, widget);
    }
    if (option.maximum > option.minimum) {
        const QRect slider = proxy()->subControlRect(CC_ScrollBar, &option, SC_ScrollBarSlider, widget);
        const bool held = (option.activeSubControls & SC_ScrollBarSlider) != 0;
        painter.fillRect(upright ? slider.adjusted(slider_margin, 0, -slider_margin, 0)
                                 : slider.adjusted(0, slider_margin, 0, -slider_margin),
                         mixed(text, window, held ? 0.5 : 0.3));
    }
}

// The handle stands out against both halves of its groove and what is around, also where nothing is behind it.
void FlatStyle::draw_slider(const QStyleOptionSlider& option, QPainter& painter, const QWidget* widget) const {
    constexpr int groove_width = 4;
    constexpr int handle_width = 9;
    const QPalette& colours = option.palette;
    QRect groove = proxy()->subControlRect(CC_Slider, &option, SC_SliderGroove, widget);
    QRect handle = proxy()->subControlRect(CC_Slider, &option, SC_SliderHandle, widget);
    const QPoint middle = handle.center();
    QRect done = groove;
    if (option.orientation == Qt::Horizontal) {
        groove = QRect(groove.left(), middle.y() - groove_width / 2, groove.width(), groove_width);
        handle = QRect(middle.x() - handle_width / 2, handle.top(), handle_width, handle.height());
        done = option.upsideDown ? groove.adjusted(middle.x() - groove.left(), 0, 0, 0)
                                 : QRect(groove.topLeft(), QPoint(middle.x(), groove.bottom()));
    } else {
        groove = QRect(middle.x() - groove_width / 2, groove.top(), groove_width, groove.height());
        handle = QRect(handle.left(), middle.y() - handle_width / 2, handle.width(), handle_width);
        done = option.upsideDown ? QRect(QPoint(groove.left(), middle.y()), groove.bottomRight())
                                 : QRect(groove.topLeft(), QPoint(groove.right(), middle.y()));
    }
    painter.fillRect(groove, line_colour(colours));
    if ((option.state & State_Enabled) != 0) {
        painter.fillRect(done, colours.color(QPalette::Highlight));
    }
    if ((option.state & State_HasFocus) != 0) {
        painter.fillRect(handle.adjusted(-2, -1, 2, 1), colours.color(QPalette::Highlight));
    }
    painter.fillRect(handle, colours.color(QPalette::WindowText));
}

void FlatStyle::drawComplexControl(ComplexControl control, const QStyleOptionComplex* option, QPainter* painter,
                                   const QWidget* widget) const {
    const auto* slider = qstyleoption_cast<const QStyleOptionSlider*>(option);
    if (control == CC_ScrollBar && slider != nullptr) {
        draw_scroll_bar(*slider, *painter, widget);
        return;
    }
    if (control == CC_Slider && slider != nullptr) {
        draw_slider(*slider, *painter, widget);
        return;
    }
    QProxyStyle::drawComplexControl(control, option, painter, widget);
}

void FlatStyle::drawControl(ControlElement element, const QStyleOption* option, QPainter* painter,
                            const QWidget* widget) const {
    const auto* bar = qstyleoption_cast<const QStyleOptionProgressBar*>(option);
    if (bar != nullptr && element == CE_ProgressBarGroove) {
        painter->fillRect(bar->rect, bar->palette.color(QPalette::Base));
        fill_frame(*painter, bar->rect, line_colour(bar->palette));
    } else if (bar != nullptr && element == CE_ProgressBarContents) {
        painter->fillRect(done_part(*bar),
                          mixed(bar->palette.color(QPalette::Highlight), bar->palette.color(QPalette::Base), 0.45));
    } else if (bar != nullptr && element == CE_ProgressBarLabel) {
        painter->setPen(bar->palette.color(QPalette::Text));
        painter->drawText(bar->rect, Qt::AlignCenter, bar->text);
    } else {
        QProxyStyle::drawControl(element, option, painter, widget);
    }
}

void FlatStyle::drawPrimitive(PrimitiveElement element, const QStyleOption* option, QPainter* painter,
                              const QWidget* widget) const {
    if (element == PE_Frame) {
        fill_frame(*painter, option->rect, line_colour(option->palette));
        return;
    }
    const auto* line = qstyleoption_cast<const QStyleOptionFrame*>(option);
    if (element == PE_PanelLineEdit && line != nullptr) {
        painter->fillRect(line->rect, line->palette.color(QPalette::Base));
        const bool focused = (line->state & State_HasFocus) != 0;
        if (line->lineWidth > 0) {
            fill_frame(*painter, line->rect,
                       focused ? line->palette.color(QPalette::Highlight) : line_colour(line->palette));
        }
        return;
    }
    QProxyStyle::drawPrimitive(element, option, painter, widget);
    if (element == PE_IndicatorCheckBox) {  // Fusion's own outline is not seen on a dark window
        fill_frame(*painter, option->rect, line_colour(option->palette));
    }
}

// Five tabs stand beside each other in a dock.
int FlatStyle::pixelMetric(PixelMetric metric, const QStyleOption* option, const QWidget* widget) const {
    constexpr int beside_tab_text = 16;
    return metric == PM_TabBarTabHSpace ? beside_tab_text : QProxyStyle::pixelMetric(metric, option, widget);
}

}  // namespace vutrace::gui
