#include "vutrace/gui/views/capture_and_replay.h"

#include "vutrace/gui/views/capture_dialog.h"
#include "vutrace/gui/views/replay_pane.h"

#include <QAction>
#include <QDockWidget>
#include <QLineEdit>
#include <QMainWindow>
#include <QMenu>

namespace vutrace::gui {

CaptureAndReplay::CaptureAndReplay(QMainWindow& window)
    : QObject(&window),
      window_(window),
      replay_(new ReplayPane(&window)),
      replay_dock_(new QDockWidget(tr("Replay"), &window)) {
    replay_dock_->setObjectName(QStringLiteral("replay"));
    replay_dock_->setWidget(replay_);
    window.addDockWidget(Qt::BottomDockWidgetArea, replay_dock_);
    replay_dock_->hide();
    connect(replay_, &ReplayPane::record_wanted, this, &CaptureAndReplay::record_wanted);
    connect(replay_, &ReplayPane::trace_wanted, this,
            [this](const QString& path) { Q_EMIT trace_wanted(path, false); });
}

void CaptureAndReplay::set_trace(const QString& path) {
    replay_->set_trace(path);
}

void CaptureAndReplay::add_actions(QMenu& menu) {
    QAction* capture = menu.addAction(tr("&Capture a session …"));
    capture->setShortcut(QKeySequence(tr("Ctrl+Shift+N")));
    connect(capture, &QAction::triggered, this, &CaptureAndReplay::show_capture);
    QAction* replay = menu.addAction(tr("Re&play against a back-end …"));
    replay->setShortcut(QKeySequence(tr("Ctrl+R")));
    connect(replay, &QAction::triggered, this, &CaptureAndReplay::show_replay);
}

void CaptureAndReplay::show_replay() {
    replay_dock_->show();
    replay_dock_->raise();
    take_room();
    replay_->back_end().setFocus(Qt::ShortcutFocusReason);
}

void CaptureAndReplay::take_room() {
    if (replay_dock_->isVisible()) {
        window_.resizeDocks({replay_dock_}, {window_.centralWidget()->width() * 2 / 3}, Qt::Horizontal);
    }
}

void CaptureAndReplay::show_capture() {
    if (capture_ == nullptr) {
        capture_ = new CaptureDialog(&window_);
        connect(capture_, &CaptureDialog::trace_wanted, this,
                [this](const QString& path) { Q_EMIT trace_wanted(path, true); });
    }
    capture_->show();
    capture_->raise();
    capture_->activateWindow();
}

}  // namespace vutrace::gui
