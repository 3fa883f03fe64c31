#include "vutrace/gui/views/capture_and_replay.h"

#include "sample_window.h"
#include "screenshot.h"
#include "vutrace/gui/views/capture_dialog.h"
#include "vutrace/gui/views/main_window.h"
#include "vutrace/gui/views/records_view.h"
#include "vutrace/gui/views/replay_pane.h"

#include <vutrace/session/testing/session_builder.h>

#include <gtest/gtest.h>

#include <QAction>
#include <QComboBox>
#include <QDockWidget>
#include <QFile>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSettings>
#include <QSignalSpy>
#include <QSpinBox>
#include <QTemporaryDir>
#include <QTest>
#include <QTreeView>

namespace vutrace::gui {
namespace {

using session::testing::BlockSession;
using session::testing::SessionBuilder;

constexpr int patience = 20000;  // milliseconds

class CaptureAndReplayTest : public ::testing::Test {
  protected:
    void SetUp() override {
        QSettings().clear();
        BlockSession::start(builder_);
        for (std::uint16_t i = 0; i < 50; ++i) {
            builder_.chains(0, {BlockSession::write_request(0, i, i, 0x100000, Bytes(512, std::byte{1}))});
        }
        ASSERT_TRUE(builder_.write_to(path_.toStdString()));
    }
    void TearDown() override { delete window_; }
    void open(bool grows = false) {
        window_ = new MainWindow(QStringLiteral("test"));
        window_->show();
        window_->open(path_, grows);
        ASSERT_TRUE(QTest::qWaitFor(
            [&] { return window_->document()->progress().complete || window_->document()->waits_for_more(); },
            patience));
    }
    [[nodiscard]] ReplayPane& replay() const { return window_->capture_and_replay().replay(); }

    SessionBuilder builder_;
    QTemporaryDir folder_;
    const QString path_ = folder_.filePath(QStringLiteral("session.pcap"));
    MainWindow* window_{nullptr};
};

TEST_F(CaptureAndReplayTest, TheReplayIsOfTheTraceThatIsOpen) {
    open();
    EXPECT_FALSE(window_->capture_and_replay().replay_dock().isVisible());
    window_->capture_and_replay().show_replay();
    EXPECT_TRUE(window_->capture_and_replay().replay_dock().isVisible());
    EXPECT_FALSE(replay().start_button().isEnabled()) << "no back-end is given";
    QTest::keyClicks(&replay().back_end(), QStringLiteral("/run/b.sock"));
    EXPECT_TRUE(replay().start_button().isEnabled());
    EXPECT_EQ(replay().options().trace, path_);
    EXPECT_EQ(replay().options().session, 0U) << "the first";
    replay().session().setValue(2);
    EXPECT_TRUE(
        replay_arguments(replay().options(), {}).join(QLatin1Char(' ')).contains(QStringLiteral("--session 2")));
    replay().session().setValue(0);
    EXPECT_EQ(replay().options().back_end, QStringLiteral("/run/b.sock"));
    EXPECT_EQ(replay().options().own_trace, folder_.filePath(QStringLiteral("session.replay.pcap")));
    replay().way().setCurrentIndex(1);
    EXPECT_EQ(replay().options().back_end, QStringLiteral("listen:/run/b.sock"));
    replay().way().setCurrentIndex(2);
    EXPECT_TRUE(replay().options().spawn);
}

TEST_F(CaptureAndReplayTest, ADifferenceGoesToItsRecord) {
    open();
    QSignalSpy wanted(&replay(), &ReplayPane::record_wanted);
    auto* model = qobject_cast<DivergencesModel*>(replay().divergences().model());
    ASSERT_NE(model, nullptr);
    model->set_divergences({{7, QStringLiteral("reply"), QStringLiteral("1"), QStringLiteral("2")},
                            {0, QStringLiteral("back-end"), {}, {}}});
    window_->capture_and_replay().show_replay();
    replay().divergences().setCurrentIndex(model->index(0, 0));
    QTest::keyClick(&replay().divergences(), Qt::Key_Return);
    ASSERT_EQ(wanted.count(), 1);
    EXPECT_TRUE(QTest::qWaitFor([&] { return window_->current_sequence() == 7; }, patience));
    replay().divergences().setCurrentIndex(model->index(1, 0));
    QTest::keyClick(&replay().divergences(), Qt::Key_Return);
    EXPECT_EQ(wanted.count(), 1) << "it is about no record";
    ASSERT_TRUE(testing::wait_until_shown(*window_));
    testing::expect_picture(*window_, QStringLiteral("replay-light"));
}

TEST_F(CaptureAndReplayTest, TheCaptureFormSaysWhatItCostsAndWhichCommandItIs) {
    open();
    window_->capture_and_replay().show_capture();
    CaptureDialog& capture = *window_->capture_and_replay().capture();
    EXPECT_TRUE(capture.isVisible());
    EXPECT_FALSE(capture.start_button().isEnabled());
    QTest::keyClicks(&capture.front_end(), QStringLiteral("/run/vm.sock"));
    QTest::keyClicks(&capture.back_end(), QStringLiteral("/run/b.sock"));
    EXPECT_TRUE(capture.start_button().isEnabled());
    const QString tap = capture.warnings().text();
    capture.datapath().setCurrentIndex(2);
    EXPECT_EQ(capture.options().datapath, QStringLiteral("shadow"));
    EXPECT_NE(capture.warnings().text(), tap);
    capture.trace().setText(QStringLiteral("/srv/traces/session.pcap"));  // it begins in the home of whoever runs this
    testing::expect_picture(capture, QStringLiteral("capture-light"), testing::Kept::yes);
    capture.trace().setText(path_);
    EXPECT_TRUE(capture.warnings().text().contains(QLatin1String("overwritten")));
    capture.datapath().setCurrentIndex(3);
    EXPECT_EQ(capture.options().datapath, QStringLiteral("off"));
    EXPECT_TRUE(capture.options().memory.isEmpty());
}

TEST_F(CaptureAndReplayTest, WhatIsWrittenToATraceThatGrowsIsShownAndTheLastRecordFollowed) {
    QFile file(path_);
    ASSERT_TRUE(file.open(QIODevice::ReadWrite));
    const QByteArray all = file.readAll();
    ASSERT_TRUE(file.resize(all.size() / 2));
    open(true);
    const int first = window_->model()->rowCount();
    const int rows = static_cast<int>(builder_.last_sequence());
    EXPECT_LT(first, rows);
    QTest::keyClick(&window_->records(), Qt::Key_End);
    EXPECT_EQ(window_->records().current_row(), first - 1);
    ASSERT_TRUE(file.seek(all.size() / 2));
    file.write(all.mid(all.size() / 2));
    file.close();
    EXPECT_TRUE(QTest::qWaitFor([&] { return window_->model()->rowCount() == rows; }, patience));
    EXPECT_TRUE(QTest::qWaitFor([&] { return window_->records().current_row() == rows - 1; }, patience));
    EXPECT_FALSE(window_->document()->progress().complete);
    QTest::keyClick(window_, Qt::Key_Escape);
    EXPECT_TRUE(QTest::qWaitFor([&] { return window_->document()->progress().complete; }, patience));
    EXPECT_FALSE(window_->notice().isVisible()) << window_->notice().text().toStdString();
}

// The document that knew its name is gone by the time that the name is needed.
TEST_F(CaptureAndReplayTest, ATraceThatIsFollowedFromItsWindowKeepsItsName) {
    open();
    QTest::keyClick(&window_->records(), Qt::Key_F, Qt::ControlModifier | Qt::ShiftModifier);
    EXPECT_TRUE(QTest::qWaitFor([&] { return window_->document()->waits_for_more(); }, patience));
    EXPECT_EQ(window_->document()->path(), path_);
    EXPECT_EQ(window_->windowFilePath(), path_);
    EXPECT_EQ(replay().options().trace, path_);
}

}  // namespace
}  // namespace vutrace::gui
