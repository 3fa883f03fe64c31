#include "command_view.h"

#include <QTextDocument>

namespace vutrace::gui {

CommandView::CommandView(QWidget* parent) : QPlainTextEdit(parent) {
    setReadOnly(true);
    setTabChangesFocus(true);
    setWordWrapMode(QTextOption::WrapAtWordBoundaryOrAnywhere);
    setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    setAccessibleName(tr("Command line"));
}

QSize CommandView::sizeHint() const {
    constexpr int lines = 3;
    const int around = 2 * (frameWidth() + static_cast<int>(document()->documentMargin()));
    return {200, lines * fontMetrics().lineSpacing() + around};
}

}  // namespace vutrace::gui
