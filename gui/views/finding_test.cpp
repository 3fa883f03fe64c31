// Text that is looked for in the records of a window.
#include "vutrace/gui/views/findings_dock.h"
#include "vutrace/gui/views/main_window.h"
#include "vutrace/gui/views/records_view.h"
#include "window_test.h"

#include <vutrace/gui/models/findings_model.h>

#include <gtest/gtest.h>

#include <QDockWidget>
#include <QLineEdit>
#include <QStatusBar>
#include <QTest>

namespace vutrace::gui {
namespace {

using testing::WindowTest;

TEST_F(WindowTest, TextIsFoundForwardAndBackward) {
    write_trace(50);
    open();
    QTest::keyClick(window_, Qt::Key_F, Qt::ControlModifier);
    QTest::keyClicks(&window_->find_line(), QStringLiteral("set_vring_addr"));
    QTest::keyClick(&window_->find_line(), Qt::Key_Return);
    ASSERT_TRUE(wait([this] { return window_->current_sequence() > 1; }));
    ASSERT_TRUE(row_known());
    EXPECT_EQ(model().row_at(records().current_row())->name, "SET_VRING_ADDR");
    EXPECT_TRUE(window_->find_line().hasFocus()) << "Return there finds the next";
    const std::uint64_t found = window_->current_sequence();
    window_->go_to_sequence(builder_.last_sequence());
    QTest::keyClick(window_, Qt::Key_F3, Qt::ShiftModifier);
    EXPECT_TRUE(wait([&] { return window_->current_sequence() == found; }));
    EXPECT_TRUE(window_->statusBar()->currentMessage().isEmpty());
}

TEST_F(WindowTest, FindingGoesOnAtTheOtherEndAndSaysSo) {
    write_trace(50);
    open();
    ASSERT_TRUE(wait([this] { return window_->findings_dock().model()->has_checked(); })) << "it says something, too";
    const auto said = [this](const char* text) {
        return wait([&] { return window_->statusBar()->currentMessage() == QString::fromUtf8(text); });
    };
    QTest::keyClick(window_, Qt::Key_F, Qt::ControlModifier);
    QLineEdit& line = window_->find_line();
    line.setText(QStringLiteral("get_features"));  // a request and its reply
    window_->go_to_sequence(builder_.last_sequence());
    QTest::keyClick(&line, Qt::Key_Return);
    EXPECT_TRUE(said("“get_features”: went on from the first record"));
    EXPECT_EQ(window_->current_sequence(), 2U);
    QTest::keyClick(window_, Qt::Key_F3);
    EXPECT_TRUE(wait([this] { return window_->current_sequence() == 3; }));
    EXPECT_TRUE(said("")) << "it is about the search before";
    window_->go_to_sequence(2);
    QTest::keyClick(window_, Qt::Key_F3, Qt::ShiftModifier);
    EXPECT_TRUE(said("“get_features”: went on from the last record"));
    EXPECT_EQ(window_->current_sequence(), 3U);
    line.setText(QStringLiteral("set_vring_num"));
    QTest::keyClick(window_, Qt::Key_F3);
    ASSERT_TRUE(wait([this] { return window_->current_sequence() > 3 && !window_->document()->is_searching(); }));
    const std::uint64_t only = window_->current_sequence();
    QTest::keyClick(window_, Qt::Key_F3);
    EXPECT_TRUE(said("“set_vring_num” is found in no other record"));
    EXPECT_EQ(window_->current_sequence(), only);
    line.setText(QStringLiteral("nowhere"));
    QTest::keyClick(window_, Qt::Key_F3);
    EXPECT_TRUE(said("“nowhere” is found in no record"));
    EXPECT_EQ(window_->current_sequence(), only);
    type_filter("state == used");
    ASSERT_TRUE(wait([this] { return model().rowCount() == 50 && !model().is_filtering(); }));
    line.setText(QStringLiteral("set_vring_num"));
    QTest::keyClick(window_, Qt::Key_F3);
    EXPECT_TRUE(said("“set_vring_num” is found in none of the records that the filter picks"));
}

TEST_F(WindowTest, EscStopsASearchBeforeItHidesTheBar) {
    write_trace(30000);
    open();
    QTest::keyClick(window_, Qt::Key_F, Qt::ControlModifier);
    window_->find_line().setText(QStringLiteral("nowhere"));
    QTest::keyClick(&window_->find_line(), Qt::Key_Return);
    ASSERT_TRUE(window_->document()->is_searching());
    QTest::keyClick(window_, Qt::Key_Escape);
    EXPECT_FALSE(window_->document()->is_searching());
    EXPECT_TRUE(window_->find_line().isVisible());
    EXPECT_TRUE(window_->statusBar()->currentMessage().contains(QLatin1String("search was stopped")));
    QTest::keyClick(window_, Qt::Key_Escape);
    EXPECT_FALSE(window_->find_line().isVisible());
}

}  // namespace
}  // namespace vutrace::gui
