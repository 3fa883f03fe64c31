// The command line's vutrace, which captures and replays for the window.
#pragma once

#include <QString>
#include <QStringList>

namespace vutrace::gui {

// Beside the window's own program, or else in PATH; empty where it is in neither.
[[nodiscard]] QString find_vutrace();

// As a shell takes it: what needs quotes has them.
[[nodiscard]] QString command_line(const QString& program, const QStringList& arguments);

}  // namespace vutrace::gui
