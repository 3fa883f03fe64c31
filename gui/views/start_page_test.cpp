#include "vutrace/gui/views/start_page.h"

#include "sample_window.h"
#include "screenshot.h"
#include "vutrace/gui/views/capture_and_replay.h"
#include "vutrace/gui/views/capture_dialog.h"
#include "vutrace/gui/views/guidance.h"
#include "vutrace/gui/views/records_view.h"
#include "window_fixture.h"

#include <vutrace/gui/models/sample_traces.h>

#include <gtest/gtest.h>

#include <QDockWidget>
#include <QLabel>
#include <QListView>
#include <QPushButton>
#include <QSet>
#include <QSignalSpy>
#include <QTest>
#include <QTreeView>

namespace vutrace::gui {
namespace {

using testing::Kept;

class StartPageWindow : public testing::WindowFixture {
  protected:
    [[nodiscard]] StartPage& page() const { return window_->guidance().start_page(); }
    [[nodiscard]] QStringList docks() const {
        QStringList shown;
        for (const QDockWidget* dock : window_->findChildren<QDockWidget*>()) {
            if (!dock->isHidden()) {
                shown += dock->objectName();
            }
        }
        return shown;
    }
    [[nodiscard]] bool has_read(const QString& path) const {
        return window_->document() != nullptr && window_->document()->path() == path &&
               window_->document()->progress().complete && window_->model()->rowCount() > 0;
    }
};

TEST_F(StartPageWindow, IsAllThatIsSeen) {
    start();
    EXPECT_TRUE(page().isVisible());
    EXPECT_FALSE(window_->records().isVisible());
    EXPECT_TRUE(docks().isEmpty()) << docks().join(u' ').toStdString();
    EXPECT_FALSE(page().back_button().isVisible()) << "there is nothing to go back to";
    EXPECT_TRUE(page().samples().isVisible());
    EXPECT_FALSE(page().no_samples().isVisible());
    EXPECT_FALSE(page().recent_files().isVisible()) << "none was opened yet";
    EXPECT_EQ(page().samples().model()->rowCount(), SampleTraces::known().size());
    QTest::keyClick(window_, Qt::Key_Escape);
    EXPECT_TRUE(page().isVisible());
}

TEST_F(StartPageWindow, OpensASampleByKeyboardAndTheDocksComeBack) {
    start();
    window_->guidance().hide_start_page();
    const QStringList before = docks();
    EXPECT_FALSE(before.isEmpty());
    window_->show_start_page();
    EXPECT_TRUE(wait([this] { return page().samples().hasFocus(); }));
    QTest::keyClick(&page().samples(), Qt::Key_Down);
    QTest::keyClick(&page().samples(), Qt::Key_Return);
    const QString path = page().samples().model()->index(1, 0).data(SampleTraces::path).toString();
    ASSERT_TRUE(wait([&] { return has_read(path); }));
    EXPECT_FALSE(page().isVisible());
    EXPECT_TRUE(window_->records().isVisible());
    EXPECT_TRUE(window_->notice().text().isEmpty()) << window_->notice().text().toStdString();
    ASSERT_TRUE(wait([this] { return window_->findings().isVisible(); }));
    QStringList after = docks();
    after.removeAll(QStringLiteral("findings"));
    EXPECT_EQ(after, before);
}

TEST_F(StartPageWindow, OpensWhatIsClicked) {
    start();
    QListView& list = page().samples();
    const QModelIndex third = list.model()->index(2, 0);
    QTest::mouseClick(list.viewport(), Qt::LeftButton, {}, list.visualRect(third).center());
    EXPECT_TRUE(wait([&] { return has_read(third.data(SampleTraces::path).toString()); }));
}

TEST_F(StartPageWindow, ListsWhatWasOpenedAndGoesBackToIt) {
    write_trace(3);
    open(path());
    ASSERT_TRUE(wait([this] { return window_->current_sequence() == 1; }));
    const QStringList before = docks();
    window_->show_start_page();
    EXPECT_FALSE(window_->records().isVisible());
    QListView& recent = page().recent_files();
    ASSERT_TRUE(recent.isVisible());
    ASSERT_EQ(recent.model()->rowCount(), 1);
    EXPECT_EQ(recent.model()->index(0, 0).data(Qt::AccessibleTextRole).toString(), path());
    EXPECT_TRUE(page().back_button().isVisible());
    QTest::keyClick(&recent, Qt::Key_Escape);
    EXPECT_TRUE(window_->records().isVisible());
    EXPECT_EQ(docks(), before);
    window_->show_start_page();
    page().back_button().click();
    EXPECT_TRUE(window_->records().isVisible());
    EXPECT_EQ(docks(), before);
}

// The settings are how traces are shown, also where the window was closed on its start page.
TEST_F(StartPageWindow, IsNotWhatIsKeptOfAWindow) {
    start();
    window_->guidance().hide_start_page();
    const QStringList before = docks();
    window_->show_start_page();
    window_->setAttribute(Qt::WA_DeleteOnClose, false);
    window_->close();
    delete window_;
    start();
    window_->guidance().hide_start_page();
    EXPECT_EQ(docks(), before);
}

TEST_F(StartPageWindow, AsksForAnEndpointWhereACaptureIsWanted) {
    start();
    QTest::keyClick(&page().capture_button(), Qt::Key_Space);
    ASSERT_NE(window_->capture_and_replay().capture(), nullptr);
    EXPECT_TRUE(window_->capture_and_replay().capture()->isVisible());
}

TEST_F(StartPageWindow, IsInTheMenu) {
    start();
    window_->guidance().hide_start_page();
    ASSERT_TRUE(wait([this] { return window_->isActiveWindow(); }));
    QTest::keyClick(&window_->records(), Qt::Key_Home, Qt::AltModifier);
    EXPECT_TRUE(wait([this] { return page().isVisible(); }));
}

TEST_F(StartPageWindow, IsReachedFromAnyWidgetByTab) {
    start();
    QSet<QWidget*> reached;
    QWidget* at = &page().samples();
    for (int i = 0; i < 5000 && !reached.contains(at); ++i) {
        reached.insert(at);
        at = at->nextInFocusChain();
    }
    for (QWidget* wanted :
         {static_cast<QWidget*>(&page().open_button()), static_cast<QWidget*>(&page().capture_button()),
          static_cast<QWidget*>(&page().tour_button()), static_cast<QWidget*>(&page().samples())}) {
        EXPECT_TRUE(reached.contains(wanted));
        EXPECT_NE(wanted->focusPolicy() & Qt::TabFocus, 0);
    }
}

TEST(StartPage, HasAButtonForEachWayToBegin) {
    QSettings().clear();
    StartPage page(QStringLiteral(VUTRACE_SAMPLES));
    page.show();
    QSignalSpy open(&page, &StartPage::open_wanted);
    QSignalSpy capture(&page, &StartPage::capture_wanted);
    QSignalSpy tour(&page, &StartPage::tour_wanted);
    QTest::keyClick(&page.open_button(), Qt::Key_Return);
    QTest::keyClick(&page.capture_button(), Qt::Key_Return);
    QTest::keyClick(&page.tour_button(), Qt::Key_Return);
    EXPECT_EQ(open.count(), 1);
    EXPECT_EQ(capture.count(), 1);
    EXPECT_EQ(tour.count(), 1);
}

TEST(StartPage, SaysWhatToDoWhereNoSampleIsInstalled) {
    QSettings().clear();
    StartPage page({});
    page.resize(1280, 700);
    page.show();
    EXPECT_FALSE(page.samples().isVisible());
    ASSERT_TRUE(page.no_samples().isVisible());
    EXPECT_TRUE(page.no_samples().text().contains(QLatin1String("Ctrl+O")));
    page.take_focus();
    EXPECT_TRUE(QTest::qWaitFor([&] { return page.open_button().hasFocus(); }, testing::patience));
}

class StartPagePicture : public ::testing::TestWithParam<Theme> {};

TEST_P(StartPagePicture, IsAsItWas) {
    QSettings().clear();
    QSettings().setValue(QStringLiteral("recent_files"),
                         QStringList{QStringLiteral("/home/me/traces/blk.pcap"),
                                     QStringLiteral("/srv/captures/2026-11/22/host-17/vm-4711-disk-0.pcap.zst")});
    apply(GetParam());
    auto window = std::make_unique<MainWindow>(QStringLiteral("test"));
    window->resize(1280, 800);
    window->show();
    window->show_start_page();
    QTest::qWait(50);
    testing::expect_picture(
        *window, GetParam() == Theme::light ? QStringLiteral("start-light") : QStringLiteral("start-dark"), Kept::yes);
    apply(Theme::light);
}

INSTANTIATE_TEST_SUITE_P(OfThemes, StartPagePicture, ::testing::Values(Theme::light, Theme::dark),
                         [](const auto& test) { return test.param == Theme::light ? "light" : "dark"; });

}  // namespace
}  // namespace vutrace::gui
