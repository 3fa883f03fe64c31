// The rings of a queue as circles, with who owns what and where each side stands.
#pragma once

#include <vutrace/gui/models/ring_geometry.h>
#include <vutrace/gui/models/ring_picture.h>

#include <QRectF>
#include <QWidget>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace vutrace::gui {

class RingDiagram final : public QWidget {
    Q_OBJECT

  public:
    explicit RingDiagram(QWidget* parent = nullptr);

    void set_ring(std::shared_ptr<const render::RingView> ring);  // null: none
    // Outlines the chain that begins with this head; empty: none.
    void mark_chain(std::optional<std::uint16_t> head);
    // Outlines a slot of the descriptors; empty: none.
    void choose(std::optional<std::uint32_t> slot);
    [[nodiscard]] std::optional<std::uint32_t> chosen_slot() const noexcept { return chosen_; }
    // As they are drawn, in the order of the picture's rings; for tests.
    [[nodiscard]] const std::vector<RingGeometry>& geometries() const noexcept { return geometries_; }
    [[nodiscard]] const RingPicture& picture() const noexcept { return picture_; }
    [[nodiscard]] QSize sizeHint() const override;
    [[nodiscard]] QSize minimumSizeHint() const override;

  Q_SIGNALS:
    void slot_chosen(int slot);  // of the descriptors, by mouse or keyboard

  protected:
    bool event(QEvent* event) override;
    void paintEvent(QPaintEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;

  private:
    // The ring and the slot that a point is on.
    struct Hit {
        std::size_t ring;
        std::uint32_t slot;
    };
    void lay_out();
    [[nodiscard]] std::vector<QRectF> cells() const;  // one for each ring
    [[nodiscard]] int title_height() const;
    [[nodiscard]] std::optional<Hit> hit_at(QPointF point) const;
    void paint_ring(QPainter& painter, std::size_t number) const;
    void paint_outlines(QPainter& painter, std::size_t number) const;
    void paint_pointers(QPainter& painter, std::size_t number) const;
    void paint_legend(QPainter& painter) const;
    void tell(std::uint32_t slot);

    std::shared_ptr<const render::RingView> ring_;
    RingPicture picture_;
    std::vector<QRectF> cells_;
    std::vector<RingGeometry> geometries_;
    std::optional<std::uint16_t> marked_;
    std::optional<std::uint32_t> chosen_;
};

}  // namespace vutrace::gui
