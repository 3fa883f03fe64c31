#include "save_picture.h"

#include <QCoreApplication>
#include <QFileDialog>
#include <QFileInfo>
#include <QMessageBox>
#include <QWidget>

namespace vutrace::gui {
namespace {

struct Words {
    Q_DECLARE_TR_FUNCTIONS(SavePicture)
};

}  // namespace

QString save_picture(QWidget& parent, const QImage& picture) {
    QString path =
        QFileDialog::getSaveFileName(&parent, Words::tr("Save as picture"), {}, Words::tr("Pictures (*.png)"));
    if (path.isEmpty()) {
        return {};
    }
    if (!path.endsWith(QLatin1String(".png"), Qt::CaseInsensitive)) {
        path += QLatin1String(".png");
        // The dialog asked about another name.
        if (QFileInfo::exists(path) &&
            QMessageBox::question(&parent, Words::tr("Save as picture"),
                                  Words::tr("%1 exists: replace it?").arg(path)) != QMessageBox::Yes) {
            return {};
        }
    }
    return picture.save(path, "PNG") ? Words::tr("Saved as %1").arg(path)
                                     : Words::tr("%1 could not be written: choose another folder").arg(path);
}

}  // namespace vutrace::gui
