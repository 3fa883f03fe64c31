#include "view_action.h"

#include <QAction>
#include <QDockWidget>
#include <QMenu>

namespace vutrace::gui {

QAction& add_view(QMenu& menu, QDockWidget& dock, const QKeySequence& keys) {
    QAction* action = menu.addAction(dock.windowTitle());
    action->setShortcut(keys);
    action->setCheckable(true);
    action->setChecked(!dock.isHidden());
    QObject::connect(dock.toggleViewAction(), &QAction::toggled, action, &QAction::setChecked);
    QObject::connect(&dock, &QWidget::windowTitleChanged, action, &QAction::setText);
    QObject::connect(action, &QAction::triggered, &dock, [action, &dock] {
        const bool seen = dock.isVisible() && !dock.visibleRegion().isEmpty();  // a tab behind another has no region
        dock.setVisible(!seen);
        if (!seen) {
            dock.raise();
        }
        action->setChecked(!seen);
    });
    return *action;
}

}  // namespace vutrace::gui
