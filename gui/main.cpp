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

void prepare() {
    QCoreApplication::setOrganizationName(QStringLiteral("vutrace"));
    QCoreApplication::setApplicationName(QStringLiteral("vutrace-gui"));
    QCoreApplication::setApplicationVersion(QStringLiteral(VUTRACE_VERSION));
    vutrace::gui::load_translations(QLocale(), vutrace::gui::data_folder(QStringLiteral("translations")));
}

// Of the application that there is.
class CommandLine {
  public:
    CommandLine() {
        parser_.setApplicationDescription(
            QCoreApplication::translate("main", "Shows the records of a vhost-user session that vutrace captured."));
        parser_.addPositionalArgument(QStringLiteral("FILE"), QCoreApplication::translate("main", "A trace."),
                                      QStringLiteral("[FILE...]"));
        parser_.addOptions({theme, filter, follow});
        is_right_ = parser_.parse(QCoreApplication::arguments());
    }
    [[nodiscard]] const QCommandLineParser& parser() const noexcept { return parser_; }
    [[nodiscard]] bool is_right() const noexcept { return is_right_; }

  private:
    QCommandLineParser parser_;
    bool is_right_{false};

  public:
    const QCommandLineOption help = parser_.addHelpOption();
    const QCommandLineOption version = parser_.addVersionOption();
    const QCommandLineOption theme{QStringLiteral("theme"),
                                   QCoreApplication::translate("main", "Colours: system, light or dark."),
                                   QStringLiteral("THEME")};
    const QCommandLineOption filter{
        QStringLiteral("filter"),
        QCoreApplication::translate("main", "Show the records that a filter picks; see vutrace-filter(7)."),
        QStringLiteral("EXPR")};
    const QCommandLineOption follow{
        QStringLiteral("follow"),
        QCoreApplication::translate("main", "Go on with what is written to the traces: of a capture that runs.")};
};

// Of help and version: on a machine without a display, a QApplication ends the program before they are told.
bool answers_without_display(int argc, char** argv) {
    const QCoreApplication application(argc, argv);
    prepare();
    const CommandLine line;
    if (line.parser().isSet(line.help)) {
        QTextStream(stdout) << line.parser().helpText() << '\n' << examples();
        return true;
    }
    if (line.parser().isSet(line.version)) {
        QTextStream(stdout) << QStringLiteral("vutrace-gui %1\n").arg(QCoreApplication::applicationVersion());
        return true;
    }
    return false;
}

}  // namespace

int main(int argc, char** argv) {
    if (answers_without_display(argc, argv)) {
        return 0;
    }
    const QApplication application(argc, argv);
    prepare();
    const CommandLine line;
    const QCommandLineParser& options = line.parser();
    if (!line.is_right()) {
        return refuse(options.errorText());
    }

    const QStringList themes{QStringLiteral("system"), QStringLiteral("light"), QStringLiteral("dark")};
    const qsizetype chosen = options.isSet(line.theme) ? themes.indexOf(options.value(line.theme))
                                                       : QSettings().value(QStringLiteral("theme")).toInt();
    if (chosen < 0) {
        return refuse(QCoreApplication::translate("main", "--theme is system, light or dark, not '%1'")
                          .arg(options.value(line.theme)));
    }
    vutrace::gui::apply(static_cast<vutrace::gui::Theme>(chosen % themes.size()));

    auto* window = new vutrace::gui::MainWindow(QApplication::applicationVersion());  // deletes itself when closed
    window->show();
    if (options.positionalArguments().isEmpty()) {
        window->show_start_page();
    }
    for (const QString& path : options.positionalArguments()) {
        window->open(path, options.isSet(line.follow));
    }
    if (options.isSet(line.filter)) {
        window->apply_filter(options.value(line.filter));
    }
    return QApplication::exec();
}
