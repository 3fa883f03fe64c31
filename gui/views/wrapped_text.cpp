#include "wrapped_text.h"

#include <QTextDocument>

namespace vutrace::gui {

WrappedText::WrappedText(int lines, const QString& accessible_name, QWidget* parent)
    : QPlainTextEdit(parent), lines_(lines) {
    setReadOnly(true);
    setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    setTabChangesFocus(true);
    setWordWrapMode(QTextOption::WrapAtWordBoundaryOrAnywhere);
    setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    setAccessibleName(accessible_name);
}

QSize WrappedText::sizeHint() const {
    constexpr int rounded_off = 4;  // lines are not whole pixels high
    const int around = 2 * (frameWidth() + static_cast<int>(document()->documentMargin())) + rounded_off;
    return {200, lines_ * fontMetrics().lineSpacing() + around};
}

}  // namespace vutrace::gui
