#include "vutrace/gui/models/translations.h"

#include <QCoreApplication>
#include <QLibraryInfo>
#include <QTranslator>
#include <memory>

namespace vutrace::gui {
namespace {

void load(const QLocale& locale, const QString& name, const QString& folder, QStringList& loaded) {
    auto translator = std::make_unique<QTranslator>(QCoreApplication::instance());
    if (folder.isEmpty() || !translator->load(locale, name, QStringLiteral("_"), folder) ||
        loaded.contains(translator->filePath())) {
        return;
    }
    loaded += translator->filePath();
    QCoreApplication::installTranslator(translator.release());  // the application owns it
}

}  // namespace

QStringList load_translations(const QLocale& locale, const QString& folder) {
    const QString name = QStringLiteral("vutrace-gui");
    QStringList loaded;
    // What comes last is asked first.
    load(QLocale(QLocale::English), name, folder, loaded);
    load(locale, QStringLiteral("qtbase"), QLibraryInfo::path(QLibraryInfo::TranslationsPath), loaded);
    load(locale, name, folder, loaded);
    return loaded;
}

}  // namespace vutrace::gui
