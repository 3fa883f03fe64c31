#include "ink.h"

#include "vutrace/gui/views/theme.h"

#include <QPolygonF>
#include <array>
#include <cmath>

namespace vutrace::gui {
namespace {

struct Inks {
    QRgb light, dark;
};
constexpr std::array<Inks, 8> inks{{
    {0xff0072b2, 0xff56b4e9},  // blue
    {0xff00805c, 0xff2ec4a0},  // bluish green
    {0xffa65f00, 0xffe6b040},  // brown, orange
    {0xff9c4f86, 0xffd896bb},  // reddish purple
    {0xff4a4f55, 0xffc4c9cf},  // grey
    {0xffd04a00, 0xffff7f3f},  // vermilion
    {0xff8a7500, 0xfff0e442},  // yellow
    {0xffa8adb3, 0xff565b61},
}};

}  // namespace

QColor ink(const QPalette& palette, Ink which) {
    const Inks& pair = inks[static_cast<std::size_t>(which)];
    return QColor::fromRgb(is_dark(palette) ? pair.dark : pair.light);
}

QColor mixed(const QColor& colour, const QColor& under, double strength) {
    const auto part = [strength](int over, int below) {
        return static_cast<int>(std::lround(over * strength + below * (1 - strength)));
    };
    return {part(colour.red(), under.red()), part(colour.green(), under.green()), part(colour.blue(), under.blue())};
}

void paint_badge(QPainter& painter, const QPalette& palette, QPointF middle, double size, check::Severity severity) {
    const double half = size / 2;
    const bool error = severity == check::Severity::error;
    const QPolygonF triangle({middle + QPointF(0, -half), middle + QPointF(half, half), middle + QPointF(-half, half)});
    const QPolygonF diamond(
        {middle + QPointF(0, -half), middle + QPointF(half, 0), middle + QPointF(0, half), middle + QPointF(-half, 0)});
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(QPen(palette.color(QPalette::Base), 1));
    painter.setBrush(ink(palette, error ? Ink::bad : Ink::doubtful));
    painter.drawPolygon(error ? triangle : diamond);
    painter.restore();
}

void paint_bookmark(QPainter& painter, const QPalette& palette, QPointF top, double height) {
    const double half = height * 0.3;
    const QPolygonF ribbon({top + QPointF(-half, 0), top + QPointF(half, 0), top + QPointF(half, height),
                            top + QPointF(0, height - half), top + QPointF(-half, height)});
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(QPen(palette.color(QPalette::Base), 1));
    painter.setBrush(ink(palette, Ink::first));
    painter.drawPolygon(ribbon);
    painter.restore();
}

}  // namespace vutrace::gui
