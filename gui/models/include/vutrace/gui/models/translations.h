// The program's texts in the language of whoever uses it.
#pragma once

#include <QLocale>
#include <QString>
#include <QStringList>

namespace vutrace::gui {

// Loads what there is for a locale from `folder` (vutrace-gui_LANGUAGE.qm), and Qt's own texts from where Qt has them.
// What is not translated is English, with its forms for one and for many. For the whole program, before its first
// window. Gives the files that were loaded.
QStringList load_translations(const QLocale& locale, const QString& folder);

}  // namespace vutrace::gui
