// A plot into a file that a person chooses.
#pragma once

#include <QImage>
#include <QString>

class QWidget;

namespace vutrace::gui {

// What to tell: where it is now, or why it is not. Empty where nothing was chosen.
[[nodiscard]] QString save_picture(QWidget& parent, const QImage& picture);

}  // namespace vutrace::gui
