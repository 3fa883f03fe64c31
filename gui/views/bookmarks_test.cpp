#include "screenshot.h"
#include "vutrace/gui/views/bookmarks_dock.h"
#include "vutrace/gui/views/records_view.h"
#include "vutrace/gui/views/time_docks.h"
#include "vutrace/gui/views/timeline_view.h"
#include "window_fixture.h"

#include <gtest/gtest.h>

#include <QApplication>
#include <QDockWidget>
#include <QFile>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSignalSpy>
#include <QTableView>
#include <QTest>
#include <fstream>

namespace vutrace::gui {
namespace {

class BookmarksWindow : public testing::WindowFixture {
  protected:
    void TearDown() override {
        WindowFixture::TearDown();
        QFile::remove(notes());
    }
    void open() {
        write_trace(50);
        WindowFixture::open(path());
        ASSERT_TRUE(wait([this] { return model().is_ready(); }));
        go_to(first_chain_);
    }
    void go_to(std::uint64_t record) {
        window_->go_to_sequence(record);
        ASSERT_TRUE(wait([&] {
            return window_->current_sequence() == record && window_->model()->row_at(window_->records().current_row());
        }));
    }
    void press(Qt::Key key, Qt::KeyboardModifiers modifiers) { QTest::keyClick(&window_->records(), key, modifiers); }
    [[nodiscard]] BookmarksDock& dock() const { return window_->bookmarks(); }
    [[nodiscard]] BookmarksModel& model() const { return *dock().model(); }
    [[nodiscard]] QString notes() const { return path() + QStringLiteral(".vutrace-notes.json"); }
    [[nodiscard]] QLineEdit* editor() const { return dock().table().findChild<QLineEdit*>(); }
};

TEST_F(BookmarksWindow, AKeyMarksARecordAndTakesTheMarkAway) {
    open();
    EXPECT_FALSE(dock().dock().isVisible());
    press(Qt::Key_B, Qt::ControlModifier);
    ASSERT_EQ(model().rowCount(), 1);
    EXPECT_TRUE(dock().dock().isVisible());
    const Bookmark& bookmark = model().bookmarks().front();
    EXPECT_EQ(bookmark.record, first_chain_);
    EXPECT_EQ(bookmark.time, window_->model()->row_at(window_->records().current_row())->time);
    EXPECT_FALSE(bookmark.name.isEmpty());
    const QModelIndex cell = window_->model()->index(window_->records().current_row(), RecordsModel::number);
    EXPECT_TRUE(cell.data(RecordsModel::bookmark_role).isValid());
    press(Qt::Key_B, Qt::ControlModifier);
    EXPECT_EQ(model().rowCount(), 0);
    EXPECT_FALSE(cell.data(RecordsModel::bookmark_role).isValid());
}

TEST_F(BookmarksWindow, ACommentIsTypedAndComesBackWithTheTrace) {
    open();
    press(Qt::Key_B, Qt::ControlModifier | Qt::ShiftModifier);
    ASSERT_NE(editor(), nullptr);
    QTest::keyClicks(editor(), QStringLiteral("the first write"));
    QTest::keyClick(editor(), Qt::Key_Return);
    ASSERT_TRUE(wait([this] { return model().bookmarks().front().comment == QStringLiteral("the first write"); }));
    delete window_;
    window_ = nullptr;
    WindowFixture::open(path());
    ASSERT_TRUE(wait([this] { return model().rowCount() == 1; }));
    EXPECT_EQ(model().bookmarks().front().comment, QStringLiteral("the first write"));
    EXPECT_TRUE(dock().dock().isVisible());
}

TEST_F(BookmarksWindow, KeysGoFromOneToTheNext) {
    open();
    press(Qt::Key_B, Qt::ControlModifier);
    go_to(first_chain_ + 10);
    press(Qt::Key_B, Qt::ControlModifier);
    go_to(1);
    press(Qt::Key_PageDown, Qt::AltModifier);
    EXPECT_EQ(window_->current_sequence(), first_chain_);
    press(Qt::Key_PageDown, Qt::AltModifier);
    EXPECT_EQ(window_->current_sequence(), first_chain_ + 10);
    press(Qt::Key_PageDown, Qt::AltModifier);
    EXPECT_EQ(window_->current_sequence(), first_chain_ + 10) << "there is no more";
    press(Qt::Key_PageUp, Qt::AltModifier);
    EXPECT_EQ(window_->current_sequence(), first_chain_);
}

TEST_F(BookmarksWindow, TheListJumpsByMouseAndKeyAndRemoves) {
    open();
    press(Qt::Key_B, Qt::ControlModifier);
    go_to(first_chain_ + 10);
    press(Qt::Key_B, Qt::ControlModifier);
    QTableView& table = dock().table();
    QTest::mouseClick(table.viewport(), Qt::LeftButton, {},
                      table.visualRect(model().index(0, BookmarksModel::name)).center());
    EXPECT_EQ(window_->current_sequence(), first_chain_);
    EXPECT_TRUE(table.hasFocus());
    QTest::keyClick(&table, Qt::Key_Down);
    QTest::keyClick(&table, Qt::Key_Return);
    EXPECT_EQ(window_->current_sequence(), first_chain_ + 10);
    QTest::keyClick(&table, Qt::Key_Delete);
    ASSERT_EQ(model().rowCount(), 1);
    EXPECT_EQ(model().bookmarks().front().record, first_chain_);
}

TEST_F(BookmarksWindow, TheTimelineShowsThemAndAClickGoesThere) {
    open();
    TimelineView& timeline = window_->time_docks().timeline();
    press(Qt::Key_B, Qt::ControlModifier);
    const auto time =
        static_cast<double>(model().bookmarks().front().time - window_->document()->index()->start_time());
    go_to(1);
    const int x = timeline.left() + static_cast<int>(timeline.window().place_of(time));
    const QImage with = timeline.viewport()->grab(QRect(x - 5, timeline.top() - 13, 11, 12)).toImage();
    QTest::mouseClick(timeline.viewport(), Qt::LeftButton, {}, QPoint(x, timeline.top() - 5));
    EXPECT_EQ(window_->current_sequence(), first_chain_);
    timeline.set_bookmarks({});
    go_to(1);
    const QImage without = timeline.viewport()->grab(QRect(x - 5, timeline.top() - 13, 11, 12)).toImage();
    EXPECT_NE(with, without);
}

TEST_F(BookmarksWindow, AreSeenOnLightAndDark) {
    open();
    press(Qt::Key_B, Qt::ControlModifier);
    go_to(first_chain_ + 6);
    press(Qt::Key_B, Qt::ControlModifier);
    ASSERT_TRUE(model().setData(model().index(0, BookmarksModel::comment), QStringLiteral("the first write")));
    for (const Theme theme : {Theme::light, Theme::dark}) {
        apply(theme);
        QTest::qWait(200);  // what is queued is painted
        testing::expect_picture(
            *window_, theme == Theme::light ? QStringLiteral("bookmarks-light") : QStringLiteral("bookmarks-dark"));
    }
    apply(Theme::light);
}

TEST_F(BookmarksWindow, WhyTheyAreNotKeptIsSaidAndCanBeMended) {
    {
        QFile file(notes());
        ASSERT_TRUE(file.open(QIODevice::WriteOnly));
        file.write("none of ours");
    }
    open();
    ASSERT_TRUE(wait([this] { return dock().problem().isVisible(); }));
    EXPECT_TRUE(dock().problem().text().contains(QLatin1String("left as it is")));
    press(Qt::Key_B, Qt::ControlModifier);
    EXPECT_EQ(model().rowCount(), 1);
    QTest::mouseClick(&dock().set_aside(), Qt::LeftButton);
    ASSERT_TRUE(wait([this] { return !dock().problem().isVisible(); }));
    EXPECT_FALSE(dock().set_aside().isVisible());
    EXPECT_TRUE(wait([this] { return QFile::exists(notes()); }));
    EXPECT_TRUE(QFile::remove(notes() + QStringLiteral(".old-1")));
}

TEST_F(BookmarksWindow, ThoseOfATraceAreNotCountedForTheNext) {
    open();
    press(Qt::Key_B, Qt::ControlModifier);
    ASSERT_EQ(dock().dock().windowTitle(), QStringLiteral("Bookmarks: 1"));
    std::ofstream(path_) << "this is not a trace, and long enough to be told from one";
    press(Qt::Key_F5, Qt::NoModifier);
    ASSERT_TRUE(wait([this] { return window_->document()->failed(); }));
    EXPECT_EQ(dock().dock().windowTitle(), QStringLiteral("Bookmarks"));
}

TEST_F(BookmarksWindow, WithoutATraceTheKeysDoNothing) {
    window_ = new MainWindow(QStringLiteral("test"));
    window_->show();
    press(Qt::Key_B, Qt::ControlModifier);
    press(Qt::Key_B, Qt::ControlModifier | Qt::ShiftModifier);
    press(Qt::Key_PageDown, Qt::AltModifier);
    EXPECT_EQ(dock().model(), nullptr);
}

}  // namespace
}  // namespace vutrace::gui
