// What the window does with peers: a dock that replays its trace, a dialog that captures another one.
#pragma once

#include <QObject>
#include <QString>

class QDockWidget;
class QMainWindow;
class QMenu;

namespace vutrace::gui {

class CaptureDialog;
class ReplayPane;

class CaptureAndReplay final : public QObject {
    Q_OBJECT

  public:
    // The dock is at the window's bottom, and hidden until it is asked for. The window owns all.
    explicit CaptureAndReplay(QMainWindow& window);

    // What is replayed; empty: nothing.
    void set_trace(const QString& path);
    void add_actions(QMenu& menu);
    void show_replay();
    void take_room();  // beside other docks: a form and a list need more than half of it
    void show_capture();

    [[nodiscard]] ReplayPane& replay() const noexcept { return *replay_; }
    [[nodiscard]] QDockWidget& replay_dock() const noexcept { return *replay_dock_; }
    [[nodiscard]] CaptureDialog* capture() const noexcept { return capture_; }  // null until it is asked for

  Q_SIGNALS:
    void record_wanted(quint64 sequence);
    // `grows`: somebody writes it.
    void trace_wanted(const QString& path, bool grows);

  private:
    QMainWindow& window_;
    ReplayPane* replay_;
    QDockWidget* replay_dock_;
    CaptureDialog* capture_{nullptr};
};

}  // namespace vutrace::gui
