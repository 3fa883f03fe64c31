#include "path_line.h"

#include <QCoreApplication>
#include <QFileDialog>
#include <QFileInfo>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QToolButton>

namespace vutrace::gui {
namespace {

void choose(QLineEdit& line, const QString& title) {
    const QFileInfo now(line.text());
    QFileDialog dialog(&line, title, line.text().isEmpty() ? QString() : now.absolutePath());
    dialog.setFileMode(QFileDialog::AnyFile);
    dialog.setAcceptMode(QFileDialog::AcceptSave);
    dialog.setLabelText(QFileDialog::Accept, QCoreApplication::translate("PathLine", "Choose"));
    dialog.setOption(QFileDialog::DontConfirmOverwrite);
    dialog.setOption(QFileDialog::DontUseNativeDialog);  // others do not show sockets
    dialog.setFilter(QDir::AllEntries | QDir::System | QDir::NoDotAndDotDot);
    if (!line.text().isEmpty()) {
        dialog.selectFile(now.fileName());
    }
    if (dialog.exec() == QDialog::Accepted && !dialog.selectedFiles().isEmpty()) {
        line.setText(dialog.selectedFiles().constFirst());
    }
}

}  // namespace

void add_path_row(QFormLayout& form, const QString& label, QLineEdit& line, const QString& title) {
    auto* both = new QWidget(line.parentWidget());
    auto* row = new QHBoxLayout(both);
    row->setContentsMargins(0, 0, 0, 0);
    auto* button = new QToolButton(both);
    button->setText(QCoreApplication::translate("PathLine", "…"));
    button->setToolTip(title);
    button->setAccessibleName(title);
    row->addWidget(&line, 1);
    row->addWidget(button);
    QObject::connect(button, &QToolButton::clicked, &line, [&line, title] { choose(line, title); });
    if (line.accessibleName().isEmpty()) {  // a buddy names only what stands beside it
        line.setAccessibleName(QString(label).remove(QLatin1Char('&')));
    }
    form.addRow(label, both);
    if (auto* named = qobject_cast<QLabel*>(form.labelForField(both))) {
        named->setBuddy(&line);
    }
}

}  // namespace vutrace::gui
