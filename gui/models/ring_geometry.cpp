#include "vutrace/gui/models/ring_geometry.h"

#include <QRectF>
#include <algorithm>
#include <cmath>
#include <numbers>

namespace vutrace::gui {
namespace {

constexpr double hollow = 0.62;  // of the outer radius
constexpr double whole_turn = 360.0;
constexpr double quarter_turn = 90.0;

}  // namespace

RingGeometry::RingGeometry(QPointF centre, double outer, std::uint32_t size)
    : centre_(centre), outer_(std::max(outer, 1.0)), inner_(outer_ * hollow), size_(size) {
    const double room = 2 * std::numbers::pi * outer_ / thinnest;
    segments_ = std::min(size_, std::max(1U, static_cast<std::uint32_t>(room)));
}

std::uint32_t RingGeometry::first_slot(std::uint32_t segment) const noexcept {
    if (segments_ == 0) {
        return 0;
    }
    return static_cast<std::uint32_t>(std::uint64_t{std::min(segment, segments_)} * size_ / segments_);
}

std::uint32_t RingGeometry::segment_of(std::uint32_t slot) const noexcept {
    if (segments_ == 0) {
        return 0;
    }
    const std::uint64_t bounded = std::min(slot, size_ - 1);
    auto segment = static_cast<std::uint32_t>(bounded * segments_ / size_);
    while (segment + 1 < segments_ && first_slot(segment + 1) <= bounded) {
        ++segment;
    }
    return segment;
}

std::optional<std::uint32_t> RingGeometry::segment_at(QPointF point) const noexcept {
    const double x = point.x() - centre_.x();
    const double y = point.y() - centre_.y();
    const double distance = std::hypot(x, y);
    if (segments_ == 0 || distance < inner_ || distance > outer_) {
        return std::nullopt;
    }
    double turn = std::atan2(x, -y) / (2 * std::numbers::pi);  // from the top, clockwise
    turn = turn < 0 ? turn + 1 : turn;
    return std::min(static_cast<std::uint32_t>(turn * segments_), segments_ - 1);
}

double RingGeometry::angle_before(std::uint32_t segment) const noexcept {
    return segments_ == 0 ? 0 : whole_turn * segment / segments_;
}

QPainterPath RingGeometry::band_of(std::uint32_t segment, double inner, double outer) const {
    const QRectF outside(centre_.x() - outer, centre_.y() - outer, 2 * outer, 2 * outer);
    const QRectF inside(centre_.x() - inner, centre_.y() - inner, 2 * inner, 2 * inner);
    QPainterPath path;
    if (segments_ <= 1) {
        path.addEllipse(outside);
        path.addEllipse(inside);  // odd-even fill leaves it out
        return path;
    }
    // Qt counts counter-clockwise from three o'clock.
    const double begin = quarter_turn - angle_before(segment);
    const double end = quarter_turn - angle_before(segment + 1);
    path.arcMoveTo(outside, begin);
    path.arcTo(outside, begin, end - begin);
    path.arcTo(inside, end, begin - end);
    path.closeSubpath();
    return path;
}

QPointF RingGeometry::point_at(std::uint32_t slot, double radius) const noexcept {
    const std::uint32_t segment = segment_of(slot);
    const double degrees = (angle_before(segment) + angle_before(segment + 1)) / 2;
    const double angle = degrees * std::numbers::pi / (whole_turn / 2);
    return {centre_.x() + radius * std::sin(angle), centre_.y() - radius * std::cos(angle)};
}

}  // namespace vutrace::gui
