// vutrace-gui [FILE...]: the window.
#include <vutrace/gui/models/data_folder.h>
#include <vutrace/gui/models/translations.h>
#include <vutrace/gui/views/main_window.h>

#include <QApplication>
#include <QCommandLineParser>
#include <QSettings>
#include <QTextStream>

namespace {

constexpr int bad_usage = 2;

int refuse(const QString& text) {
    QTextStream(stderr) << QStringLiteral("vutrace-gui: %1\n").arg(text);
    return bad_usage;
}

QString examples() {
    return QCoreApplication::translate("main",
                                       "Examples:\n"
                                       "  vutrace-gui session.pcap.zst\n"
                                       "  vutrace-gui --filter 'latency > 100us' session.pcap\n"
                                       "  vutrace-gui --follow session.pcap   # of a capture that runs\n");
}

}  // namespace

int main(int argc, char** argv) {
    const QApplication application(argc, argv);
    QApplication::setOrganizationName(QStringLiteral("vutrace"));
    QApplication::setApplicationName(QStringLiteral("vutrace-gui"));
    QApplication::setApplicationVersion(QStringLiteral(VUTRACE_VERSION));

    vutrace::gui::load_translations(QLocale(), vutrace::gui::data_folder(QStringLiteral("translations")));

    QCommandLineParser options;
    options.setApplicationDescription(
        QCoreApplication::translate("main", "Shows the records of a vhost-user session that vutrace captured."));
    const QCommandLineOption help = options.addHelpOption();
    const QCommandLineOption version = options.addVersionOption();
    options.addPositionalArgument(QStringLiteral("FILE"), QCoreApplication::translate("main", "A trace."),
                                  QStringLiteral("[FILE...]"));
    const QCommandLineOption theme(QStringLiteral("theme"),
                                   QCoreApplication::translate("main", "Colours: system, light or dark."),
                                   QStringLiteral("THEME"));
    const QCommandLineOption filter(
        QStringLiteral("filter"),
        QCoreApplication::translate("main", "Show the records that a filter picks; see vutrace-filter(7)."),
        QStringLiteral("EXPR"));
    const QCommandLineOption follow(
        QStringLiteral("follow"),
        QCoreApplication::translate("main", "Go on with what is written to the traces: of a capture that runs."));
    options.addOptions({theme, filter, follow});
    if (!options.parse(QCoreApplication::arguments())) {
        return refuse(options.errorText());
    }
    if (options.isSet(help)) {
        QTextStream(stdout) << options.helpText() << '\n' << examples();
        return 0;
    }
    if (options.isSet(version)) {
        options.showVersion();
    }

    const QStringList themes{QStringLiteral("system"), QStringLiteral("light"), QStringLiteral("dark")};
    const qsizetype chosen = options.isSet(theme) ? themes.indexOf(options.value(theme))
                                                  : QSettings().value(QStringLiteral("theme")).toInt();
    if (chosen < 0) {
        return refuse(QCoreApplication::translate("main", "--theme is system, light or dark, not '%1'")
                          .arg(options.value(theme)));
    }
    vutrace::gui::apply(static_cast<vutrace::gui::Theme>(chosen % themes.size()));

    auto* window = new vutrace::gui::MainWindow(QApplication::applicationVersion());  // deletes itself when closed
    window->show();
    if (options.positionalArguments().isEmpty()) {
        window->show_start_page();
    }
    for (const QString& path : options.positionalArguments()) {
        window->open(path, options.isSet(follow));
    }
    if (options.isSet(filter)) {
        window->apply_filter(options.value(filter));
    }
    return QApplication::exec();
}
