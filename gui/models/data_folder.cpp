#include "vutrace/gui/models/data_folder.h"

#include <QCoreApplication>
#include <QFileInfo>

namespace vutrace::gui {

QString data_folder(const QString& name) {
    // The first is right wherever the build was told to install to, the second in every build tree.
    for (const char* data : {VUTRACE_DATA_FROM_PROGRAM, "../share/vutrace"}) {
        const QFileInfo folder(QCoreApplication::applicationDirPath() + QLatin1Char('/') + QLatin1String(data) +
                               QLatin1Char('/') + name);
        if (folder.isDir()) {
            return folder.canonicalFilePath();
        }
    }
    return {};
}

}  // namespace vutrace::gui
