// Fixture: a window on the trace of a block device.
#pragma once

#include "trace_fixture.h"

#include <vutrace/gui/views/main_window.h>

#include <QSettings>
#include <QTest>

namespace vutrace::gui::testing {

class WindowFixture : public TraceFixture {
  protected:
    WindowFixture() : TraceFixture("gui_views") {}
    void SetUp() override { QSettings().clear(); }
    void TearDown() override {
        delete window_;
        TraceFixture::TearDown();
    }

    template <class Condition>
    static bool wait(const Condition& condition) {
        return QTest::qWaitFor(condition, patience);
    }
    // Without a trace.
    void start() {
        window_ = new MainWindow(QStringLiteral("test"));
        window_->resize(1280, 800);
        window_->show();
        window_->show_start_page();
    }
    // Returns when all of the trace is read.
    void open(const QString& path) {
        window_ = new MainWindow(QStringLiteral("test"));
        window_->resize(1280, 800);
        window_->show();
        activate();
        window_->open(path);
        ASSERT_TRUE(wait([this] { return window_->document()->progress().complete; }));
    }

    // Shown, and with the keyboard: on an X server that takes its time.
    void activate() {
        window_->activateWindow();
        ASSERT_TRUE(QTest::qWaitForWindowActive(window_, patience));
    }

    MainWindow* window_{nullptr};
};

}  // namespace vutrace::gui::testing
