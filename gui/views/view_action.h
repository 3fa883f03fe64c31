// The menu entry and the key of a dock.
#pragma once

#include <QKeySequence>

class QAction;
class QDockWidget;
class QMenu;

namespace vutrace::gui {

// Shows the dock, brings it to the front where it is a tab behind others, and hides it where it is seen. Checked while
// it is not hidden. Unlike QDockWidget's own action, which hides what is behind a tab, though it was asked for.
QAction& add_view(QMenu& menu, QDockWidget& dock, const QKeySequence& keys);

}  // namespace vutrace::gui
