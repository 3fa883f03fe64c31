#include "test_application.h"

#include <vutrace/gui/views/theme.h>

#include <gtest/gtest.h>

#include <QApplication>
#include <QFont>
#include <QLocale>
#include <QSettings>
#include <QStandardPaths>
#include <QTemporaryDir>

namespace vutrace::gui::testing {

int run_tests(int argc, char** argv) {
    constexpr int font_points = 9;
    qputenv("QT_QPA_PLATFORM", qEnvironmentVariable("VUTRACE_TEST_PLATFORM", QStringLiteral("offscreen")).toLatin1());
    qputenv("QT_FONT_DPI", "96");
    qputenv("FONTCONFIG_FILE", VUTRACE_TEST_FONTS);  // and no other
    qputenv("TZ", "UTC");
    QLocale::setDefault(QLocale(QLocale::English, QLocale::UnitedStates));
    QStandardPaths::setTestModeEnabled(true);
    const QTemporaryDir settings;  // of this run: others may run at the same time
    QSettings::setPath(QSettings::NativeFormat, QSettings::UserScope, settings.path());
    const QApplication application(argc, argv);
    QApplication::setOrganizationName(QStringLiteral("vutrace"));
    QApplication::setApplicationName(QStringLiteral("vutrace-gui-test"));
    QApplication::setFont(QFont(QStringLiteral("DejaVu Sans"), font_points));
    QApplication::setCursorFlashTime(0);
    QApplication::setQuitOnLastWindowClosed(false);
    apply(Theme::light);
    ::testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}

}  // namespace vutrace::gui::testing
