// Paints the tracks of a time line.
#pragma once

#include "vutrace/gui/views/timeline_view.h"

#include <vutrace/gui/models/time_window.h>
#include <vutrace/gui/models/timeline_tracks.h>
#include <vutrace/overview/columns.h>

#include <QFont>
#include <QPainter>
#include <QPalette>
#include <QRect>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace vutrace::gui {

class TimelinePainter {
  public:
    // Time runs from `left` to `right`; `ratio` columns to a pixel.
    TimelinePainter(QPainter& painter, const QPalette& palette, const TimeWindow& window, int left, int right,
                    double ratio);

    // Of a track, lane by lane: what `overview::Columns` gave.
    struct Lane {
        std::span<const overview::Column> columns;
        std::optional<std::uint64_t> before;
    };
    void paint_track(const Track& track, const QRect& place, const std::vector<Lane>& lanes, bool chosen);
    void paint_findings(const QRect& place, const std::vector<const FindingMark*>& findings);
    void paint_scale(const QRect& place);
    void paint_range(const TimelineView::Range& range, const QRect& all, int scale_height);
    void paint_current(double time, const QRect& all);  // the record's line
    void paint_current_sign(double time, int scale_height);

    // Findings closer to each other are painted, and hit, as one.
    static constexpr int badge_size = 13;

  private:
    void paint_title(const Track& track, const QRect& place, const QString& below, bool chosen);
    void paint_heading(const Track& track, const QRect& place, bool chosen);
    void paint_marks(std::span<const overview::Column> columns, const QRectF& place, const QColor& colour);
    void paint_labels(std::span<const overview::Column> columns, const QRectF& place);
    void paint_epochs(const Lane& lane, const QRectF& place);
    QString paint_depth(const Lane& lane, const QRectF& place);
    QString paint_latency(const Lane& lane, const QRectF& place);
    [[nodiscard]] double x_of(std::size_t column) const noexcept {
        return left_ + static_cast<double>(column) / ratio_;
    }

    QPainter& painter_;
    const QPalette& palette_;
    const TimeWindow& window_;
    double left_;
    double right_;
    double ratio_;
    QFont small_;
};

}  // namespace vutrace::gui
