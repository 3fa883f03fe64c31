// Where the files are that come with the program: sample traces, translations.
#pragma once

#include <QString>

namespace vutrace::gui {

// The folder of that name in `share/vutrace`, of what is installed or of the build tree: both are found from where the
// running program is, so that neither needs to know where it will be put. Empty where there is none.
[[nodiscard]] QString data_folder(const QString& name);

}  // namespace vutrace::gui
