// Distributions of several queues or kinds of request over each other, on one logarithmic axis.
#pragma once

#include <vutrace/gui/models/distribution.h>
#include <vutrace/statistics/histogram.h>

#include <QImage>
#include <QString>
#include <QWidget>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace vutrace::gui {

class DistributionPlot final : public QWidget {
    Q_OBJECT

  public:
    struct Series {
        QString title;
        statistics::Histogram values;
    };
    enum class Unit : std::uint8_t { nanoseconds, count };
    // What has a colour and a dash of its own; more are not drawn.
    static constexpr std::size_t most_series = 5;

    explicit DistributionPlot(QWidget* parent = nullptr);

    void set_series(std::vector<Series> series, Unit unit, const QString& what);
    void set_distribution(Distribution distribution);
    // Shares over a logarithmic scale, too: what is rare is seen.
    void set_logarithmic(bool logarithmic);
    [[nodiscard]] const std::vector<Series>& series() const noexcept { return series_; }
    // What was marked with the mouse, as values.
    [[nodiscard]] const std::optional<std::pair<double, double>>& marked() const noexcept { return marked_; }

    [[nodiscard]] QImage picture(double scale);
    [[nodiscard]] QSize sizeHint() const override { return {520, 220}; }

  Q_SIGNALS:
    void marked_changed();

  protected:
    void paintEvent(QPaintEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    bool event(QEvent* event) override;

  private:
    void paint(QPainter& painter);
    [[nodiscard]] QRectF area() const;
    [[nodiscard]] LogAxis axis() const;
    [[nodiscard]] double height_of(double share, double most) const;
    [[nodiscard]] QString value_text(double value) const;
    void paint_scales(QPainter& painter, const LogAxis& axis, double most) const;
    void paint_series(QPainter& painter, const LogAxis& axis, std::size_t number, double most) const;
    struct Legend {
        int columns{1};
        double column_width{0};
        double height{0};
    };
    [[nodiscard]] Legend legend() const;
    [[nodiscard]] QStringList legend_lines() const;
    void paint_legend(QPainter& painter) const;
    [[nodiscard]] QString tip_at(QPointF place) const;

    std::vector<Series> series_;
    Unit unit_{Unit::nanoseconds};
    QString what_;
    Distribution distribution_{Distribution::share};
    bool logarithmic_{false};
    std::optional<std::pair<double, double>> marked_;
    double drag_from_{0};
};

}  // namespace vutrace::gui
