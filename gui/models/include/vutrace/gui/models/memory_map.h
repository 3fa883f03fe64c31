// Where regions and what lies in them are drawn: a bar for each region, as long as the window is wide. No window:
// tested as it is.
#pragma once

#include <vutrace/render/state_view.h>

#include <QRectF>
#include <QString>
#include <optional>
#include <vector>

namespace vutrace::gui {

// Keys number regions and marks in the order of `region_rows`.
class MemoryMap {
  public:
    struct Bar {
        int key{0};
        QString title;
        QRectF title_place, place;
    };
    struct Mark {
        int key{0};
        const render::MemoryMark* what{nullptr};  // of the state
        QRectF place;
    };
    static constexpr double narrowest = 3.0;  // of a mark, so that it is seen and can be hit

    MemoryMap() = default;
    // `line` is the height of a line of text. The state must outlive it.
    MemoryMap(const render::StateView& view, double width, double line);

    [[nodiscard]] const std::vector<Bar>& bars() const noexcept { return bars_; }
    [[nodiscard]] const std::vector<Mark>& marks() const noexcept { return marks_; }  // small ones last
    [[nodiscard]] double height() const noexcept { return height_; }
    // The mark that is seen there; null where none is.
    [[nodiscard]] const Mark* mark_at(QPointF point) const noexcept;
    [[nodiscard]] const Bar* bar_at(QPointF point) const noexcept;

  private:
    std::vector<Bar> bars_;
    std::vector<Mark> marks_;
    double height_{0};
};

}  // namespace vutrace::gui
