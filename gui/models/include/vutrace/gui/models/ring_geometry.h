// Where the slots of a ring lie when it is drawn as a circle. No window: tested as it is.
#pragma once

#include <QPainterPath>
#include <QPointF>
#include <cstdint>
#include <optional>

namespace vutrace::gui {

// Slot 0 begins at twelve o'clock, the next ones follow clockwise. Where a slot would be thinner than can be seen,
// several share a segment.
class RingGeometry {
  public:
    static constexpr double thinnest = 2.0;  // of a segment at its outer edge

    RingGeometry() = default;
    RingGeometry(QPointF centre, double outer, std::uint32_t size);

    [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
    [[nodiscard]] std::uint32_t segments() const noexcept { return segments_; }
    // The slots of a segment: [first_slot(n), first_slot(n + 1)), at least one.
    [[nodiscard]] std::uint32_t first_slot(std::uint32_t segment) const noexcept;
    [[nodiscard]] std::uint32_t segment_of(std::uint32_t slot) const noexcept;  // slots beyond the ring: the last
    // Of a point of the ring; empty outside of it.
    [[nodiscard]] std::optional<std::uint32_t> segment_at(QPointF point) const noexcept;

    [[nodiscard]] QPointF centre() const noexcept { return centre_; }
    [[nodiscard]] double inner() const noexcept { return inner_; }
    [[nodiscard]] double outer() const noexcept { return outer_; }
    [[nodiscard]] QPainterPath path_of(std::uint32_t segment) const { return band_of(segment, inner_, outer_); }
    // The same between other distances from the centre: for marks beside a segment.
    [[nodiscard]] QPainterPath band_of(std::uint32_t segment, double inner, double outer) const;
    // On the line that leads through the middle of a slot, `radius` from the centre.
    [[nodiscard]] QPointF point_at(std::uint32_t slot, double radius) const noexcept;

  private:
    [[nodiscard]] double angle_before(std::uint32_t segment) const noexcept;  // degrees, clockwise from the top

    QPointF centre_;
    double outer_{0};
    double inner_{0};
    std::uint32_t size_{0};
    std::uint32_t segments_{0};
};

}  // namespace vutrace::gui
