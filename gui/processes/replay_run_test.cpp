#include "vutrace/gui/processes/replay_run.h"

#include "vutrace/gui/processes/divergences_model.h"

#include <gtest/gtest.h>

#include <QAbstractItemModelTester>
#include <QCoreApplication>
#include <QFileInfo>
#include <QProcess>
#include <QTemporaryDir>
#include <QTest>

namespace vutrace::gui {
namespace {

constexpr int patience = 60000;  // milliseconds

class ReplayRunTest : public ::testing::Test {
  protected:
    static int& argument_count() {
        static int count = 0;
        return count;
    }
    // A trace of a whole session that needs nothing installed.
    void make_trace() {
        ASSERT_EQ(QProcess::execute(program_, {QStringLiteral("demo"), QStringLiteral("-o"), folder_.path()}), 0);
        options_.trace = folder_.filePath(QStringLiteral("demo.pcap"));
        ASSERT_TRUE(QFileInfo::exists(options_.trace));
    }
    // With the image that the demo replayed into, made empty again.
    void fresh_back_end() {
        const QString image = folder_.filePath(QStringLiteral("replayed.img"));
        QFile file(image);
        const qint64 size = file.size();
        ASSERT_TRUE(file.resize(0) && file.resize(size));
        options_.spawn = true;
        options_.timing = QStringLiteral("max");
        options_.back_end =
            QStringLiteral("exec '%1' demo --role back-end --socket '{socket}' --image '%2'").arg(program_, image);
    }
    bool run_to_end() {
        bool ended = false;
        const QObject until_then;  // the connection ends with what it writes to
        QObject::connect(&run_, &ReplayRun::ended, &until_then, [&] { ended = true; });
        run_.start(program_, options_);
        return QTest::qWaitFor([&] { return ended; }, patience);
    }

    QCoreApplication application_{argument_count(), nullptr};
    QTemporaryDir folder_;
    const QString program_ = QStringLiteral(VUTRACE_PROGRAM);
    ReplayOptions options_;
    ReplayRun run_;
};

TEST_F(ReplayRunTest, PutsItsOptionsIntoTheCommandLine) {
    options_.trace = QStringLiteral("a.pcap");
    options_.back_end = QStringLiteral("/run/b.sock");
    EXPECT_EQ(replay_arguments(options_, {}).join(QLatin1Char(' ')),
              QStringLiteral("replay a.pcap --backend /run/b.sock --timeout 10"));
    options_.spawn = true;
    options_.back_end = QStringLiteral("start {socket}");
    options_.timing = QStringLiteral("max");
    options_.session = 2;
    options_.stop_on_divergence = true;
    options_.own_trace = QStringLiteral("own.pcap");
    EXPECT_EQ(replay_arguments(options_, QStringLiteral("r.json")).join(QLatin1Char(' ')),
              QStringLiteral("replay a.pcap --spawn start {socket} --timing max --session 2 --timeout 10 "
                             "--stop-on-divergence --report r.json --write own.pcap"));
}

TEST_F(ReplayRunTest, ReadsAReport) {
    const auto report = parse_replay_report(R"({"messages_sent": 7, "replies_compared": 5, "replies_diverged": 1,
        "chains_submitted": 3, "chains_completed": 2, "chains_diverged": 1, "backend": {"state": "hung"},
        "divergences": [{"seq": 12, "kind": "reply", "expected": "0x1", "actual": {"features": "0x2"}},
                        {"kind": "chain", "expected": 4, "actual": null}]})");
    ASSERT_TRUE(report);
    EXPECT_EQ(report->messages_sent, 7U);
    EXPECT_EQ(report->chains_completed, 2U);
    EXPECT_EQ(report->back_end, QStringLiteral("hung"));
    ASSERT_EQ(report->divergences.size(), 2U);
    EXPECT_EQ(report->divergences[0].actual, QStringLiteral("{\"features\":\"0x2\"}"));
    EXPECT_EQ(report->divergences[1].expected, QStringLiteral("4"));

    DivergencesModel model;
    const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::Fatal);
    model.set_divergences(report->divergences);
    EXPECT_EQ(model.rowCount(), 2);
    EXPECT_EQ(model.sequence_at(0), 12U);
    EXPECT_EQ(model.sequence_at(1), 0U);
    EXPECT_EQ(model.sequence_at(2), 0U);
    EXPECT_EQ(model.index(1, DivergencesModel::kind).data().toString(), QStringLiteral("chain"));
    EXPECT_FALSE(model.index(1, DivergencesModel::record).data().isValid());

    for (const char* wrong : {"", "[]", "{}", "{\"messages_sent\": 1}", "{\"messages_sent\": 1, \"divergences\": 3}"}) {
        EXPECT_FALSE(parse_replay_report(wrong)) << wrong;
    }
}

TEST(ReplayReport, DifferencesAreTakenFieldByField) {
    const auto report = parse_replay_report(R"({"messages_sent": 1, "divergences": [
        {"expected": "0200", "actual": "0100", "differences": ["value: expected 2, got 1", "size: expected 8, got 4"]},
        {"expected": "0200", "actual": "0100", "differences": ["something else"]}]})");
    ASSERT_TRUE(report);
    EXPECT_EQ(report->divergences[0].expected, QStringLiteral("value 2; size 8"));
    EXPECT_EQ(report->divergences[0].actual, QStringLiteral("value 1; size 4"));
    EXPECT_EQ(report->divergences[1].expected, QStringLiteral("0200"));
}

TEST_F(ReplayRunTest, ReplaysATraceAndKeepsItsOwn) {
    make_trace();
    fresh_back_end();
    options_.own_trace = folder_.filePath(QStringLiteral("own.pcap"));
    ASSERT_TRUE(run_to_end());
    ASSERT_TRUE(run_.report()) << run_.problem().toStdString();
    EXPECT_GT(run_.report()->messages_sent, 10U);
    EXPECT_EQ(run_.report()->chains_submitted, 400U);
    EXPECT_EQ(run_.report()->chains_completed, 400U);
    EXPECT_TRUE(run_.report()->divergences.empty());
    EXPECT_FALSE(run_.is_running());
    EXPECT_GT(QFileInfo(options_.own_trace).size(), 1000);
}

// On the image that the session left behind, reads find what was not there yet.
TEST_F(ReplayRunTest, TellsWhereTheBackEndDiffered) {
    make_trace();
    fresh_back_end();
    ASSERT_TRUE(run_to_end());
    EXPECT_TRUE(run_.report()->divergences.empty());
    ASSERT_TRUE(run_to_end());
    ASSERT_TRUE(run_.report());
    ASSERT_FALSE(run_.report()->divergences.empty());
    EXPECT_NE(run_.report()->divergences.front().sequence, 0U);
    EXPECT_FALSE(run_.report()->divergences.front().kind.isEmpty());
}

TEST_F(ReplayRunTest, SaysHowABackEndFailedThatNeverListens) {
    make_trace();
    options_.spawn = true;
    options_.back_end = QStringLiteral("exec true");
    options_.timeout_seconds = 1;
    ASSERT_TRUE(run_to_end());
    EXPECT_FALSE(run_.report());
    EXPECT_FALSE(run_.problem().isEmpty());
}

// What the person must know first: notes on the trace were said before it.
TEST_F(ReplayRunTest, SaysWhatEndedItBeforeItsNotes) {
    const QString program = folder_.filePath(QStringLiteral("refuses"));
    QFile file(program);
    ASSERT_TRUE(file.open(QIODevice::WriteOnly));
    file.write(
        "#!/bin/sh\n"
        "echo 'vutrace replay: note: 1 is late' >&2\n"
        "echo 'vutrace replay: cannot connect' >&2\n"
        "exit 1\n");
    file.setPermissions(QFile::ReadOwner | QFile::WriteOwner | QFile::ExeOwner);
    file.close();
    bool ended = false;
    QObject::connect(&run_, &ReplayRun::ended, [&] { ended = true; });
    run_.start(program, options_);
    EXPECT_TRUE(QTest::qWaitFor([&] { return ended; }, patience));
    EXPECT_TRUE(run_.problem().startsWith(QLatin1String("vutrace replay: cannot connect")))
        << run_.problem().toStdString();
}

TEST_F(ReplayRunTest, SaysWhyItCouldNotBegin) {
    options_.trace = folder_.filePath(QStringLiteral("none.pcap"));
    options_.back_end = folder_.filePath(QStringLiteral("none.sock"));
    ASSERT_TRUE(run_to_end());
    EXPECT_TRUE(run_.problem().contains(QLatin1String("none.pcap"))) << run_.problem().toStdString();

    bool ended = false;
    QObject::connect(&run_, &ReplayRun::ended, [&] { ended = true; });
    run_.start(QStringLiteral("/no/such/program"), options_);
    EXPECT_TRUE(QTest::qWaitFor([&] { return ended; }, patience));
    EXPECT_FALSE(run_.problem().isEmpty());
}

TEST_F(ReplayRunTest, StopsWhenItIsAskedTo) {
    make_trace();
    options_.back_end = QStringLiteral("listen:") + folder_.filePath(QStringLiteral("nobody.sock"));
    bool ended = false;
    QObject::connect(&run_, &ReplayRun::ended, [&] { ended = true; });
    run_.start(program_, options_);
    ASSERT_TRUE(
        QTest::qWaitFor([&] { return QFileInfo::exists(folder_.filePath(QStringLiteral("nobody.sock"))); }, patience));
    run_.stop();
    ASSERT_TRUE(QTest::qWaitFor([&] { return ended; }, patience));
    EXPECT_TRUE(run_.problem().contains(QLatin1String("stopped")));
}

}  // namespace
}  // namespace vutrace::gui
