#include "vutrace/gui/models/exporter.h"

#include "trace_fixture.h"
#include "vutrace/gui/models/record_reading.h"
#include "vutrace/gui/models/records_model.h"

#include <vutrace/index/cursor.h>

#include <gtest/gtest.h>

#include <QFile>
#include <QFileInfo>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>
#include <numeric>

namespace vutrace::gui {
namespace {

using testing::patience;

TEST(PickedRows, AreMergedAndTranslatedIntoStretchesOfRows) {
    PickedRows rows;
    rows.places = {{7, 9}, {0, 2}, {3, 4}, {8, 12}};
    rows.normalise();
    using Places = std::vector<std::pair<std::uint64_t, std::uint64_t>>;
    EXPECT_EQ(rows.places, (Places{{0, 4}, {7, 12}}));
    EXPECT_EQ(rows.count(), 11U);
    Places seen;
    const auto note = [&](std::uint64_t first, std::uint64_t last) {
        seen.emplace_back(first, last);
        return true;
    };
    rows.for_each(note);
    EXPECT_EQ(seen, (Places{{1, 5}, {8, 13}}));
    rows.filtered.emplace();
    for (const std::uint64_t row : {2U, 3U, 10U, 11U, 12U, 20U, 30U, 31U}) {
        rows.filtered->append(row);
    }
    rows.places = {{1, 5}, {7, 7}};
    seen.clear();
    rows.for_each(note);
    EXPECT_EQ(seen, (Places{{3, 3}, {10, 12}, {20, 20}, {31, 31}}));
}

TEST(CsvField, IsQuotedWhereItNeedsToBe) {
    EXPECT_EQ(csv_field(QStringLiteral("plain text")), QStringLiteral("plain text"));
    EXPECT_EQ(csv_field(QStringLiteral("a,b")), QStringLiteral("\"a,b\""));
    EXPECT_EQ(csv_field(QStringLiteral("say \"x\"")), QStringLiteral("\"say \"\"x\"\"\""));
    EXPECT_EQ(csv_field(QStringLiteral("two\nlines")), QStringLiteral("\"two\nlines\""));
    EXPECT_EQ(csv_field(QStringLiteral("\r")), QStringLiteral("\"\r\""));
}

class ExporterTest : public testing::TraceFixture {
  protected:
    ExporterTest() : TraceFixture("gui_exporter") {}
    void open(int rounds) {
        write_trace(rounds);
        document_ = std::make_unique<TraceDocument>(path());
        ASSERT_TRUE(QTest::qWaitFor([this] { return document_->progress().complete; }, patience));
        exporter_ = std::make_unique<Exporter>(*document_);
    }
    void TearDown() override {
        exporter_.reset();
        document_.reset();
        TraceFixture::TearDown();
    }
    [[nodiscard]] QString target() const { return folder_.filePath(QStringLiteral("out")); }
    // What it says went wrong.
    QString run(ExportRequest request) {
        QSignalSpy finished(exporter_.get(), &Exporter::finished);
        exporter_->begin(std::move(request));
        EXPECT_TRUE(QTest::qWaitFor([&] { return finished.count() == 1; }, patience));
        EXPECT_FALSE(exporter_->is_running());
        rows_ = finished.count() == 1 ? finished.front()[1].toULongLong() : 0;
        context_ = finished.count() == 1 ? finished.front()[2].toULongLong() : 0;
        return finished.count() == 1 ? finished.front()[0].toString() : QStringLiteral("no end");
    }
    [[nodiscard]] ExportRequest request(ExportFormat format, std::uint64_t first, std::uint64_t last) const {
        ExportRequest request;
        request.format = format;
        request.path = target();
        request.rows.places = {{first - 1, last - 1}};
        return request;
    }
    static QByteArray contents(const QString& path) {
        QFile file(path);
        return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
    }
    [[nodiscard]] QStringList left_in_folder() const {
        return QDir(folder_.path()).entryList(QDir::Files | QDir::Hidden);
    }

    QTemporaryDir folder_;
    std::unique_ptr<TraceDocument> document_;
    std::unique_ptr<Exporter> exporter_;
    quint64 rows_{0};
    quint64 context_{0};
};

TEST_F(ExporterTest, JsonIsThatOfTheCommandLine) {
    open(100);
    EXPECT_EQ(run(request(ExportFormat::json, 5, 60)), QString());
    EXPECT_EQ(rows_, 56U);
    index::Cursor cursor(document_->index());
    std::vector<std::uint64_t> rows(56);
    std::iota(rows.begin(), rows.end(), 5);
    EXPECT_EQ(contents(target()).toStdString(), read_text(cursor, rows, 0, RecordText::json));
}

TEST_F(ExporterTest, CsvHasTheColumnsThatAreSeen) {
    open(20);
    ExportRequest wanted = request(ExportFormat::csv, first_chain_, first_chain_ + 1);
    wanted.columns = {RecordsModel::name, RecordsModel::number};
    wanted.titles = {QStringLiteral("Name"), QStringLiteral("No., of the record")};
    EXPECT_EQ(run(wanted), QString());
    EXPECT_EQ(contents(target()),
              "Name,\"No., of the record\"\r\n" + QByteArray("available,%1\r\nused,%2\r\n")
                                                      .replace("%1", QByteArray::number(quint64{first_chain_}))
                                                      .replace("%2", QByteArray::number(quint64{first_chain_ + 1})));
}

TEST_F(ExporterTest, ATraceCanBeOpenedAgain) {
    open(100);
    EXPECT_EQ(run(request(ExportFormat::trace, first_chain_ + 20, first_chain_ + 23)), QString());
    EXPECT_EQ(rows_, 4U);
    EXPECT_GE(context_, first_chain_ - 1);
    TraceDocument again(target());
    ASSERT_TRUE(QTest::qWaitFor([&] { return again.progress().complete; }, patience));
    EXPECT_GE(again.progress().rows, rows_ + context_);
    EXPECT_TRUE(again.trouble().isEmpty()) << again.trouble().toStdString();
    EXPECT_GE(again.progress().rows, first_chain_ - 1 + 4);
    EXPECT_LT(again.progress().rows, first_chain_ + 10);
    EXPECT_EQ(left_in_folder(), QStringList{QStringLiteral("out")});
}

TEST_F(ExporterTest, OnlyWhatTheFilterPickedIsWritten) {
    open(50);
    ExportRequest wanted = request(ExportFormat::json, 1, 2);
    wanted.rows.filtered.emplace();
    wanted.rows.filtered->append(3);
    wanted.rows.filtered->append(7);
    EXPECT_EQ(run(wanted), QString());
    const QList<QByteArray> lines = contents(target()).split('\n');
    ASSERT_EQ(lines.size(), 3);
    EXPECT_TRUE(lines[0].startsWith("{\"seq\":3,"));
    EXPECT_TRUE(lines[1].startsWith("{\"seq\":7,"));
}

TEST_F(ExporterTest, TheTraceItselfIsNeverWritten) {
    open(5);
    const QByteArray before = contents(path());
    for (const ExportFormat format : {ExportFormat::trace, ExportFormat::json, ExportFormat::csv}) {
        ExportRequest wanted = request(format, 1, 5);
        wanted.path = path();
        EXPECT_TRUE(run(wanted).contains(QLatin1String("the trace itself")));
    }
    EXPECT_EQ(contents(path()), before);
}

TEST_F(ExporterTest, WhereItCannotBeWrittenItSaysWhatToDoAndLeavesNothing) {
    open(5);
    for (const ExportFormat format : {ExportFormat::trace, ExportFormat::json, ExportFormat::csv}) {
        ExportRequest wanted = request(format, 1, 5);
        wanted.path = QStringLiteral("/proc/self/fd/export");  // nobody can make a file there, not even root
        EXPECT_TRUE(run(wanted).contains(QLatin1String("choose another folder")));
    }
}

TEST_F(ExporterTest, WhatIsStoppedLeavesWhatWasThere) {
    open(20000);
    {
        QFile old(target());
        ASSERT_TRUE(old.open(QIODevice::WriteOnly));
        old.write("old");
    }
    for (const ExportFormat format : {ExportFormat::trace, ExportFormat::json}) {
        QSignalSpy finished(exporter_.get(), &Exporter::finished);
        exporter_->begin(request(format, 1, document_->progress().rows));
        EXPECT_TRUE(exporter_->is_running());
        exporter_->stop();
        EXPECT_FALSE(exporter_->is_running());
        ExportRequest next = request(ExportFormat::csv, 1, 1);
        next.path += QLatin1Char('2');
        EXPECT_EQ(run(next), QString()) << "once the one that was stopped has ended";
        EXPECT_EQ(finished.count(), 1) << "of the last one only";
        EXPECT_EQ(left_in_folder(), (QStringList{QStringLiteral("out"), QStringLiteral("out2")}));
        EXPECT_EQ(contents(target()), "old");
    }
}

}  // namespace
}  // namespace vutrace::gui
