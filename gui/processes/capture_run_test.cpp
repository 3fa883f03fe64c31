#include "vutrace/gui/processes/capture_run.h"

#include "vutrace/gui/processes/vutrace_program.h"

#include <gtest/gtest.h>

#include <QCoreApplication>
#include <QFileInfo>
#include <QTemporaryDir>
#include <QTest>
#include <csignal>

namespace vutrace::gui {
namespace {

constexpr int patience = 20000;  // milliseconds

class CaptureRunTest : public ::testing::Test {
  protected:
    [[nodiscard]] CaptureOptions options() const {
        CaptureOptions options;
        options.front_end = folder_.filePath(QStringLiteral("front.sock"));
        options.back_end = folder_.filePath(QStringLiteral("back.sock"));
        options.trace = folder_.filePath(QStringLiteral("own.pcap"));
        return options;
    }
    [[nodiscard]] static bool wait_for_end(const CaptureRun& run) {
        return QTest::qWaitFor([&] { return !run.is_running(); }, patience);
    }
    // The test program lives on Qt's event loop, as the window does.
    static int& argument_count() {
        static int count = 0;
        return count;
    }
    QCoreApplication application_{argument_count(), nullptr};
    QTemporaryDir folder_;
    const QString program_ = QStringLiteral(VUTRACE_PROGRAM);
};

TEST_F(CaptureRunTest, PutsItsOptionsIntoTheCommandLine) {
    CaptureOptions options{QStringLiteral("/run/vm.sock"),
                           QStringLiteral("/run/my disk.sock"),
                           QStringLiteral("a.pcap"),
                           QStringLiteral("relay"),
                           QStringLiteral("full"),
                           128,
                           true};
    EXPECT_EQ(command_line(QStringLiteral("vutrace"), capture_arguments(options)),
              QStringLiteral("vutrace capture /run/vm.sock '/run/my disk.sock' --write a.pcap --datapath relay "
                             "--memory full --snaplen 128 --once"));
    EXPECT_EQ(capture_arguments({QStringLiteral("a"), QStringLiteral("b"), QStringLiteral("c"), {}, {}, 0, false}),
              QStringList({QStringLiteral("capture"), QStringLiteral("a"), QStringLiteral("b"),
                           QStringLiteral("--write"), QStringLiteral("c")}));
    EXPECT_EQ(command_line(QStringLiteral("it's"), {QString()}), QStringLiteral("'it'\\''s' ''"));
}

TEST_F(CaptureRunTest, WarnsOfWhatAModeCosts) {
    const auto warnings = [this](const char* datapath, const char* memory, std::uint64_t snap_length) {
        CaptureOptions chosen = options();
        chosen.datapath = QString::fromLatin1(datapath);
        chosen.memory = QString::fromLatin1(memory);
        chosen.snap_length = snap_length;
        return capture_warnings(chosen);
    };
    EXPECT_EQ(warnings("", "", 0).size(), 1);
    EXPECT_EQ(warnings("tap", "rings", 0).size(), 0);
    EXPECT_EQ(warnings("off", "full", 0).size(), 1);
    EXPECT_EQ(warnings("shadow", "buffers", 0).size(), 2);
    EXPECT_EQ(warnings("shadow", "buffers", 64).size(), 1);
    EXPECT_TRUE(warnings("relay", "full", 0).last().contains(QLatin1String("memory")));
    QFile file(options().trace);
    ASSERT_TRUE(file.open(QIODevice::WriteOnly));
    EXPECT_TRUE(warnings("tap", "rings", 0).join(QString()).contains(QLatin1String("overwritten")));
}

TEST_F(CaptureRunTest, SuggestsNamesThatNoFileHas) {
    for (const char* name : {"session.pcap", "session-2.pcap", "session-3.pcap"}) {
        const QString path = folder_.filePath(QString::fromLatin1(name));
        EXPECT_EQ(free_trace_name(folder_.path()), path);
        QFile file(path);
        ASSERT_TRUE(file.open(QIODevice::WriteOnly));
    }
}

TEST_F(CaptureRunTest, RunsUntilItIsStopped) {
    CaptureRun run;
    ASSERT_TRUE(run.start(program_, options())) << run.problem().toStdString();
    ASSERT_TRUE(QTest::qWaitFor([&] { return run.said().join(QString()).contains(QLatin1String("ready")); }, patience));
    EXPECT_TRUE(run.is_running());
    EXPECT_TRUE(QFileInfo::exists(options().trace));
    EXPECT_FALSE(QFileInfo(options().trace + QStringLiteral(".log")).permissions() &
                 (QFile::ReadGroup | QFile::ReadOther))
        << "it is as secret as the trace";
    run.stop();
    ASSERT_TRUE(wait_for_end(run));
    EXPECT_TRUE(run.said().last().contains(QLatin1String("0 sessions"))) << run.said().last().toStdString();
}

TEST_F(CaptureRunTest, GoesOnWithoutTheWindow) {
    qint64 process = 0;
    {
        CaptureRun run;
        ASSERT_TRUE(run.start(program_, options()));
        process = run.process();
    }
    ASSERT_TRUE(QTest::qWaitFor([&] { return QFileInfo::exists(options().front_end); }, patience));
    EXPECT_EQ(::kill(static_cast<pid_t>(process), 0), 0);
    EXPECT_EQ(::kill(static_cast<pid_t>(process), SIGINT), 0);
    EXPECT_TRUE(QTest::qWaitFor([&] { return !QFileInfo::exists(options().front_end); }, patience));
}

TEST_F(CaptureRunTest, SaysWhyItEnded) {
    CaptureRun run;
    CaptureOptions wrong = options();
    wrong.front_end = QStringLiteral("connect:/nowhere/at/all");
    wrong.back_end = QStringLiteral("fd:999");
    ASSERT_TRUE(run.start(program_, wrong));
    ASSERT_TRUE(wait_for_end(run));
    EXPECT_TRUE(QTest::qWaitFor([&] { return !run.said().isEmpty(); }, patience));
    EXPECT_TRUE(run.said().join(QString()).contains(QLatin1String("vutrace capture: ")));

    EXPECT_FALSE(run.start(QStringLiteral("/no/such/program"), options()));
    EXPECT_FALSE(run.problem().isEmpty());
    EXPECT_FALSE(run.is_running());
}

}  // namespace
}  // namespace vutrace::gui
