#include "vutrace/gui/processes/vutrace_program.h"

#include <vutrace/system/shell_word.h>

#include <QCoreApplication>
#include <QStandardPaths>

namespace vutrace::gui {
namespace {

QString quoted(const QString& word) {
    return QString::fromStdString(shell_word(word.toStdString()));
}

}  // namespace

QString find_vutrace() {
    const QString name = QStringLiteral("vutrace");
    const QString beside = QStandardPaths::findExecutable(name, {QCoreApplication::applicationDirPath()});
    return beside.isEmpty() ? QStandardPaths::findExecutable(name) : beside;
}

QString command_line(const QString& program, const QStringList& arguments) {
    QString line = quoted(program);
    for (const QString& argument : arguments) {
        line += QLatin1Char(' ') + quoted(argument);
    }
    return line;
}

}  // namespace vutrace::gui
