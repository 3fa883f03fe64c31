// The guest's memory regions as bars, with rings and buffers inside them.
#pragma once

#include <vutrace/gui/models/memory_map.h>

#include <QWidget>
#include <memory>

namespace vutrace::gui {

class MemoryMapView final : public QWidget {
    Q_OBJECT

  public:
    explicit MemoryMapView(QWidget* parent = nullptr);

    void set_state(std::shared_ptr<const render::StateView> view);  // null: nothing
    // Marks what has that key; -1: nothing.
    void choose(int key);
    [[nodiscard]] const MemoryMap& map() const noexcept { return map_; }
    [[nodiscard]] QSize sizeHint() const override;

  Q_SIGNALS:
    void chosen(int key);  // by mouse

  protected:
    bool event(QEvent* event) override;
    void paintEvent(QPaintEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;

  private:
    void lay_out();
    [[nodiscard]] int legend_height() const;
    void paint_legend(QPainter& painter) const;

    std::shared_ptr<const render::StateView> view_;
    MemoryMap map_;
    int chosen_{-1};
};

}  // namespace vutrace::gui
