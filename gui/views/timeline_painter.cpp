#include "timeline_painter.h"

#include "ink.h"

#include <vutrace/render/phrases.h>

#include <QFontMetricsF>
#include <QPolygonF>
#include <algorithm>
#include <array>
#include <cmath>

namespace vutrace::gui {
namespace {

using overview::Column;

constexpr int title_margin = 6;
constexpr std::size_t most_labels = 400;  // beyond, there is no room for any

QColor with_alpha(QColor colour, double alpha) {
    colour.setAlphaF(static_cast<float>(alpha));
    return colour;
}

// Of the text's colour, so that it is seen on a dark base as on a light one.
QColor line_colour(const QPalette& palette, QPalette::ColorRole under, double strength) {
    return mixed(palette.color(QPalette::Text), palette.color(under), strength);
}

QString text_of(const std::string& text) {
    return QString::fromStdString(text);
}

QString time_text(std::uint64_t nanoseconds) {
    return text_of(render::duration_text(static_cast<std::int64_t>(std::min<std::uint64_t>(nanoseconds, INT64_MAX))));
}

struct Bounds {
    std::uint64_t least{UINT64_MAX};
    std::uint64_t largest{0};
};

Bounds bounds_of(std::span<const Column> columns) {
    Bounds bounds;
    for (const Column& column : columns) {
        if (column.summary.count != 0) {
            bounds.least = std::min(bounds.least, column.summary.least);
            bounds.largest = std::max(bounds.largest, column.summary.largest);
        }
    }
    return bounds;
}

}  // namespace

TimelinePainter::TimelinePainter(QPainter& painter, const QPalette& palette, const TimeWindow& window, int left,
                                 int right, double ratio)
    : painter_(painter),
      palette_(palette),
      window_(window),
      left_(left),
      right_(right),
      ratio_(ratio),
      small_(painter.font()) {
    small_.setPointSizeF(small_.pointSizeF() * 0.85);
}

void TimelinePainter::paint_track(const Track& track, const QRect& place, const std::vector<Lane>& lanes, bool chosen) {
    if (track.kind == TrackKind::heading) {
        paint_heading(track, place, chosen);
        return;
    }
    painter_.fillRect(QRectF(place.left(), place.bottom(), right_ - place.left(), 1),
                      line_colour(palette_, QPalette::Base, 0.13));
    QString below;
    const QRectF inner(left_, place.top() + 2, right_ - left_, place.height() - 5);
    if (track.kind == TrackKind::depth) {
        below = paint_depth(lanes[0], inner);
    } else if (track.kind == TrackKind::latency) {
        below = paint_latency(lanes[0], inner);
    } else if (track.kind == TrackKind::epochs) {
        paint_epochs(lanes[0], inner);
    } else if (lanes.size() == 2) {
        const double half = inner.height() / 2;
        paint_marks(lanes[0].columns, QRectF(inner.left(), inner.top(), inner.width(), half - 0.5),
                    ink(palette_, Ink::first));
        paint_marks(lanes[1].columns, QRectF(inner.left(), inner.top() + half + 0.5, inner.width(), half - 0.5),
                    ink(palette_, Ink::second));
    } else if (!lanes.empty()) {
        paint_marks(lanes[0].columns, inner, ink(palette_, Ink::fifth));
        paint_labels(lanes[0].columns, inner);
    }
    paint_title(track, place, below, chosen);
}

void TimelinePainter::paint_heading(const Track& track, const QRect& place, bool chosen) {
    const QColor background = palette_.color(track.queue ? QPalette::AlternateBase : QPalette::Button);
    painter_.fillRect(QRectF(place.left(), place.top(), right_ - place.left(), place.height()), background);
    if (chosen) {
        painter_.fillRect(QRect(place.left(), place.top(), 3, place.height()), palette_.color(QPalette::Highlight));
    }
    const double indent = title_margin + (track.queue ? 10 : 0);
    const QPointF middle(place.left() + indent + 4, place.center().y() + 0.5);
    const QPolygonF mark = track.folded
                               ? QPolygonF({middle + QPointF(-2, -4), middle + QPointF(3, 0), middle + QPointF(-2, 4)})
                               : QPolygonF({middle + QPointF(-4, -2), middle + QPointF(4, -2), middle + QPointF(0, 3)});
    painter_.save();
    painter_.setRenderHint(QPainter::Antialiasing);
    painter_.setPen(Qt::NoPen);
    painter_.setBrush(palette_.color(QPalette::Text));
    painter_.drawPolygon(mark);
    painter_.restore();
    QFont bold = painter_.font();
    bold.setBold(true);
    painter_.save();
    painter_.setFont(bold);
    painter_.setPen(palette_.color(QPalette::Text));
    painter_.drawText(QRectF(place.left() + indent + 14, place.top(), left_ - indent - 14, place.height()),
                      Qt::AlignVCenter | Qt::AlignLeft, track.title);
    painter_.restore();
}

void TimelinePainter::paint_title(const Track& track, const QRect& place, const QString& below, bool chosen) {
    const QRect title(place.left(), place.top(), static_cast<int>(left_) - place.left() - 1, place.height());
    painter_.fillRect(title, palette_.color(QPalette::Window));
    if (chosen) {
        painter_.fillRect(QRect(title.left(), title.top(), 3, title.height()), palette_.color(QPalette::Highlight));
    }
    const QRect text = title.adjusted(title_margin + (track.queue ? 18 : 8), 2, -4, -2);
    painter_.setPen(palette_.color(QPalette::Text));
    painter_.drawText(text, static_cast<int>(below.isEmpty() ? Qt::AlignVCenter : Qt::AlignTop) | Qt::AlignLeft,
                      painter_.fontMetrics().elidedText(track.title, Qt::ElideRight, text.width()));
    if (!below.isEmpty()) {
        painter_.save();
        painter_.setFont(small_);
        painter_.setPen(palette_.color(QPalette::PlaceholderText));
        painter_.drawText(text, Qt::AlignBottom | Qt::AlignLeft, below);
        painter_.restore();
    }
}

// How many there are in a column says how strong it is; four strengths, so that there are few calls of the painter.
void TimelinePainter::paint_marks(std::span<const Column> columns, const QRectF& place, const QColor& colour) {
    constexpr std::array<double, 4> strengths{0.62, 0.76, 0.88, 1.0};
    constexpr double blurred_strength = 0.22;
    std::array<QList<QRectF>, strengths.size()> rects;
    QList<QRectF> blurred;
    QList<QRectF> bad;
    const double width = 1 / ratio_;
    for (std::size_t i = 0; i < columns.size(); ++i) {
        const overview::Summary& summary = columns[i].summary;
        if (summary.count == 0) {
            continue;
        }
        const QRectF rect(x_of(i), place.top(), width, place.height());
        if (columns[i].blurred) {
            blurred.push_back(rect);
            continue;
        }
        const bool alone = i + 1 == columns.size() || columns[i + 1].summary.count == 0;
        const std::size_t strength =
            alone ? strengths.size() - 1
                  : std::min(static_cast<std::size_t>(std::log2(summary.count)) / 2, strengths.size() - 1);
        (summary.bad != 0 ? bad : rects[strength])
            .push_back(alone ? rect.adjusted(0, 0, std::max(0.0, 2 - width), 0) : rect);
    }
    painter_.setPen(Qt::NoPen);
    painter_.setBrush(with_alpha(colour, blurred_strength));
    painter_.drawRects(blurred);
    for (std::size_t i = 0; i < strengths.size(); ++i) {
        painter_.setBrush(with_alpha(colour, strengths[i]));
        painter_.drawRects(rects[i]);
    }
    painter_.setBrush(ink(palette_, Ink::bad));
    painter_.drawRects(bad);
    for (const QRectF& rect : bad) {  // a foot, so that they are seen without colours
        painter_.drawRect(QRectF(rect.center().x() - 2.5, rect.bottom() - 3, 5, 3));
    }
}

void TimelinePainter::paint_labels(std::span<const Column> columns, const QRectF& place) {
    std::vector<std::size_t> there;
    for (std::size_t i = 0; i < columns.size(); ++i) {
        if (columns[i].summary.count != 0) {
            there.push_back(i);
        }
    }
    if (there.size() > most_labels) {
        return;
    }
    painter_.save();
    painter_.setFont(small_);
    const QFontMetricsF metrics(small_);
    for (std::size_t i = 0; i < there.size(); ++i) {
        const Column& column = columns[there[i]];
        if (column.label.empty()) {
            continue;
        }
        const double begin = x_of(there[i]) + 4;
        const double end = i + 1 < there.size() ? x_of(there[i + 1]) - 2 : right_;
        const QString name = QString::fromUtf8(column.label.data(), static_cast<qsizetype>(column.label.size()));
        const QString text = column.answers ? QStringLiteral("↳ ") + name : name;
        const double least = metrics.averageCharWidth() * 7;
        if (end - begin < std::min(least, metrics.horizontalAdvance(text))) {
            continue;
        }
        painter_.setPen(column.summary.bad != 0 ? ink(palette_, Ink::bad) : palette_.color(QPalette::Text));
        painter_.drawText(QRectF(begin, place.top(), end - begin, place.height()), Qt::AlignVCenter | Qt::AlignLeft,
                          metrics.elidedText(text, Qt::ElideRight, end - begin));
    }
    painter_.restore();
}

// Neighbours differ in strength; the number stands in them where there is room. None is 0: the session is closed.
void TimelinePainter::paint_epochs(const Lane& lane, const QRectF& place) {
    painter_.save();
    painter_.setFont(small_);
    const QFontMetricsF metrics(small_);
    std::optional<std::uint64_t> value = lane.before;
    double since = left_;
    const auto end_at = [&](double x) {
        if (value.value_or(0) != 0 && x > since) {
            const QRectF bar(since, place.top() + 2, x - since, place.height() - 4);
            painter_.fillRect(bar, with_alpha(ink(palette_, Ink::fourth), *value % 2 == 0 ? 0.28 : 0.5));
            painter_.fillRect(QRectF(since, place.top(), 1, place.height()), ink(palette_, Ink::fourth));
            const QString text = QString::number(*value);
            if (bar.width() > metrics.horizontalAdvance(text) + 6) {
                painter_.setPen(palette_.color(QPalette::Text));
                painter_.drawText(bar.adjusted(4, 0, 0, 0), Qt::AlignVCenter | Qt::AlignLeft, text);
            }
        }
        since = x;
    };
    for (std::size_t i = 0; i < lane.columns.size(); ++i) {
        if (lane.columns[i].summary.count != 0) {
            end_at(x_of(i));
            value = lane.columns[i].summary.last;
        }
    }
    // The last one of a session that is not closed holds to the trace's end.
    end_at(std::min(right_, left_ + std::max(0.0, window_.place_of(window_.trace_end()))));
    painter_.restore();
}

QString TimelinePainter::paint_depth(const Lane& lane, const QRectF& place) {
    const std::uint64_t most = std::max(bounds_of(lane.columns).largest, lane.before.value_or(0));
    const double scale = place.height() / static_cast<double>(std::max<std::uint64_t>(most, 1));
    const double end = window_.place_of(window_.trace_end()) * ratio_;
    QList<QRectF> areas;
    QList<QRectF> lines;
    std::uint64_t value = lane.before.value_or(0);
    for (std::size_t i = 0; i < lane.columns.size() && static_cast<double>(i) <= end; ++i) {
        const overview::Summary& summary = lane.columns[i].summary;
        const std::uint64_t largest = summary.count == 0 ? value : std::max(summary.largest, value);
        const std::uint64_t least = summary.count == 0 ? value : std::min(summary.least, value);
        value = summary.count == 0 ? value : summary.last;
        if (largest == 0) {
            continue;
        }
        const double top = place.bottom() - static_cast<double>(largest) * scale;
        const double bottom = place.bottom() - static_cast<double>(least) * scale;
        areas.push_back(QRectF(x_of(i), bottom, 1 / ratio_, place.bottom() - bottom));
        lines.push_back(QRectF(x_of(i), top, 1 / ratio_, std::max(bottom - top, 1.2)));
    }
    painter_.setPen(Qt::NoPen);
    painter_.setBrush(with_alpha(ink(palette_, Ink::first), 0.35));
    painter_.drawRects(areas);
    painter_.setBrush(ink(palette_, Ink::first));
    painter_.drawRects(lines);
    return QStringLiteral("0 … %1").arg(text_of(render::grouped(most)));
}

QString TimelinePainter::paint_latency(const Lane& lane, const QRectF& place) {
    const Bounds bounds = bounds_of(lane.columns);
    if (bounds.least > bounds.largest) {
        return {};
    }
    const auto logarithm = [](double value) { return std::log10(std::max(value, 1.0)); };
    const double low = logarithm(static_cast<double>(bounds.least)) - 0.05;
    const double high = std::max(logarithm(static_cast<double>(bounds.largest)) + 0.05, low + 0.3);
    const auto y_of = [&](double value) {
        return place.bottom() - (logarithm(value) - low) / (high - low) * place.height();
    };
    QList<QRectF> bands;
    QList<QRectF> means;
    const double width = std::max(1 / ratio_, 1.0);
    for (std::size_t i = 0; i < lane.columns.size(); ++i) {
        const overview::Summary& summary = lane.columns[i].summary;
        if (summary.count == 0) {
            continue;
        }
        const double top = y_of(static_cast<double>(summary.largest));
        const double bottom = y_of(static_cast<double>(summary.least));
        const double mean = y_of(summary.sum / static_cast<double>(summary.count));
        if (summary.count > 1) {
            bands.push_back(QRectF(x_of(i), top, 1 / ratio_, std::max(bottom - top, 1.0)));
        }
        const bool alone = summary.count == 1;
        means.push_back(QRectF(x_of(i) - (alone ? 1 : 0), mean - (alone ? 1.5 : 1), alone ? 3 : width, alone ? 3 : 2));
    }
    painter_.setPen(Qt::NoPen);
    painter_.setBrush(with_alpha(ink(palette_, Ink::third), 0.4));
    painter_.drawRects(bands);
    painter_.setBrush(ink(palette_, Ink::third));
    painter_.drawRects(means);
    return QStringLiteral("%1 … %2").arg(time_text(bounds.least), time_text(bounds.largest));
}

void TimelinePainter::paint_findings(const QRect& place, const std::vector<const FindingMark*>& findings) {
    const double y = place.center().y();
    painter_.save();
    painter_.setClipRect(QRectF(left_, place.top(), right_ - left_, place.height()));
    painter_.setFont(small_);
    for (std::size_t i = 0; i < findings.size();) {
        const double x = left_ + window_.place_of(findings[i]->time);
        check::Severity worst = findings[i]->severity;
        std::size_t end = i + 1;
        while (end < findings.size() && left_ + window_.place_of(findings[end]->time) < x + badge_size) {
            worst = std::max(worst, findings[end++]->severity);
        }
        paint_badge(painter_, palette_, {x, y}, badge_size - 1, worst);
        if (end - i > 1) {
            painter_.setPen(palette_.color(QPalette::Text));
            painter_.drawText(QPointF(x + badge_size / 2.0 + 1, y + 4), QString::number(end - i));
        }
        i = end;
    }
    painter_.restore();
}

void TimelinePainter::paint_scale(const QRect& place) {
    painter_.fillRect(place, palette_.color(QPalette::Window));
    painter_.save();
    painter_.setFont(small_);
    const QFontMetricsF metrics(small_);
    const double widest = metrics.horizontalAdvance(window_.text_of(window_.end())) + 24;
    for (const TimeWindow::Tick& tick : window_.ticks(std::max(widest, 80.0))) {
        const double x = left_ + tick.x;
        painter_.setPen(line_colour(palette_, QPalette::Window, 0.45));
        painter_.drawLine(QPointF(x, place.bottom() - (tick.label.isEmpty() ? 3 : 7)), QPointF(x, place.bottom()));
        if (!tick.label.isEmpty() && x + 3 + metrics.horizontalAdvance(tick.label) <= right_) {
            painter_.setPen(palette_.color(QPalette::Text));
            painter_.drawText(QPointF(x + 3, place.bottom() - 6), tick.label);
        }
    }
    painter_.fillRect(QRectF(place.left(), place.bottom(), place.width(), 1),
                      line_colour(palette_, QPalette::Window, 0.25));
    painter_.fillRect(QRect(place.left(), place.top(), static_cast<int>(left_) - place.left(), place.height() - 1),
                      palette_.color(QPalette::Window));
    painter_.setPen(palette_.color(QPalette::PlaceholderText));
    painter_.drawText(QRectF(place.left() + title_margin, place.top(), left_ - title_margin - 4, place.height()),
                      Qt::AlignVCenter | Qt::AlignLeft,
                      QStringLiteral("↔ %1").arg(time_text(static_cast<std::uint64_t>(window_.span()))));
    painter_.restore();
}

void TimelinePainter::paint_range(const TimelineView::Range& range, const QRect& all, int scale_height) {
    const double from = std::clamp(left_ + window_.place_of(range.first), left_ - 2, right_ + 2);
    const double to = std::clamp(left_ + window_.place_of(range.second), left_ - 2, right_ + 2);
    painter_.setClipRect(QRectF(left_, all.top(), right_ - left_, all.height()));
    painter_.fillRect(QRectF(from, all.top(), to - from, all.height()),
                      with_alpha(palette_.color(QPalette::Highlight), 0.18));
    painter_.setPen(palette_.color(QPalette::Highlight));
    for (const double x : {from, to}) {
        painter_.drawLine(QPointF(x, all.top()), QPointF(x, all.bottom()));
    }
    const QString text = time_text(static_cast<std::uint64_t>(range.second - range.first));
    const QRectF label((from + to) / 2 - 100, all.top() + scale_height, 200, painter_.fontMetrics().height());
    painter_.setPen(palette_.color(QPalette::Text));
    painter_.drawText(label, Qt::AlignCenter, text);
    painter_.setClipping(false);
}

void TimelinePainter::paint_current(double time, const QRect& all) {
    const double x = left_ + window_.place_of(time);
    if (x >= left_ && x <= right_) {
        painter_.fillRect(QRectF(x - 0.75, all.top(), 1.5, all.height()),
                          mixed(palette_.color(QPalette::Highlight), palette_.color(QPalette::Base), 0.8));
    }
}

void TimelinePainter::paint_current_sign(double time, int scale_height) {
    const double x = left_ + window_.place_of(time);
    if (x < left_ || x > right_) {
        return;
    }
    painter_.save();
    painter_.setRenderHint(QPainter::Antialiasing);
    painter_.setPen(Qt::NoPen);
    painter_.setBrush(palette_.color(QPalette::Highlight));
    const double y = scale_height - 1;
    painter_.drawPolygon(QPolygonF({QPointF(x - 5, y - 7), QPointF(x + 5, y - 7), QPointF(x, y)}));
    painter_.restore();
}

}  // namespace vutrace::gui
