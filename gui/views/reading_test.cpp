// What a window reads: again, on, torn, dropped, nothing at all.
#include "vutrace/gui/views/filter_bar.h"
#include "vutrace/gui/views/findings_dock.h"
#include "vutrace/gui/views/main_window.h"
#include "vutrace/gui/views/records_view.h"
#include "window_test.h"

#include <vutrace/gui/models/findings_model.h>

#include <gtest/gtest.h>

#include <QApplication>
#include <QDockWidget>
#include <QLabel>
#include <QLineEdit>
#include <QMimeData>
#include <QStatusBar>
#include <QTest>
#include <QToolButton>
#include <algorithm>
#include <filesystem>
#include <fstream>

namespace vutrace::gui {
namespace {

using testing::WindowTest;

// A trace without records keeps every rule, which says nothing.
TEST_F(WindowTest, NothingIsSaidToBeCheckedWhereThereIsNoRecord) {
    std::ofstream(path_).close();
    open();
    ASSERT_TRUE(wait([this] { return window_->notice().isVisible(); }));
    QTest::keyClick(window_, Qt::Key_E, Qt::ControlModifier);
    EXPECT_TRUE(window_->statusBar()->currentMessage().contains(QLatin1String("no record")));
    EXPECT_FALSE(window_->findings_dock().model()->has_checked());
}

TEST_F(WindowTest, ATraceIsReadAgainAndThePlaceIsKept) {
    write_trace(50);
    open();
    window_->go_to_sequence(30);
    write_trace(50);  // longer by now
    const int rows = static_cast<int>(builder_.last_sequence());
    EXPECT_LT(model().rowCount(), rows);
    QTest::keyClick(window_, Qt::Key_F5);
    EXPECT_TRUE(wait([&] { return model().rowCount() == rows; }));
    EXPECT_TRUE(wait([this] { return window_->current_sequence() == 30; }));
}

TEST_F(WindowTest, ATraceIsReadAgainWithItsFilter) {
    write_trace(50);
    open();
    type_filter("state == used");
    ASSERT_TRUE(wait([this] { return model().rowCount() == 50 && !model().is_filtering(); }));
    window_->go_to_sequence(model().sequence_at(20));
    const std::uint64_t place = window_->current_sequence();
    write_trace(30);  // longer by now
    const TraceDocument* before = window_->document();
    QTest::keyClick(window_, Qt::Key_F5);
    EXPECT_NE(window_->document(), before) << "from its beginning";
    EXPECT_TRUE(wait([this] { return model().rowCount() == 80 && !model().is_filtering(); }));
    EXPECT_TRUE(wait([&] { return window_->current_sequence() == place; }));
    EXPECT_EQ(window_->filter_bar().text(), QStringLiteral("state == used"));
    EXPECT_FALSE(window_->filter_bar().pending().isVisible());
}

TEST_F(WindowTest, ATraceIsFollowedWithItsFilterAndItsPlace) {
    write_trace(50);
    open();
    type_filter("state == used");
    ASSERT_TRUE(wait([this] { return model().rowCount() == 50 && !model().is_filtering(); }));
    window_->go_to_sequence(model().sequence_at(20));
    const std::uint64_t place = window_->current_sequence();
    const TraceDocument* before = window_->document();
    QTest::keyClick(window_, Qt::Key_F, Qt::ControlModifier | Qt::ShiftModifier);
    EXPECT_NE(window_->document(), before) << "from its beginning";
    EXPECT_TRUE(wait([this] { return model().rowCount() == 50; })) << model().rowCount();
    EXPECT_TRUE(model().filter());
    EXPECT_TRUE(wait([&] { return window_->current_sequence() == place; }));
    EXPECT_TRUE(wait([this] {
        const QList<QLabel*> labels = window_->statusBar()->findChildren<QLabel*>();
        return std::any_of(labels.begin(), labels.end(),
                           [](const QLabel* label) { return label->text().startsWith(QLatin1String("Following;")); });
    })) << "what waits for more is not busy";
    QTest::keyClick(window_, Qt::Key_Escape);
    EXPECT_TRUE(wait([this] { return window_->document()->was_stopped() && !model().is_filtering(); }));
    EXPECT_EQ(model().rowCount(), 50);
}

TEST_F(WindowTest, OfAFileThatIsGoneStaysWhatWasReadOfIt) {
    write_trace(5);
    open();
    const int rows = model().rowCount();
    std::filesystem::remove(path_);
    for (const Qt::KeyboardModifiers modifiers : {Qt::KeyboardModifiers(), Qt::ControlModifier | Qt::ShiftModifier}) {
        window_->notice().clear();
        QTest::keyClick(window_, modifiers == Qt::NoModifier ? Qt::Key_F5 : Qt::Key_F, modifiers);
        EXPECT_TRUE(window_->notice().isVisible());
        EXPECT_TRUE(window_->notice().text().contains(QLatin1String("is not there any more")));
        EXPECT_EQ(model().rowCount(), rows);
    }
}

TEST_F(WindowTest, WhatWasSaidOfATraceIsNotSaidOfTheNext) {
    write_trace(5);
    open();
    ASSERT_TRUE(wait([this] { return window_->statusBar()->currentMessage().startsWith(QLatin1String("Checked")); }));
    std::ofstream(path_) << "this is not a trace, and long enough to be told from one";
    QTest::keyClick(window_, Qt::Key_F5);
    ASSERT_TRUE(wait([this] { return window_->document()->failed(); }));
    EXPECT_TRUE(window_->statusBar()->currentMessage().isEmpty());
}

class StoppedTraceTest : public WindowTest {
  protected:
    static constexpr int rounds = 30000;
    // By Esc, while it was read, with a filter and a place behind its first record.
    void open_and_stop() {
        write_trace(rounds);
        window_ = new MainWindow(QStringLiteral("test"));
        window_->resize(1280, 800);
        window_->show();
        activate();
        window_->open(path());
        QTest::keyClick(window_, Qt::Key_Escape);
        ASSERT_TRUE(wait([this] { return window_->document()->was_stopped(); }));
        type_filter("state == used");
        ASSERT_TRUE(wait([this] { return model().rowCount() > 10 && !model().is_filtering(); }));
        ASSERT_LT(model().rowCount(), rounds);
        window_->go_to_sequence(model().sequence_at(7));
    }
};

TEST_F(StoppedTraceTest, IsReadOnWithItsFilterAndItsPlace) {
    open_and_stop();
    EXPECT_TRUE(window_->notice().isVisible());
    EXPECT_TRUE(window_->notice().text().contains(QLatin1String("stopped"))) << window_->notice().text().toStdString();
    EXPECT_TRUE(window_->notice().text().contains(QLatin1String("F5")));
    const std::uint64_t place = window_->current_sequence();
    const TraceDocument* before = window_->document();
    QTest::keyClick(window_, Qt::Key_F5);
    EXPECT_FALSE(window_->notice().isVisible());
    EXPECT_EQ(window_->document(), before) << "not from its beginning";
    EXPECT_TRUE(wait([this] { return model().rowCount() == rounds && !model().is_filtering(); }));
    EXPECT_EQ(window_->current_sequence(), place);
    EXPECT_TRUE(records().selectionModel()->isRowSelected(7));
    EXPECT_TRUE(wait([this] { return window_->findings_dock().model()->has_checked(); })) << "as any that is read";
}

TEST_F(StoppedTraceTest, IsReadFromItsBeginningWhereTheFileIsAnotherOne) {
    open_and_stop();
    std::filesystem::remove(path_);
    write_trace(10);  // longer
    QTest::keyClick(window_, Qt::Key_F5);
    EXPECT_TRUE(wait([this] { return model().rowCount() == rounds + 10 && !model().is_filtering(); }));
    EXPECT_TRUE(window_->document()->progress().complete);
    EXPECT_FALSE(window_->notice().isVisible());
}

TEST_F(WindowTest, NothingIsSaidToBeShownOfAnEmptyFile) {
    std::ofstream(path_).close();
    open();
    EXPECT_TRUE(wait([this] { return window_->notice().isVisible(); }));
    EXPECT_TRUE(window_->notice().text().endsWith(QLatin1String("No record came before.")));
}

TEST_F(WindowTest, ATornTraceIsShownWithANotice) {
    write_trace(5);
    std::filesystem::resize_file(path_, std::filesystem::file_size(path_) - 3);
    open();
    EXPECT_TRUE(wait([this] { return window_->notice().isVisible(); }));
    EXPECT_TRUE(window_->notice().text().contains(QLatin1String("torn")));
    EXPECT_GT(model().rowCount(), 0);
}

TEST_F(WindowTest, OfACompressedTraceThatWasCutOffItIsSaidWhere) {
    const std::string cut = path_ + ".zst";
    std::filesystem::copy_file(VUTRACE_SAMPLES "/qemu-7.2-linux-blk.pcap.zst", cut);
    std::filesystem::resize_file(cut, 3000);
    WindowFixture::open(QString::fromStdString(cut));
    EXPECT_TRUE(wait([this] { return window_->notice().isVisible(); }));
    EXPECT_TRUE(window_->notice().text().contains(QLatin1String("ends inside a frame (at offset 3000)")));
    std::filesystem::remove(cut);
}

TEST_F(WindowTest, WhatIsNoTraceIsSaidAndTheWindowStaysUsable) {
    std::ofstream(path_) << "this is not a trace, and long enough to be told from one";
    open();
    EXPECT_TRUE(wait([this] { return window_->document()->failed() && window_->notice().isVisible(); }));
    write_trace(5);
    window_->open(QString::fromStdString(path_));
    EXPECT_TRUE(wait([this] { return model().rowCount() > 0; })) << "in the same window";
}

TEST_F(WindowTest, ATraceIsDropped) {
    write_trace(5);
    window_ = new MainWindow(QStringLiteral("test"));
    window_->show();
    QMimeData data;
    data.setUrls({QUrl::fromLocalFile(QString::fromStdString(path_))});
    QDragEnterEvent enter({10, 10}, Qt::CopyAction, &data, Qt::LeftButton, {});
    QApplication::sendEvent(window_, &enter);
    EXPECT_TRUE(enter.isAccepted());
    QDropEvent drop(QPointF(10, 10), Qt::CopyAction, &data, Qt::LeftButton, {});
    QApplication::sendEvent(window_, &drop);
    EXPECT_TRUE(wait([this] { return window_->model() != nullptr && model().rowCount() > 0; }));
}

TEST_F(WindowTest, ClosingWhileATraceIsReadDoesNotWaitForIt) {
    write_trace(20000);
    window_ = new MainWindow(QStringLiteral("test"));
    window_->open(QString::fromStdString(path_));
    window_->filter_bar().apply(QStringLiteral("state == used"));
    delete std::exchange(window_, nullptr);
}

}  // namespace
}  // namespace vutrace::gui
