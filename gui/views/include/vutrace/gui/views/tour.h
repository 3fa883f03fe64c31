// A way through the window in two minutes, on a sample with a bug.
#pragma once

#include "vutrace/gui/views/tour_steps.h"

#include <QByteArray>
#include <QList>
#include <QObject>
#include <QPointer>
#include <QTimer>
#include <QWidget>

namespace vutrace::gui {

class MainWindow;
class TourCallout;
class TourFrame;

// Lives as long as the window. Nothing is locked while it runs: who goes elsewhere finds the step again with Back or
// Next.
class Tour final : public QObject {
    Q_OBJECT

  public:
    explicit Tour(MainWindow& window);

    // The window shows the tour's sample, or begins to.
    void begin();
    void next();
    void back();
    // Docks and filter are as they were before; the record that was come to stays.
    void end();

    [[nodiscard]] bool runs() const noexcept { return step_ >= 0; }
    [[nodiscard]] int step() const noexcept { return step_; }  // of tour_steps(), -1: it does not run
    // What a step is about has been shown: it may have to wait for the sample to be read.
    [[nodiscard]] bool is_ready() const;
    [[nodiscard]] static QWidget& widget_at(MainWindow& window, TourPlace place);
    [[nodiscard]] TourCallout& callout() const noexcept { return *callout_; }
    [[nodiscard]] TourFrame& frame() const noexcept { return *frame_; }

  protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

  private:
    void begin_if_ready();
    void show_step(int step);
    void arrive(const TourStep& step);
    void leave(const TourStep& step);
    void watch(QWidget* target);
    void put_in_place();

    MainWindow& window_;
    TourCallout* callout_;
    TourFrame* frame_;
    int step_{-1};
    QByteArray docks_;                  // as they were before it began; empty until then
    QList<QPointer<QWidget>> watched_;  // the widget that a step points at, and what it moves with
    QTimer moved_;
};

}  // namespace vutrace::gui
