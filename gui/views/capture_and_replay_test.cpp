#include "vutrace/gui/views/capture_and_replay.h"

#include "sample_window.h"
#include "screenshot.h"
#include "vutrace/gui/views/capture_dialog.h"
#include "vutrace/gui/views/findings_dock.h"
#include "vutrace/gui/views/main_window.h"
#include "vutrace/gui/views/records_view.h"
#include "vutrace/gui/views/replay_pane.h"

#include <vutrace/session/testing/session_builder.h>
#include <vutrace/trace/seekable_file.h>

#include <gtest/gtest.h>

#include <QAction>
#include <QApplication>
#include <QComboBox>
#include <QDockWidget>
#include <QFile>
#include <QFileDialog>
#include <QFileInfo>
#include <QLabel>
#include <QLineEdit>
#include <QMessageBox>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QSettings>
#include <QSignalSpy>
#include <QSpinBox>
#include <QStatusBar>
#include <QTemporaryDir>
#include <QTest>
#include <QTimer>
#include <QToolButton>
#include <QTreeView>
#include <algorithm>
#include <memory>
#include <vector>

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
        window_->activateWindow();
        ASSERT_TRUE(QTest::qWaitForWindowActive(window_, patience));  // its shortcuts are not heard before
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

// In the place of vutrace: leaves the report and the trace of its own that a replay leaves.
TEST_F(CaptureAndReplayTest, TheReplaysOwnTraceIsOfferedWhereThereIsOne) {
    open();
    window_->capture_and_replay().show_replay();
    replay().back_end().setText(QStringLiteral("/run/b.sock"));
    const QString program = folder_.filePath(QStringLiteral("replays"));
    const QString own = replay().options().own_trace;
    const auto run = [&](const char* report, const char* trace) {
        QFile file(program);
        ASSERT_TRUE(file.open(QIODevice::WriteOnly | QIODevice::Truncate));
        file.write("#!/bin/sh\nwhile [ $# -gt 1 ]; do\n  case $1 in\n    --report) printf '%s' '");
        file.write(report);
        file.write("' >\"$2\" ;;\n    --write) printf '%s' '");
        file.write(trace);
        file.write("' >\"$2\" ;;\n  esac\n  shift\ndone\n");
        file.setPermissions(QFile::ReadOwner | QFile::WriteOwner | QFile::ExeOwner);
        file.close();
        QSignalSpy ended(&replay().run(), &ReplayRun::ended);
        replay().run().start(program, replay().options());
        ASSERT_TRUE(ended.wait(patience));
    };
    QPushButton* offer = nullptr;
    for (auto* button : replay().findChildren<QPushButton*>()) {
        offer = button->text() == QLatin1String("Open its own trace") ? button : offer;
    }
    ASSERT_NE(offer, nullptr);
    EXPECT_FALSE(offer->isVisible()) << "nothing was replayed";
    const char* const report = R"({"messages_sent": 12, "divergences": [], "backend": {"state": "alive"}})";
    run(report, "a trace");
    ASSERT_TRUE(offer->isVisible()) << replay().outcome().text().toStdString();
    EXPECT_TRUE(replay().outcome().text().startsWith(QLatin1String("Nothing differed. 12 messages sent")));
    QSignalSpy wanted(&replay(), &ReplayPane::trace_wanted);
    offer->click();
    ASSERT_EQ(wanted.count(), 1);
    EXPECT_EQ(wanted.first().first().toString(), own);
    std::vector<MainWindow*> others;
    for (QWidget* widget : QApplication::topLevelWidgets()) {
        if (auto* other = qobject_cast<MainWindow*>(widget); other != nullptr && other != window_) {
            others.push_back(other);
        }
    }
    ASSERT_EQ(others.size(), 1U);
    const std::unique_ptr<MainWindow> other(others.front());
    EXPECT_EQ(other->document()->path(), own) << "it opens beside the recorded one";
    run(report, "");
    EXPECT_FALSE(offer->isVisible()) << "there is nothing in it";
    run("", "that of before");
    EXPECT_FALSE(offer->isVisible()) << "the replay ended without a report";
    EXPECT_TRUE(replay().outcome().text().startsWith(QLatin1String("!! ")));
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

TEST_F(CaptureAndReplayTest, APathIsChosenWithTheButtonBesideIt) {
    open();
    window_->capture_and_replay().show_capture();
    CaptureDialog& capture = *window_->capture_and_replay().capture();
    const QString chosen = folder_.filePath(QStringLiteral("chosen.pcap"));
    capture.trace().setText(path_);
    QTimer::singleShot(0, &capture, [&] {
        auto* dialog = qobject_cast<QFileDialog*>(QApplication::activeModalWidget());
        ASSERT_NE(dialog, nullptr);
        dialog->selectFile(chosen);
        QMetaObject::invokeMethod(dialog, "accept");
    });
    capture.trace().parentWidget()->findChild<QToolButton*>()->click();
    EXPECT_EQ(capture.trace().text(), chosen);
}

TEST_F(CaptureAndReplayTest, ACaptureNeverOverwritesTheTraceThatIsOpen) {
    open();
    window_->capture_and_replay().show_capture();
    CaptureDialog& capture = *window_->capture_and_replay().capture();
    EXPECT_FALSE(QFile::exists(capture.trace().text())) << "a name that is free is suggested";
    capture.front_end().setText(folder_.filePath(QStringLiteral("front.sock")));
    capture.back_end().setText(folder_.filePath(QStringLiteral("back.sock")));
    capture.trace().setText(folder_.filePath(QStringLiteral("./session.pcap")));
    const qint64 size = QFileInfo(path_).size();
    capture.start_button().click();
    EXPECT_FALSE(capture.run().is_running());
    EXPECT_EQ(QFileInfo(path_).size(), size);
    EXPECT_TRUE(capture.said().toPlainText().contains(QLatin1String("another name")));
}

TEST_F(CaptureAndReplayTest, ACaptureAsksBeforeItOverwritesAFile) {
    open();
    const QString other = folder_.filePath(QStringLiteral("other.pcap"));
    ASSERT_TRUE(QFile::copy(path_, other));
    window_->capture_and_replay().show_capture();
    CaptureDialog& capture = *window_->capture_and_replay().capture();
    capture.front_end().setText(folder_.filePath(QStringLiteral("front.sock")));
    capture.back_end().setText(folder_.filePath(QStringLiteral("back.sock")));
    capture.trace().setText(other);
    bool asked = false;
    QTimer::singleShot(0, &capture, [&] {
        auto* box = qobject_cast<QMessageBox*>(QApplication::activeModalWidget());
        ASSERT_NE(box, nullptr);
        asked = box->text().contains(other);
        QTest::keyClick(box, Qt::Key_Return);  // the answer that is there already keeps the file
    });
    capture.start_button().click();
    EXPECT_TRUE(asked);
    EXPECT_FALSE(capture.run().is_running());
    EXPECT_EQ(QFileInfo(other).size(), QFileInfo(path_).size());
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
    const auto labels = window_->statusBar()->findChildren<QLabel*>();
    EXPECT_TRUE(std::any_of(labels.begin(), labels.end(), [](const QLabel* label) {
        return label->text().contains(QLatin1String("Following; Esc ends it"));
    }));
    ASSERT_TRUE(file.seek(all.size() / 2));
    file.write(all.mid(all.size() / 2));
    file.close();
    EXPECT_TRUE(QTest::qWaitFor([&] { return window_->model()->rowCount() == rows; }, patience));
    EXPECT_TRUE(QTest::qWaitFor([&] { return window_->records().current_row() == rows - 1; }, patience));
    EXPECT_FALSE(window_->document()->progress().complete);
    QTest::keyClick(window_, Qt::Key_Escape);
    EXPECT_TRUE(QTest::qWaitFor([&] { return window_->document()->progress().complete; }, patience));
    EXPECT_FALSE(window_->notice().isVisible()) << window_->notice().text().toStdString();
    EXPECT_TRUE(std::any_of(labels.begin(), labels.end(), [](const QLabel* label) {
        return label->text().contains(QLatin1String("Following was stopped; F5 reads on"));
    }));
    const TraceDocument* before = window_->document();
    QTest::keyClick(window_, Qt::Key_F, Qt::ControlModifier | Qt::ShiftModifier);
    EXPECT_TRUE(QTest::qWaitFor([&] { return window_->document()->waits_for_more(); }, patience));
    EXPECT_EQ(window_->document(), before) << "not from its beginning";
    EXPECT_EQ(window_->model()->rowCount(), rows);
}

// With what it writes, and without an end to it.
TEST_F(CaptureAndReplayTest, ATraceThatGrowsHasATimelineAndFindings) {
    const QString grown = folder_.filePath(QStringLiteral("grown.pcap"));
    const QString sample = QStringLiteral(VUTRACE_SAMPLES "/bug-used-twice.pcap.zst");
    auto whole = trace::SeekableFile::open(sample.toStdString());
    ASSERT_TRUE(whole);
    QFile in(QString::fromStdString(whole->path()));
    ASSERT_TRUE(in.open(QIODevice::ReadOnly));
    const QByteArray all = in.readAll();
    QFile out(grown);
    ASSERT_TRUE(out.open(QIODevice::WriteOnly));
    out.write(all.left(all.size() / 2));
    out.flush();
    window_ = new MainWindow(QStringLiteral("test"));
    window_->show();
    window_->open(grown, true);
    const auto overview = [&] { return window_->document()->overview(); };
    ASSERT_TRUE(QTest::qWaitFor([&] { return overview()->last_row > 0; }, patience));
    const std::uint64_t first = overview()->last_row;
    out.write(all.mid(all.size() / 2));
    out.close();
    EXPECT_TRUE(QTest::qWaitFor([&] { return overview()->last_row > first; }, patience));
    EXPECT_TRUE(QTest::qWaitFor([&] { return window_->findings_dock().isVisible(); }, patience));
    EXPECT_TRUE(window_->document()->waits_for_more());
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
