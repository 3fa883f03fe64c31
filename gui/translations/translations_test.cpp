// That the window can be translated: a language that puts everything into brackets is loaded, and then everything that
// can be seen has to stand in them, apart from what is listed here. A program of its own: others must not speak it.
#include "painted_texts.h"
#include "pseudo_translation.h"
#include "sample_window.h"
#include "test_application.h"

#include <vutrace/gui/models/data_folder.h>
#include <vutrace/gui/models/plural.h>
#include <vutrace/gui/models/sample_traces.h>
#include <vutrace/gui/models/translations.h>
#include <vutrace/gui/views/capture_and_replay.h>
#include <vutrace/gui/views/capture_dialog.h>
#include <vutrace/gui/views/distribution_plot.h>
#include <vutrace/gui/views/guidance.h>
#include <vutrace/gui/views/main_window.h>
#include <vutrace/gui/views/memory_map_view.h>
#include <vutrace/gui/views/records_view.h>
#include <vutrace/gui/views/ring_view.h>
#include <vutrace/gui/views/start_page.h>
#include <vutrace/gui/views/state_docks.h>
#include <vutrace/gui/views/state_panel.h>
#include <vutrace/gui/views/statistics_panel.h>
#include <vutrace/gui/views/time_docks.h>
#include <vutrace/gui/views/timeline_view.h>
#include <vutrace/gui/views/tour.h>
#include <vutrace/gui/views/tour_callout.h>

#include <gtest/gtest.h>

#include <QAbstractButton>
#include <QAction>
#include <QApplication>
#include <QComboBox>
#include <QDockWidget>
#include <QFileDialog>
#include <QGroupBox>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QListView>
#include <QMenu>
#include <QMenuBar>
#include <QPlainTextEdit>
#include <QProgressBar>
#include <QPushButton>
#include <QRegularExpression>
#include <QSettings>
#include <QTabBar>
#include <QTemporaryDir>
#include <QTest>
#include <QTimer>
#include <QTranslator>
#include <QTreeView>
#include <vector>

namespace vutrace::gui {
namespace {

constexpr int patience = 20000;  // milliseconds

// What is the same in every language, or what Qt translates itself.
const QStringList& allowed() {
    static const QStringList texts{
        QStringLiteral("(vutrace|Qt|pcap|JSON|CSV|SOCKET)"),
        // of the trace, the specification, and the text that the command line prints
        QStringLiteral(".*(bug-call-never-sent|device blk|session 1 |descriptor table).*"),
        QStringLiteral("(head|session|queue|record|index|size|flags)? ?[0-9x ]*"),
        QStringLiteral("vutrace (capture|replay) .*"),
        QStringLiteral("(recorded|max|[0-9.]+x)"),  // what --timing takes
        QStringLiteral("(/|~/).*"),                 // paths
        QStringLiteral("[0-9.]+ ?(s|ms|µs|ns)( … [0-9.]+ ?(s|ms|µs|ns))?"),
        QStringLiteral("(available|used) ring|(readable|writable) buffer|indirect table"),
        QStringLiteral("\\(?((Ctrl|Alt|Shift)\\+)*([A-Z]|F[0-9]+)\\)?"),
        // Qt's
        QStringLiteral("&?(OK|Cancel|Close|Yes|No|Open|Save|Undo|Redo)"),
    };
    return texts;
}

bool may_be_seen(const QString& text) {
    static const QRegularExpression word(QStringLiteral("\\p{L}{2,}"));
    static const QRegularExpression tags(QStringLiteral("<[^>]*>|&nbsp;"));
    const QString rest = testing::outside_of_brackets(text).remove(tags).trimmed();
    if (!word.match(rest).hasMatch()) {
        return true;
    }
    return std::any_of(allowed().begin(), allowed().end(), [&](const QString& pattern) {
        return QRegularExpression(QRegularExpression::anchoredPattern(pattern),
                                  QRegularExpression::DotMatchesEverythingOption)
            .match(rest)
            .hasMatch();
    });
}

class Translations : public ::testing::Test {
  protected:
    static void SetUpTestSuite() { translation_ = testing::make_pseudo_translation(folder().path()); }
    void SetUp() override {
        QSettings().clear();
        ASSERT_TRUE(translator_.load(translation_.file)) << translation_.problem.toStdString();
        QCoreApplication::installTranslator(&translator_);
    }
    void TearDown() override {
        window_.reset();
        QCoreApplication::removeTranslator(&translator_);
    }
    static QTemporaryDir& folder() {
        static QTemporaryDir folder;
        return folder;
    }
    void see(const QObject& where, const QString& text) {
        ++seen_;
        if (!may_be_seen(text) && !told_.contains(text)) {
            told_ += text;
            ADD_FAILURE() << where.metaObject()->className() << " “" << where.objectName().toStdString()
                          << "”: " << text.toStdString();
        }
    }
    void see_action(const QAction& action) {
        see(action, action.text());
        see(action, action.toolTip());
        see(action, action.statusTip());
    }
    void see_view(const QAbstractItemView& view) {
        const QAbstractItemModel* model = view.model();
        for (int column = 0; model != nullptr && column < model->columnCount(); ++column) {
            see(view, model->headerData(column, Qt::Horizontal).toString());
            see(view, model->headerData(column, Qt::Horizontal, Qt::ToolTipRole).toString());
        }
    }
    void see_contents(const QWidget& widget) {
        if (const auto* label = qobject_cast<const QLabel*>(&widget)) {
            see(widget, label->text());
        } else if (const auto* button = qobject_cast<const QAbstractButton*>(&widget)) {
            see(widget, button->text());
        } else if (const auto* line = qobject_cast<const QLineEdit*>(&widget)) {
            see(widget, line->placeholderText());
        } else if (const auto* box = qobject_cast<const QGroupBox*>(&widget)) {
            see(widget, box->title());
        } else if (const auto* progress = qobject_cast<const QProgressBar*>(&widget)) {
            see(widget, progress->format());
        } else if (const auto* view = qobject_cast<const QAbstractItemView*>(&widget)) {
            see_view(*view);
        } else if (const auto* choice = qobject_cast<const QComboBox*>(&widget)) {
            for (int i = 0; i < choice->count(); ++i) {
                see(widget, choice->itemText(i));
            }
        } else if (const auto* tabs = qobject_cast<const QTabBar*>(&widget)) {
            for (int i = 0; i < tabs->count(); ++i) {
                see(widget, tabs->tabText(i));
                see(widget, tabs->tabToolTip(i));
            }
        }
    }
    void see_widget(const QWidget& widget) {
        if (widget.objectName().startsWith(QLatin1String("qt_")) ||
            widget.objectName().startsWith(QLatin1String("Scroll"))) {
            return;  // parts of Qt's own widgets
        }
        for (const QString& text : {widget.windowTitle(), widget.toolTip(), widget.statusTip(), widget.whatsThis(),
                                    widget.accessibleName(), widget.accessibleDescription()}) {
            see(widget, text);
        }
        see_contents(widget);
        for (const QAction* action : widget.actions()) {
            see_action(*action);
        }
    }
    // With all that is in it, shown or not.
    void see_all(const QWidget& window) {
        see_widget(window);
        if (qobject_cast<const QFileDialog*>(&window) != nullptr) {
            return;  // Qt's
        }
        for (const QWidget* widget : window.findChildren<QWidget*>()) {
            see_widget(*widget);
        }
    }
    // A copy: some actions write beside the trace.
    void open(const QString& sample) {
        const QString path = folder().filePath(sample);
        ASSERT_TRUE(QFile::exists(path) || QFile::copy(QStringLiteral(VUTRACE_SAMPLES "/") + sample, path));
        window_ = std::make_unique<MainWindow>(QStringLiteral("test"));
        window_->resize(1280, 800);
        window_->show();
        window_->open(path);
        ASSERT_TRUE(testing::wait_until_shown(*window_));
    }
    static inline testing::PseudoTranslation translation_;
    QTranslator translator_;
    std::unique_ptr<MainWindow> window_;
    int seen_{0};
    QStringList told_;
};

TEST_F(Translations, OfTheSourcesAreFoundWithoutAWarning) {
    EXPECT_TRUE(translation_.problem.isEmpty()) << translation_.problem.toStdString();
    EXPECT_GT(translation_.texts, 600);
}

TEST_F(Translations, CoverTheWindowOnATrace) {
    open(QStringLiteral("bug-call-never-sent.pcap.zst"));
    window_->go_to_sequence(30);
    ASSERT_TRUE(testing::wait_until_shown(*window_));
    see_all(*window_);
    EXPECT_GT(seen_, 500);
}

TEST_F(Translations, CoverTheStartPageAndItsSamples) {
    window_ = std::make_unique<MainWindow>(QStringLiteral("test"));
    window_->show();
    window_->show_start_page();
    see_all(*window_);
    const QAbstractItemModel& samples = *window_->guidance().start_page().samples().model();
    ASSERT_GT(samples.rowCount(), 0);
    for (int row = 0; row < samples.rowCount(); ++row) {
        for (const int role : {int{Qt::DisplayRole}, int{SampleTraces::seen}, int{Qt::AccessibleTextRole}}) {
            const QString text = samples.index(row, 0).data(role).toString();
            EXPECT_TRUE(testing::outside_of_brackets(text).trimmed().isEmpty()) << text.toStdString();
        }
    }
}

TEST_F(Translations, CoverTheTour) {
    window_ = std::make_unique<MainWindow>(QStringLiteral("test"));
    window_->show();
    window_->begin_tour();
    Tour& tour = window_->guidance().tour();
    ASSERT_TRUE(QTest::qWaitFor([&] { return tour.is_ready() && tour.callout().next_button().isEnabled(); }, patience));
    for (int i = 0; i < tour_steps().size(); ++i) {
        see_all(tour.callout());
        EXPECT_TRUE(testing::outside_of_brackets(tour.callout().text().text()).isEmpty());
        tour.next();
    }
}

// Every action is done once, apart from those that close the window; what comes up is looked at and rejected.
TEST_F(Translations, CoverWhatEveryActionBringsUp) {
    open(QStringLiteral("bug-call-never-sent.pcap.zst"));
    int dialogs = 0;
    QTimer watch;
    QObject::connect(&watch, &QTimer::timeout, &watch, [&] {
        QWidget* shown = QApplication::activePopupWidget();
        shown = shown == nullptr ? QApplication::activeModalWidget() : shown;
        if (shown != nullptr) {
            ++dialogs;
            see_all(*shown);
            shown->close();
        }
    });
    watch.start(1);
    for (const QAction* menu : window_->menuBar()->actions()) {
        for (QAction* action : menu->menu()->actions()) {
            see_action(*action);
            const bool closes = action->shortcut() == QKeySequence(QKeySequence::Close) ||
                                action->shortcut() == QKeySequence(QStringLiteral("Ctrl+Q"));
            if (!closes && action->isEnabled() && action->menu() == nullptr && !action->isCheckable()) {
                action->trigger();
                // One of them reads the trace again.
                ASSERT_TRUE(QTest::qWaitFor([this] { return window_->records().current_row() >= 0; }, patience));
            }
        }
    }
    Q_EMIT window_->records().customContextMenuRequested(QPoint(200, 30));
    Q_EMIT window_->records().header()->customContextMenuRequested(QPoint(20, 5));
    watch.stop();
    EXPECT_GT(dialogs, 7);
    ASSERT_NE(window_->capture_and_replay().capture(), nullptr);
    see_all(*window_->capture_and_replay().capture());
    see_all(*window_);
    QList<MainWindow*> others;  // of File, New window and of the tour
    for (QWidget* widget : QApplication::topLevelWidgets()) {
        auto* other = qobject_cast<MainWindow*>(widget);
        if (other != nullptr && other != window_.get()) {
            others += other;
        }
    }
    EXPECT_EQ(others.size(), 2);
    qDeleteAll(others);
}

// Of what has no text but what it paints. Numbers and their units, bytes and marks are no words.
TEST_F(Translations, CoverWhatIsPainted) {
    open(QStringLiteral("bug-call-never-sent.pcap.zst"));
    window_->go_to_sequence(29);
    TimeDocks& docks = window_->time_docks();
    docks.statistics_dock().show();
    docks.statistics_dock().raise();
    ASSERT_TRUE(testing::wait_until_shown(*window_));
    docks.statistics().table().selectAll();
    StateDocks& state = window_->state_docks();
    state.state().tabs().setCurrentIndex(StatePanel::memory);
    const std::vector<QWidget*> painted{&docks.timeline(), &docks.statistics().plot(), &state.rings().diagram(),
                                        &state.state().memory_map()};
    for (QWidget* widget : painted) {
        widget->resize(600, 400);
        const QStringList texts = testing::painted_texts(*widget);
        EXPECT_GT(texts.size(), 1) << widget->metaObject()->className();
        for (const QString& text : texts) {
            see(*widget, text);
        }
    }
}

// What this test would not see through is no test.
TEST(PseudoTranslation, FindsWhatIsNotTranslated) {
    EXPECT_FALSE(may_be_seen(QStringLiteral("Find next")));
    EXPECT_FALSE(may_be_seen(QStringLiteral("⟦Find⟧ next")));
    EXPECT_TRUE(may_be_seen(QStringLiteral("⟦Find ⟦the⟧ next⟧ 12, 0x3f")));
    EXPECT_TRUE(may_be_seen(QStringLiteral("<b>⟦x⟧</b>")));
}

class English : public ::testing::Test {
  protected:
    void SetUp() override {
        ASSERT_TRUE(translator_.load(QStringLiteral("vutrace-gui_en"), data_folder(QStringLiteral("translations"))));
        QCoreApplication::installTranslator(&translator_);
    }
    void TearDown() override { QCoreApplication::removeTranslator(&translator_); }
    static QString records(int count) {
        return QCoreApplication::translate("vutrace::gui::WorkStatus", "%1 records", nullptr, count).arg(count);
    }
    QTranslator translator_;
};

TEST_F(English, HasAFormForOneAndAnotherForMany) {
    EXPECT_EQ(records(1), QStringLiteral("1 record"));
    EXPECT_EQ(records(2), QStringLiteral("2 records"));
    EXPECT_EQ(records(0), QStringLiteral("0 records"));
    EXPECT_EQ(QCoreApplication::translate("vutrace::gui::MainWindow", "%n records copied", nullptr, 1),
              QStringLiteral("1 record copied"));
}

// Each text that has forms has them in the file that is kept: `cmake --build … --target update_translations` adds new
// ones to it, without.
TEST_F(English, KnowsAllTextsThatHaveForms) {
    QTemporaryDir folder;
    const testing::PseudoTranslation all = testing::make_pseudo_translation(folder.path());
    ASSERT_FALSE(all.file.isEmpty());
    const auto with_forms = [](const QString& path) {
        QFile file(path);
        EXPECT_TRUE(file.open(QIODevice::ReadOnly)) << path.toStdString();
        static const QRegularExpression message(QStringLiteral("<message numerus=\"yes\">.*?<source>(.*?)</source>"),
                                                QRegularExpression::DotMatchesEverythingOption);
        QStringList sources;
        for (auto found = message.globalMatch(QString::fromUtf8(file.readAll())); found.hasNext();) {
            sources += found.next().captured(1);
        }
        sources.sort();
        return sources;
    };
    const QString kept = QStringLiteral(VUTRACE_GUI_SOURCES "/translations/vutrace-gui_en.ts");
    EXPECT_EQ(with_forms(kept), with_forms(folder.filePath(QStringLiteral("found.ts"))));
    QFile file(kept);
    ASSERT_TRUE(file.open(QIODevice::ReadOnly));
    EXPECT_FALSE(file.readAll().contains("unfinished"));
}

TEST(LoadTranslations, TakesTheLanguageAndEnglishForTheRest) {
    QTemporaryDir folder;
    const QString from = data_folder(QStringLiteral("translations"));
    ASSERT_TRUE(
        QFile::copy(from + QStringLiteral("/vutrace-gui_en.qm"), folder.filePath(QStringLiteral("vutrace-gui_en.qm"))));
    const testing::PseudoTranslation pseudo = testing::make_pseudo_translation(folder.path());
    ASSERT_TRUE(QFile::copy(pseudo.file, folder.filePath(QStringLiteral("vutrace-gui_eo.qm"))));
    const QStringList loaded = load_translations(QLocale(QLocale::Esperanto), folder.path());
    EXPECT_TRUE(loaded.contains(folder.filePath(QStringLiteral("vutrace-gui_en.qm"))));
    ASSERT_FALSE(loaded.isEmpty());
    EXPECT_EQ(loaded.back(), folder.filePath(QStringLiteral("vutrace-gui_eo.qm")));
    EXPECT_EQ(QCoreApplication::translate("vutrace::gui::MainWindow", "Keyboard"), QStringLiteral("⟦Keyboard⟧"));
    qDeleteAll(qApp->findChildren<QTranslator*>());
    EXPECT_EQ(QCoreApplication::translate("vutrace::gui::MainWindow", "Keyboard"), QStringLiteral("Keyboard"));
}

TEST(LoadTranslations, DoWithoutAnyFile) {
    QTemporaryDir folder;
    const QStringList loaded = load_translations(QLocale(QLocale::Esperanto), folder.path());
    EXPECT_TRUE(loaded.filter(QStringLiteral("vutrace")).isEmpty());
    EXPECT_TRUE(load_translations(QLocale(QLocale::English), {}).filter(QStringLiteral("vutrace")).isEmpty());
    qDeleteAll(qApp->findChildren<QTranslator*>());
}

TEST(Plural, OfLargeNumbersGoesByTheirLastDigits) {
    EXPECT_EQ(plural_of(0), 0);
    EXPECT_EQ(plural_of(999'999'999), 999'999'999);
    EXPECT_EQ(plural_of(7'000'000'021), 1'000'000'021);
    EXPECT_EQ(plural_of(~std::uint64_t{0}), 1'709'551'615);
}

}  // namespace
}  // namespace vutrace::gui

int main(int argc, char** argv) {
    return vutrace::gui::testing::run_tests(argc, argv);
}
