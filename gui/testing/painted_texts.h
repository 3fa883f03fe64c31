// The words that a widget paints, which nothing else tells.
#pragma once

#include <QStringList>

class QWidget;

namespace vutrace::gui::testing {

// In the order in which they are painted. What is cut short ends in "…".
[[nodiscard]] QStringList painted_texts(QWidget& widget);

}  // namespace vutrace::gui::testing
