// A line for the path of a file or a socket, with a button that chooses one.
#pragma once

class QFormLayout;
class QLineEdit;
class QString;

namespace vutrace::gui {

// Adds a row to the form, which owns all of it: the label, whose key leads to the line and which names it, the line and
// the button. What is chosen is not opened, so that it may be there or not; `title` names the dialog and the button.
void add_path_row(QFormLayout& form, const QString& label, QLineEdit& line, const QString& title);

}  // namespace vutrace::gui
