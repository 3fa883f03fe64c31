#include "vutrace/gui/views/distribution_plot.h"

#include "ink.h"

#include <vutrace/render/phrases.h>

#include <QFontMetricsF>
#include <QHelpEvent>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QPainterPath>
#include <QToolTip>
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace vutrace::gui {
namespace {

constexpr double least_share = 1e-6;  // at the bottom of a logarithmic scale
constexpr std::array inks_of_series{Ink::first, Ink::third, Ink::second, Ink::fourth, Ink::fifth};
constexpr std::array dashes{Qt::SolidLine, Qt::DashLine, Qt::DotLine, Qt::DashDotLine, Qt::DashDotDotLine};
constexpr std::array percentiles{0.5, 0.99};
constexpr int legend_margin = 8;
constexpr int legend_sample = 26;  // of a line

QString percent_text(double share) {
    return share >= 0.01 || share == 0 ? QStringLiteral("%1 %").arg(share * 100, 0, 'g', 3)
                                       : QStringLiteral("%1 %").arg(share * 100, 0, 'g', 1);
}

}  // namespace

DistributionPlot::DistributionPlot(QWidget* parent) : QWidget(parent) {
    setFocusPolicy(Qt::StrongFocus);
    setMinimumSize(240, 130);
    setAccessibleName(tr("Plot of the distribution"));
}

void DistributionPlot::set_series(std::vector<Series> series, Unit unit, const QString& what) {
    series_ = std::move(series);
    series_.resize(std::min(series_.size(), most_series));
    unit_ = unit;
    what_ = what;
    marked_.reset();
    QStringList titles;
    for (const Series& one : series_) {
        titles += tr("%1: %2 at 50 %, %3 at 99 %")
                      .arg(one.title, value_text(static_cast<double>(one.values.percentile(percentiles[0]))),
                           value_text(static_cast<double>(one.values.percentile(percentiles[1]))));
    }
    setAccessibleDescription(titles.join(QStringLiteral("; ")));
    Q_EMIT marked_changed();
    update();
}

void DistributionPlot::set_distribution(Distribution distribution) {
    distribution_ = distribution;
    update();
}

void DistributionPlot::set_logarithmic(bool logarithmic) {
    logarithmic_ = logarithmic;
    update();
}

QRectF DistributionPlot::area() const {
    const QFontMetricsF metrics(font());
    return QRectF(rect()).adjusted(metrics.horizontalAdvance(QStringLiteral("0.001 % ")) + 6, 10 + legend().height,
                                   -metrics.averageCharWidth() * 5, -metrics.height() * 2 - 8);
}

LogAxis DistributionPlot::axis() const {
    std::uint64_t least = UINT64_MAX;
    std::uint64_t largest = 0;
    for (const Series& one : series_) {
        if (!one.values.empty()) {
            least = std::min(least, one.values.least());
            largest = std::max(largest, one.values.largest());
        }
    }
    return {std::min(least, largest), largest, area().width()};
}

double DistributionPlot::height_of(double share, double most) const {
    if (!logarithmic_) {
        return share / most * area().height();
    }
    const double range = std::log10(most / least_share);
    return std::max(std::log10(std::max(share, least_share) / least_share) / range, 0.0) * area().height();
}

QString DistributionPlot::value_text(double value) const {
    return QString::fromStdString(unit_ == Unit::nanoseconds
                                      ? render::duration_text(static_cast<std::int64_t>(value))
                                      : render::grouped(static_cast<std::uint64_t>(std::llround(value))));
}

void DistributionPlot::paint_scales(QPainter& painter, const LogAxis& axis, double most) const {
    const QRectF place = area();
    const QFontMetricsF metrics(font());
    const QColor line = mixed(palette().color(QPalette::Text), palette().color(QPalette::Base), 0.18);
    double free_from = 0;
    for (const LogAxis::Tick& tick : axis.ticks()) {
        const double x = place.left() + tick.x;
        painter.setPen(line);
        painter.drawLine(QPointF(x, tick.labelled ? place.top() : place.bottom() - 3), QPointF(x, place.bottom()));
        const QString text = value_text(tick.value);
        if (tick.labelled && x - metrics.horizontalAdvance(text) / 2 >= free_from) {
            painter.setPen(palette().color(QPalette::Text));
            painter.drawText(QRectF(x - 60, place.bottom() + 2, 120, metrics.height()), Qt::AlignHCenter, text);
            free_from = x + metrics.horizontalAdvance(text) / 2 + 8;
        }
    }
    std::vector<double> shares;
    if (logarithmic_) {
        for (double share = least_share; share <= most * 1.001; share *= 10) {
            shares.push_back(share);
        }
    } else {
        shares = {0, most / 4, most / 2, most * 3 / 4, most};
    }
    for (const double share : shares) {
        const double y = place.bottom() - height_of(share, most);
        painter.setPen(line);
        painter.drawLine(QPointF(place.left(), y), QPointF(place.right(), y));
        painter.setPen(palette().color(QPalette::Text));
        const bool nothing = logarithmic_ && share <= least_share;
        painter.drawText(QRectF(0, y - metrics.height() / 2, place.left() - 5, metrics.height()),
                         Qt::AlignRight | Qt::AlignVCenter, nothing ? QStringLiteral("0") : percent_text(share));
    }
    painter.drawText(QRectF(place.left(), place.bottom() + metrics.height() + 3, place.width(), metrics.height()),
                     Qt::AlignHCenter, what_);
}

void DistributionPlot::paint_series(QPainter& painter, const LogAxis& axis, std::size_t number, double most) const {
    const QRectF place = area();
    const QColor colour = ink(palette(), inks_of_series[number]);
    QPainterPath path;
    bool begun = false;
    for (const Bar& bar : bars_of(series_[number].values, axis, distribution_)) {
        const double y = place.bottom() - height_of(bar.share, most);
        const QPointF from(place.left() + axis.place_of(bar.from), y);
        if (begun) {
            path.lineTo(from);
        } else {
            path.moveTo(from.x(), place.bottom());
            path.lineTo(from);
        }
        begun = true;
        path.lineTo(place.left() + axis.place_of(bar.to), y);
    }
    if (!begun) {
        return;
    }
    if (distribution_ == Distribution::share) {
        path.lineTo(place.right(), place.bottom());
        QColor inside = colour;
        inside.setAlphaF(0.12F);
        painter.fillPath(path, inside);
    }
    painter.setPen(QPen(colour, 1.6, dashes[number]));
    painter.drawPath(path);
    // Percentiles stand on the axis: full for the median, hollow for the 99th.
    for (const double share : percentiles) {
        const double x = place.left() + axis.place_of(static_cast<double>(series_[number].values.percentile(share)));
        const QPolygonF foot(
            {QPointF(x, place.bottom() - 7), QPointF(x - 4, place.bottom()), QPointF(x + 4, place.bottom())});
        painter.setPen(QPen(colour, 1.2));
        painter.setBrush(share == percentiles[0] ? colour : palette().color(QPalette::Base));
        painter.drawPolygon(foot);
        painter.setBrush(Qt::NoBrush);
    }
}

// Without the percentiles where they would be cut: the table has them.
QStringList DistributionPlot::legend_lines() const {
    const QFontMetricsF metrics(font());
    const double room = width() - 4.0 * legend_margin - legend_sample;
    QStringList lines, without;
    bool fit = true;
    for (const Series& one : series_) {
        const QString count = QString::fromStdString(render::grouped(one.values.count()));
        lines += one.values.empty() ? tr("%1: none").arg(one.title)
                                    : tr("%1: %2, 50 % ≤ %3, 99 % ≤ %4")
                                          .arg(one.title, count,
                                               value_text(static_cast<double>(one.values.percentile(percentiles[0]))),
                                               value_text(static_cast<double>(one.values.percentile(percentiles[1]))));
        without += one.values.empty() ? lines.back() : tr("%1: %2").arg(one.title, count);
        fit = fit && metrics.horizontalAdvance(lines.back()) <= room;
    }
    return fit ? lines : without;
}

// Above the plot, which it must not hide anything of: as many beside each other as there is room for.
DistributionPlot::Legend DistributionPlot::legend() const {
    const QFontMetricsF metrics(font());
    const double room = width() - 2.0 * legend_margin;
    double widest = 1;
    for (const QString& line : legend_lines()) {
        widest = std::max(widest, metrics.horizontalAdvance(line) + legend_sample + 2.0 * legend_margin);
    }
    const int count = std::max(1, static_cast<int>(series_.size()));
    const int columns = std::clamp(static_cast<int>(room / widest), 1, count);
    const int rows = (count + columns - 1) / columns;
    return {columns, std::min(widest, room), rows * metrics.height() + legend_margin};
}

void DistributionPlot::paint_legend(QPainter& painter) const {
    const QFontMetricsF metrics(font());
    const Legend place = legend();
    const QStringList lines = legend_lines();
    for (int i = 0; i < lines.size(); ++i) {
        const double x = legend_margin + i % place.columns * place.column_width;
        const double y = legend_margin / 2.0 + i / place.columns * metrics.height();
        const auto number = static_cast<std::size_t>(i);
        const double middle = y + metrics.height() / 2;
        painter.setPen(QPen(ink(palette(), inks_of_series[number]), 2, dashes[number]));
        painter.drawLine(QPointF(x, middle), QPointF(x + legend_sample, middle));
        const double begin = legend_sample + legend_margin;
        const QRectF text(x + begin, y, place.column_width - begin, metrics.height());
        painter.setPen(palette().color(QPalette::Text));
        painter.drawText(text, Qt::AlignVCenter | Qt::AlignLeft,
                         metrics.elidedText(lines[i], Qt::ElideMiddle, text.width()));
    }
}

void DistributionPlot::paint(QPainter& painter) {
    painter.setRenderHint(QPainter::Antialiasing);
    painter.fillRect(rect(), palette().color(QPalette::Base));
    const bool anything =
        std::any_of(series_.begin(), series_.end(), [](const Series& one) { return !one.values.empty(); });
    if (!anything) {
        painter.setPen(palette().color(QPalette::PlaceholderText));
        painter.drawText(rect(), Qt::AlignCenter | Qt::TextWordWrap,
                         series_.empty() ? tr("Choose queues or kinds of request, several with Ctrl")
                                         : tr("Nothing of that was seen"));
        return;
    }
    const LogAxis values = axis();
    double most = 0;
    for (const Series& one : series_) {
        for (const Bar& bar : bars_of(one.values, values, distribution_)) {
            most = std::max(most, bar.share);
        }
    }
    paint_scales(painter, values, most);
    for (std::size_t i = 0; i < series_.size(); ++i) {
        paint_series(painter, values, i, most);
    }
    if (marked_) {
        const QRectF place = area();
        QColor colour = palette().color(QPalette::Highlight);
        colour.setAlphaF(0.2F);
        const double from = place.left() + values.place_of(marked_->first);
        painter.fillRect(
            QRectF(from, place.top(), place.left() + values.place_of(marked_->second) - from, place.height()), colour);
    }
    paint_legend(painter);
}

void DistributionPlot::paintEvent(QPaintEvent* /*event*/) {
    QPainter painter(this);
    paint(painter);
    if (hasFocus()) {
        painter.setRenderHint(QPainter::Antialiasing, false);
        painter.setPen(palette().color(QPalette::Highlight));
        painter.setBrush(Qt::NoBrush);
        painter.drawRect(rect().adjusted(0, 0, -1, -1));
    }
}

QImage DistributionPlot::picture(double scale) {
    QImage image((QSizeF(size()) * scale).toSize(), QImage::Format_RGB32);
    image.setDevicePixelRatio(scale);
    QPainter painter(&image);
    painter.setFont(font());
    paint(painter);
    return image;
}

void DistributionPlot::mousePressEvent(QMouseEvent* event) {
    drag_from_ = event->position().x();
    if (marked_) {
        marked_.reset();
        Q_EMIT marked_changed();
        update();
    }
}

void DistributionPlot::mouseMoveEvent(QMouseEvent* event) {
    if ((event->buttons() & Qt::LeftButton) == 0 || series_.empty()) {
        return;
    }
    const QRectF place = area();
    const LogAxis values = axis();
    const auto value = [&](double x) { return values.value_at(std::clamp(x - place.left(), 0.0, place.width())); };
    const double from = value(drag_from_);
    const double to = value(event->position().x());
    marked_.emplace(std::min(from, to), std::max(from, to));
    Q_EMIT marked_changed();
    update();
}

void DistributionPlot::keyPressEvent(QKeyEvent* event) {
    if (event->key() != Qt::Key_Escape || !marked_) {
        event->ignore();
        return;
    }
    marked_.reset();
    Q_EMIT marked_changed();
    update();
}

bool DistributionPlot::event(QEvent* event) {
    if (event->type() == QEvent::ToolTip) {
        const auto* help = static_cast<QHelpEvent*>(event);
        QToolTip::showText(help->globalPos(), tip_at(help->pos()), this);
        return true;
    }
    return QWidget::event(event);
}

QString DistributionPlot::tip_at(QPointF place) const {
    const QRectF inner = area();
    if (!inner.contains(place)) {
        return {};
    }
    const LogAxis values = axis();
    const double value = values.value_at(place.x() - inner.left());
    QStringList lines;
    for (const Series& one : series_) {
        for (const Bar& bar : bars_of(one.values, values, distribution_)) {
            if (value >= bar.from && value < bar.to) {
                lines += distribution_ == Distribution::share
                             ? tr("%1: %2 from %3 to %4")
                                   .arg(one.title, percent_text(bar.share), value_text(bar.from), value_text(bar.to))
                             : tr("%1: %2 within %3").arg(one.title, percent_text(bar.share), value_text(bar.to));
            }
        }
    }
    return lines.join(QLatin1Char('\n'));
}

}  // namespace vutrace::gui
