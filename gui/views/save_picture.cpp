#include "save_picture.h"

#include <QCoreApplication>
#include <QFileDialog>
#include <QWidget>

namespace vutrace::gui {

QString save_picture(QWidget& parent, const QImage& picture) {
    const auto tr = [](const char* text) { return QCoreApplication::translate("save_picture", text); };
    QString path = QFileDialog::getSaveFileName(&parent, tr("Save as picture"), {}, tr("Pictures (*.png)"));
    if (path.isEmpty()) {
        return {};
    }
    if (!path.endsWith(QLatin1String(".png"), Qt::CaseInsensitive)) {
        path += QLatin1String(".png");
    }
    return picture.save(path, "PNG") ? tr("Saved as %1").arg(path)
                                     : tr("%1 could not be written: choose another folder").arg(path);
}

}  // namespace vutrace::gui
