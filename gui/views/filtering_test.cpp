// The filter of a window: typed, picked, kept, stopped.
#include "painted_texts.h"
#include "vutrace/gui/views/filter_bar.h"
#include "vutrace/gui/views/main_window.h"
#include "vutrace/gui/views/records_view.h"
#include "window_test.h"

#include <gtest/gtest.h>

#include <QLabel>
#include <QLineEdit>
#include <QStatusBar>
#include <QTest>
#include <QToolButton>

namespace vutrace::gui {
namespace {

using testing::WindowTest;

TEST_F(WindowTest, AFilterIsTypedAndClearedAndThePlaceIsKept) {
    write_trace(500);
    open();
    window_->go_to_sequence(builder_.last_sequence());
    type_filter("state == used");
    ASSERT_TRUE(wait([this] { return !model().is_filtering(); }));
    EXPECT_EQ(model().rowCount(), 500);
    EXPECT_TRUE(wait([this] { return records().current_row() == 499; }));
    QTest::keyClick(window_, Qt::Key_L, Qt::ControlModifier | Qt::ShiftModifier);
    EXPECT_TRUE(wait([this] { return model().rowCount() == static_cast<int>(builder_.last_sequence()); }));
    EXPECT_EQ(records().current_row(), static_cast<int>(builder_.last_sequence()) - 1);
}

TEST_F(WindowTest, AFilterThatIsTypedAndNotAppliedIsMarked) {
    write_trace(5);
    open();
    const QLabel& pending = window_->filter_bar().pending();
    QLineEdit* edit = window_->filter_bar().edit();
    EXPECT_FALSE(pending.isVisible());
    QTest::keyClicks(edit, QStringLiteral("state == used"));
    EXPECT_TRUE(pending.isVisible());
    QTest::keyClick(edit, Qt::Key_Escape);
    QTest::keyClick(edit, Qt::Key_Return);
    EXPECT_FALSE(pending.isVisible());
    type_filter("quue == 0");
    EXPECT_TRUE(pending.isVisible()) << "it is wrong: the rows are those of before";
    edit->clear();
    EXPECT_FALSE(pending.isVisible());
    QTest::keyClick(edit, Qt::Key_Up);
    EXPECT_TRUE(pending.isVisible()) << "one of before, which is not entered yet";
}

TEST_F(WindowTest, AFilterThatAJumpTookAwayIsOneClickAway) {
    write_trace(5);
    open();
    type_filter("state == used");
    ASSERT_TRUE(wait([this] { return !model().is_filtering(); }));
    window_->go_to_sequence(1);
    EXPECT_TRUE(window_->filter_bar().text().isEmpty());
    EXPECT_TRUE(window_->statusBar()->currentMessage().contains(QLatin1String("record 1")));
    ASSERT_TRUE(window_->filter_bar().way_back().isVisible());
    window_->filter_bar().way_back().click();
    EXPECT_EQ(window_->filter_bar().text(), QStringLiteral("state == used"));
    EXPECT_TRUE(wait([this] { return model().rowCount() == 5; }));
    EXPECT_FALSE(window_->filter_bar().way_back().isVisible());
    EXPECT_TRUE(window_->statusBar()->currentMessage().isEmpty()) << "it was about another";
}

TEST_F(WindowTest, AFilterThatPicksNothingSaysSo) {
    write_trace(5);
    open();
    type_filter("queue == 77");
    ASSERT_TRUE(wait([this] { return !model().is_filtering(); }));
    EXPECT_TRUE(wait(
        [this] { return testing::painted_texts(records()).contains(QStringLiteral("No record matches the filter")); }));
    window_->filter_bar().edit()->clear();
    EXPECT_FALSE(testing::painted_texts(records()).contains(QStringLiteral("No record matches the filter")));
}

TEST_F(WindowTest, AWrongFilterIsExplainedAndChangesNothing) {
    write_trace(5);
    open();
    const int rows = model().rowCount();
    type_filter("quue == 0");
    EXPECT_TRUE(window_->filter_bar().problem().contains(QLatin1String("quue")));
    EXPECT_TRUE(window_->filter_bar().problem().contains(QLatin1String("queue"))) << "what may have been meant";
    EXPECT_EQ(model().rowCount(), rows);
    type_filter("queue == 0");
    EXPECT_TRUE(window_->filter_bar().problem().isEmpty());
}

TEST_F(WindowTest, WhatAColumnIsCalledInTheFilterIsTold) {
    write_trace(5);
    open();
    type_filter("name == GET_FEATURES");
    EXPECT_TRUE(window_->filter_bar().problem().contains(QLatin1String("request  of messages")))
        << window_->filter_bar().problem().toStdString();
}

TEST_F(WindowTest, FiltersThatWereUsedComeBackWithTheArrowKeys) {
    write_trace(5);
    open();
    type_filter("state == used");
    type_filter("queue == 0");
    QLineEdit* edit = window_->filter_bar().edit();
    edit->clear();
    QTest::keyClick(edit, Qt::Key_Up);
    EXPECT_EQ(edit->text(), QStringLiteral("queue == 0"));
    QTest::keyClick(edit, Qt::Key_Up);
    EXPECT_EQ(edit->text(), QStringLiteral("state == used"));
    QTest::keyClick(edit, Qt::Key_Down);
    QTest::keyClick(edit, Qt::Key_Down);
    EXPECT_EQ(edit->text(), QString());
    EXPECT_TRUE(wait([] { return kept_filters().size() == 2; })) << "they are written in the background";
    const MainWindow next(QStringLiteral("test"));
    EXPECT_EQ(next.filter_bar().history(), kept_filters());
}

TEST_F(WindowTest, AFilterStaysAmongThoseOfBeforeWhereTheTraceIsReadAgainAtOnce) {
    write_trace(5);
    open();
    type_filter("state == used");
    QTest::keyClick(window_, Qt::Key_F5);
    EXPECT_EQ(window_->filter_bar().history(), QStringList{QStringLiteral("state == used")});
}

TEST_F(WindowTest, WindowsKeepEachOthersFilters) {
    write_trace(5);
    open();
    auto other = std::make_unique<MainWindow>(QStringLiteral("test"));
    type_filter("state == used");
    other->filter_bar().apply(QStringLiteral("queue == 0"));
    type_filter("queue == 1");
    const QStringList all{QStringLiteral("queue == 1"), QStringLiteral("queue == 0"), QStringLiteral("state == used")};
    EXPECT_TRUE(wait([&] { return kept_filters() == all; })) << kept_filters().join(u';').toStdString();
    other->setAttribute(Qt::WA_DeleteOnClose, false);
    other->close();
    EXPECT_EQ(kept_filters(), all) << "closing one takes nothing away";
}

TEST_F(WindowTest, AFilterThatWasStoppedLooksAtTheRest) {
    write_trace(30000);
    open();
    window_->apply_filter(QStringLiteral("state == used"));
    QTest::keyClick(window_, Qt::Key_Escape);
    EXPECT_LT(model().rowCount(), 30000);
    const QString said = window_->statusBar()->currentMessage();
    EXPECT_TRUE(said.contains(QLatin1String("Filtering was stopped")) && said.contains(QLatin1String("F5")));
    const TraceDocument* before = window_->document();
    QTest::keyClick(window_, Qt::Key_F5);
    EXPECT_EQ(window_->document(), before);
    EXPECT_TRUE(wait([this] { return model().rowCount() == 30000 && !model().is_filtering(); }));
}

TEST_F(WindowTest, AQuickFilterTakesTheValueOfTheCell) {
    write_trace(20);
    open();
    records().setCurrentIndex(model().index(static_cast<int>(builder_.last_sequence()) - 1, RecordsModel::name));
    ASSERT_TRUE(row_known());
    window_->quick_filter(Joined::replace);
    EXPECT_EQ(window_->filter_bar().text(), QStringLiteral("state == used"));
    ASSERT_TRUE(wait([this] { return !model().is_filtering(); }));
    EXPECT_EQ(model().rowCount(), 20);
}

}  // namespace
}  // namespace vutrace::gui
