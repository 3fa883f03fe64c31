#include "painted_texts.h"

#include <QPaintDevice>
#include <QPaintEngine>
#include <QWidget>

namespace vutrace::gui::testing {
namespace {

// Paints nothing, and takes down what it is told to write.
class Listener final : public QPaintEngine {
  public:
    explicit Listener(QStringList& texts) : QPaintEngine(AllFeatures), texts_(texts) {}
    bool begin(QPaintDevice* /*device*/) override { return true; }
    bool end() override { return true; }
    void updateState(const QPaintEngineState& /*state*/) override {}
    void drawPixmap(const QRectF& /*to*/, const QPixmap& /*pixmap*/, const QRectF& /*from*/) override {}
    void drawPolygon(const QPointF* /*points*/, int /*count*/, PolygonDrawMode /*mode*/) override {}
    void drawPath(const QPainterPath& /*path*/) override {}
    void drawTextItem(const QPointF& /*place*/, const QTextItem& text) override { texts_ += text.text(); }
    [[nodiscard]] Type type() const override { return User; }

  private:
    QStringList& texts_;
};

class Paper final : public QPaintDevice {
  public:
    Paper(const QWidget& widget, QStringList& texts) : widget_(widget), engine_(texts) {}
    [[nodiscard]] QPaintEngine* paintEngine() const override { return &engine_; }

  protected:
    [[nodiscard]] int metric(PaintDeviceMetric metric) const override {
        constexpr int dots_per_inch = 96;
        constexpr int bits = 32;
        switch (metric) {
            case PdmWidth:
                return widget_.width();
            case PdmHeight:
                return widget_.height();
            case PdmDepth:
                return bits;
            case PdmDpiX:
            case PdmDpiY:
            case PdmPhysicalDpiX:
            case PdmPhysicalDpiY:
                return dots_per_inch;
            case PdmDevicePixelRatio:
                return 1;
            default:
                return QPaintDevice::metric(metric);
        }
    }

  private:
    const QWidget& widget_;
    mutable Listener engine_;
};

}  // namespace

QStringList painted_texts(QWidget& widget) {
    QStringList texts;
    Paper paper(widget, texts);
    widget.render(&paper);
    return texts;
}

}  // namespace vutrace::gui::testing
