#include "vutrace/gui/processes/vutrace_program.h"

#include <QCoreApplication>
#include <QRegularExpression>
#include <QStandardPaths>

namespace vutrace::gui {
namespace {

QString quoted(const QString& word) {
    static const QRegularExpression plain(QStringLiteral("^[A-Za-z0-9_@%+=:,./-]+$"));
    if (plain.match(word).hasMatch()) {
        return word;
    }
    QString inside = word;
    return QLatin1Char('\'') + inside.replace(QLatin1Char('\''), QLatin1String("'\\''")) + QLatin1Char('\'');
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
