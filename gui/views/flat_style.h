// How the window's controls look: Fusion, with what is repainted often drawn flat.
#pragma once

#include <QProxyStyle>

class QStyleOptionSlider;

namespace vutrace::gui {

// Scroll bars, progress bars and frames change while a trace is read and while one scrolls. Fusion draws them with
// gradients and translucent lines, which Qt (6.4) paints with a pool of threads that it waits for (see `mixed`): flat
// ones are painted at once.
class FlatStyle final : public QProxyStyle {
    Q_OBJECT

  public:
    FlatStyle();

    void drawComplexControl(ComplexControl control, const QStyleOptionComplex* option, QPainter* painter,
                            const QWidget* widget) const override;
    void drawControl(ControlElement element, const QStyleOption* option, QPainter* painter,
                     const QWidget* widget) const override;
    void drawPrimitive(PrimitiveElement element, const QStyleOption* option, QPainter* painter,
                       const QWidget* widget) const override;
    int pixelMetric(PixelMetric metric, const QStyleOption* option, const QWidget* widget) const override;

  private:
    void draw_scroll_bar(const QStyleOptionSlider& option, QPainter& painter, const QWidget* widget) const;
    void draw_slider(const QStyleOptionSlider& option, QPainter& painter, const QWidget* widget) const;
};

}  // namespace vutrace::gui
