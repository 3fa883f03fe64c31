#include "trace_fixture.h"
#include "vutrace/gui/models/details_model.h"
#include "vutrace/gui/models/findings_model.h"
#include "vutrace/gui/models/quick_filter.h"
#include "vutrace/gui/models/reader_thread.h"
#include "vutrace/gui/models/record_reading.h"
#include "vutrace/gui/models/records_model.h"
#include "vutrace/gui/models/trace_document.h"
#include "vutrace/gui/models/visited_records.h"

#include <gtest/gtest.h>

#include <QAbstractItemModelTester>
#include <QCoreApplication>
#include <QElapsedTimer>
#include <QSignalSpy>
#include <QTest>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>

namespace vutrace::gui {
namespace {

using testing::patience;

class ModelsTest : public testing::TraceFixture {
  protected:
    static bool wait_for_end(const TraceDocument& document) {
        return QTest::qWaitFor([&] { return document.progress().complete; }, patience);
    }
    // The text of a cell once it is known.
    static QString cell(const RecordsModel& model, int row, int column) {
        (void)QTest::qWaitFor([&] { return model.data(model.index(row, 0), RecordsModel::tone_role).isValid(); },
                              patience);
        return model.data(model.index(row, column)).toString();
    }
    [[nodiscard]] static int filter_and_wait(RecordsModel& model, const char* text) {
        model.set_filter(*filter::Filter::compile(text));
        (void)QTest::qWaitFor([&] { return !model.is_filtering(); }, patience);
        return model.rowCount();
    }
};

TEST(VisitedRecords, GoBackAndForwardUntilTheNextJump) {
    VisitedRecords visited;
    EXPECT_FALSE(visited.back());
    visited.jump(1, 10);
    visited.jump(10, 20);
    EXPECT_FALSE(visited.forward());
    EXPECT_EQ(visited.back(), 10U);
    EXPECT_EQ(visited.back(), 1U);
    EXPECT_FALSE(visited.back());
    EXPECT_EQ(visited.forward(), 10U);
    visited.jump(10, 30);
    EXPECT_FALSE(visited.forward()) << "20 is forgotten";
    EXPECT_EQ(visited.back(), 10U);
    EXPECT_EQ(visited.forward(), 30U);
    for (std::uint64_t i = 0; i < 1000; ++i) {
        visited.jump(i, i + 1);
    }
    int steps = 0;
    while (visited.back()) {
        ++steps;
    }
    EXPECT_EQ(steps, 200);
}

TEST_F(ModelsTest, ARecordThatCannotBeDecodedSaysSoInItsPlace) {
    write_trace(3);
    const std::uint64_t damaged = builder_.add(trace::EventRecord{static_cast<trace::EventRecord::Kind>(99), 0, 1});
    builder_.add(trace::EventRecord{trace::EventRecord::Kind::call, 0, 1});
    ASSERT_TRUE(builder_.write_to(path().toStdString()));
    TraceDocument document(path());
    RecordsModel model(document);
    ASSERT_TRUE(wait_for_end(document));
    const int row = model.row_of(damaged);
    EXPECT_EQ(cell(model, row + 1, RecordsModel::name), QStringLiteral("call"));
    EXPECT_EQ(cell(model, row, RecordsModel::name), QStringLiteral("cannot be decoded"));
    EXPECT_EQ(cell(model, row, RecordsModel::trouble), QStringLiteral("!!"));
    EXPECT_EQ(cell(model, row, RecordsModel::number), QString::number(damaged));
    EXPECT_EQ(cell(model, row, RecordsModel::summary), QString());
    EXPECT_EQ(model.data(model.index(row, 0), RecordsModel::tone_role).toInt(), static_cast<int>(render::Tone::bad));
    EXPECT_EQ(model.row_at(row), nullptr);

    index::Cursor cursor(document.index());
    const RecordDetails read = read_details(cursor, damaged, nullptr);
    ASSERT_EQ(read.details.size(), 1U);
    EXPECT_TRUE(
        QString::fromStdString(read.details[0].value).startsWith(QLatin1String("!! this record cannot be decoded: ")))
        << read.details[0].value;
}

TEST_F(ModelsTest, RecordsKeepTheRulesOfAModelWhileTheyAreIndexedAndFiltered) {
    write_trace(3000);
    TraceDocument document(path());
    RecordsModel model(document);
    const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::Fatal);
    ASSERT_TRUE(wait_for_end(document));
    EXPECT_EQ(model.rowCount(), static_cast<int>(builder_.last_sequence()));
    EXPECT_EQ(filter_and_wait(model, "state == used"), 3000);
    EXPECT_EQ(filter_and_wait(model, "seq == 0"), 0);
    model.set_filter(std::nullopt);
    EXPECT_EQ(model.rowCount(), static_cast<int>(builder_.last_sequence()));
}

TEST_F(ModelsTest, AFilterTakesThePlaceOfOneThatRunsWithoutWaitingForIt) {
    write_trace(3000);
    TraceDocument document(path());
    RecordsModel model(document);
    ASSERT_TRUE(wait_for_end(document));
    for (int i = 0; i < 20; ++i) {
        model.set_filter(*filter::Filter::compile("state == used"));
        EXPECT_TRUE(model.is_filtering());
    }
    EXPECT_EQ(filter_and_wait(model, "state == available"), 3000);
}

TEST_F(ModelsTest, WhatIsReleasedGoesOnTheReadersThread) {
    write_trace(1);
    const TraceDocument document(path());
    std::thread::id where;
    {
        ReaderThread reader(document.index(), 1);
        std::shared_ptr<int> thing(new int(1), [&where](const int* value) {
            where = std::this_thread::get_id();
            delete value;
        });
        const std::weak_ptr<int> seen = thing;
        reader.release(std::move(thing));
        EXPECT_TRUE(QTest::qWaitFor([&] { return seen.expired(); }, patience));
    }
    EXPECT_NE(where, std::thread::id());
    EXPECT_NE(where, std::this_thread::get_id());
}

TEST_F(ModelsTest, CellsAreReadInTheBackgroundAndAnnounced) {
    write_trace(200);
    TraceDocument document(path());
    RecordsModel model(document);
    ASSERT_TRUE(wait_for_end(document));
    QSignalSpy changed(&model, &QAbstractItemModel::dataChanged);
    EXPECT_TRUE(model.data(model.index(2, RecordsModel::name)).isNull()) << "nobody waits for the disk";
    EXPECT_EQ(model.data(model.index(2, RecordsModel::number)).toString(), QStringLiteral("3"));
    ASSERT_TRUE(changed.wait(patience));
    EXPECT_EQ(cell(model, 1, RecordsModel::name), QStringLiteral("GET_FEATURES"));
    EXPECT_EQ(cell(model, 2, RecordsModel::name), QStringLiteral("↳ GET_FEATURES"));
    EXPECT_EQ(cell(model, 2, RecordsModel::latency), QStringLiteral("1.00µs"));
    EXPECT_EQ(cell(model, 2, RecordsModel::sender), QStringLiteral("back-end"));
    const int last = model.rowCount() - 1;
    EXPECT_EQ(cell(model, last, RecordsModel::name), QStringLiteral("used"));
    EXPECT_EQ(cell(model, last, RecordsModel::queue), QStringLiteral("0"));
    EXPECT_EQ(model.row_at(last)->partner, builder_.last_sequence() - 1);
}

TEST_F(ModelsTest, TimesAreRelativeAbsoluteOrSinceTheRowBeforeAlsoWhenFiltered) {
    write_trace(100);
    TraceDocument document(path());
    RecordsModel model(document);
    ASSERT_TRUE(wait_for_end(document));
    EXPECT_EQ(cell(model, 64, RecordsModel::time), QStringLiteral("0.000064000"));
    model.set_time_format(TimeFormat::delta);
    EXPECT_EQ(cell(model, 64, RecordsModel::time), QStringLiteral("0.000001000"));
    EXPECT_EQ(cell(model, 0, RecordsModel::time), QStringLiteral("0.000000000"));
    EXPECT_EQ(filter_and_wait(model, "state == used"), 100);
    EXPECT_EQ(cell(model, 64, RecordsModel::time), QStringLiteral("0.000002000"));
    model.set_time_format(TimeFormat::absolute);
    EXPECT_TRUE(cell(model, 0, RecordsModel::time).startsWith(QLatin1String("2023-11-14 22:13:20.")));
}

TEST_F(ModelsTest, PlacesAndNumbersAgreeInAFilteredTable) {
    write_trace(500);
    TraceDocument document(path());
    RecordsModel model(document);
    ASSERT_TRUE(wait_for_end(document));
    ASSERT_EQ(filter_and_wait(model, "state == used"), 500);
    for (int row = 0; row < 500; row += 7) {
        const std::uint64_t sequence = model.sequence_at(row);
        EXPECT_EQ(model.row_of(sequence), row);
        EXPECT_EQ(model.row_of(sequence - 1), row) << "what is not shown: the next one";
        EXPECT_TRUE(model.shows(sequence));
        EXPECT_FALSE(model.shows(sequence - 1));
    }
    EXPECT_EQ(model.sequence_at(500), 0U);
    EXPECT_EQ(model.sequence_at(-1), 0U);
}

TEST_F(ModelsTest, AFilterThatIsReplacedWhileItRunsLeavesNothingBehind) {
    write_trace(5000);
    TraceDocument document(path());
    RecordsModel model(document);
    model.set_filter(*filter::Filter::compile("state == used"));
    model.set_filter(*filter::Filter::compile("state == available"));
    EXPECT_EQ(filter_and_wait(model, "record == chain"), 10000);
    model.set_filter(*filter::Filter::compile("state == used"));
    model.stop_filtering();
    EXPECT_FALSE(model.is_filtering());
}

TEST(DetailsModelTest, ElementsOfAListAreNumbered) {
    DetailsModel model;
    std::vector<render::Detail> lines(4);
    lines[0].name = "regions";
    lines[0].meaning = "memory regions";
    lines[1].name = lines[2].name = "-";
    lines[1].depth = lines[2].depth = 1;
    lines[3].name = "num";
    lines[3].value = "2";
    model.set_details(std::move(lines));
    const QModelIndex list = model.index(0, DetailsModel::name);
    EXPECT_EQ(model.data(model.index(0, DetailsModel::value)).toString(), QStringLiteral("— memory regions"));
    ASSERT_EQ(model.rowCount(list), 2);
    EXPECT_EQ(model.data(model.index(0, DetailsModel::name, list)).toString(), QStringLiteral("[0]"));
    EXPECT_EQ(model.data(model.index(1, DetailsModel::name, list)).toString(), QStringLiteral("[1]"));
    EXPECT_EQ(model.data(model.index(1, DetailsModel::name)).toString(), QStringLiteral("num"));
}

TEST_F(ModelsTest, ATornTraceShowsItsRowsAndSaysWhatIsMissing) {
    write_trace(10);
    std::filesystem::resize_file(path_, std::filesystem::file_size(path_) - 3);
    TraceDocument document(path());
    const RecordsModel model(document);
    ASSERT_TRUE(wait_for_end(document));
    EXPECT_EQ(model.rowCount(), static_cast<int>(builder_.last_sequence()) - 1);
    EXPECT_FALSE(document.failed());
    EXPECT_TRUE(document.trouble().contains(QLatin1String("torn"))) << document.trouble().toStdString();
}

TEST_F(ModelsTest, WhatIsNoTraceFailsWithTheReason) {
    std::ofstream(path_) << "this is not a trace, and long enough to be told from one";
    TraceDocument document(path());
    QSignalSpy finished(&document, &TraceDocument::finished);
    ASSERT_TRUE(finished.wait(patience));
    EXPECT_TRUE(document.failed());
    EXPECT_FALSE(document.trouble().isEmpty());
}

TEST_F(ModelsTest, SearchesTellWhatTheyFound) {
    write_trace(2000);
    TraceDocument document(path());
    ASSERT_TRUE(wait_for_end(document));
    QSignalSpy searched(&document, &TraceDocument::searched);
    const auto is_used = [](const explain::Annotation& annotation, std::size_t entry) {
        return render::row_of(annotation, entry).name == "used";
    };
    document.search(builder_.last_sequence() - 2, index::Direction::forward, is_used);
    ASSERT_TRUE(searched.wait(patience));
    EXPECT_EQ(searched.takeFirst().at(0).toULongLong(), builder_.last_sequence());
    document.search(5, index::Direction::backward, is_used);
    ASSERT_TRUE(searched.wait(patience));
    EXPECT_EQ(searched.takeFirst().at(0).toULongLong(), 0U);
}

TEST_F(ModelsTest, EveryQuickFilterIsOneAndPicksItsOwnRow) {
    write_trace(5);
    builder_.add(trace::GapRecord{0, 3, 0, 0, "too fast"});
    builder_.add(trace::EventRecord{trace::EventRecord::Kind::kick, 0, 1});
    builder_.message(Side::front_end, static_cast<protocol::FrontEndRequest>(4242), protocol::version_1, {});
    explain::Annotator annotator;
    int made = 0;
    for (const trace::Record& record : builder_.records()) {
        const explain::Annotation& annotation = annotator.annotate(record);
        for (int column = 0; column < RecordsModel::column_count; ++column) {
            const QString text = quick_filter(render::row_of(annotation, 0), column);
            if (text.isEmpty()) {
                continue;
            }
            ++made;
            for (const Joined how : {Joined::replace, Joined::also, Joined::except}) {
                const auto filter =
                    filter::Filter::compile(join_filters(QStringLiteral("seq >= 1"), text, how).toStdString());
                ASSERT_TRUE(filter) << describe(filter.error());
                EXPECT_EQ(filter->matches(annotation, 0), how != Joined::except) << text.toStdString();
            }
        }
    }
    EXPECT_GT(made, 100);
}

TEST_F(ModelsTest, FindingsAreThoseOfCheckAndNameTheirRecords) {
    TraceDocument document(QStringLiteral(VUTRACE_SAMPLES "/bug-iotlb-deadlock.pcap.zst"));
    FindingsModel model(document);
    const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::Fatal);
    ASSERT_TRUE(wait_for_end(document));
    QSignalSpy checked(&model, &FindingsModel::checked);
    model.check();
    ASSERT_TRUE(checked.wait(patience));
    const auto found = model.match(model.index(0, FindingsModel::rule), Qt::DisplayRole, QStringLiteral("STALL005"));
    ASSERT_EQ(found.size(), 1);
    const int row = found.first().row();
    EXPECT_EQ(model.data(model.index(row, FindingsModel::violator)).toString(), QStringLiteral("front-end"));
    EXPECT_GT(model.sequence_at(row), 0U);
    EXPECT_LE(model.sequence_at(row), document.progress().rows);
    EXPECT_FALSE(model.data(model.index(row, 0), Qt::ToolTipRole).toString().isEmpty());
    EXPECT_EQ(model.sequence_at(model.rowCount()), 0U);
}

TEST_F(ModelsTest, ACheckThatIsStoppedSaysNothing) {
    write_trace(5000);
    TraceDocument document(path());
    FindingsModel model(document);
    ASSERT_TRUE(wait_for_end(document));
    model.check();
    model.stop();
    EXPECT_EQ(model.rowCount(), 0);
}

TEST(DetailsModel, IsATreeOfItsLines) {
    DetailsModel model;
    const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::Fatal);
    model.set_details({{"time", "now", 0, render::Tone::plain, "", {}, 0},
                       {"region", "", 0, render::Tone::plain, "a region", {12, 32}, 0},
                       {"size", "4096", 1, render::Tone::plain, "bytes", {20, 8}, 0},
                       {"bit 3", "X", 2, render::Tone::plain, "", {}, 0},
                       {"", "!! wrong", 0, render::Tone::bad, "", {}, 0}});
    EXPECT_EQ(model.rowCount(), 3);
    const QModelIndex region = model.index(1, 0);
    EXPECT_EQ(model.rowCount(region), 1);
    const QModelIndex size = model.index(0, 0, region);
    EXPECT_EQ(model.parent(size), region);
    EXPECT_EQ(model.data(model.index(0, 1, region)).toString(), QStringLiteral("4096   — bytes"));
    EXPECT_EQ(model.data(model.index(2, 0)).toString(), QStringLiteral("!! wrong"));
    EXPECT_EQ(model.index_of_byte(21), size) << "the innermost";
    EXPECT_EQ(model.index_of_byte(12), region);
    EXPECT_FALSE(model.index_of_byte(11).isValid());
    EXPECT_FALSE(model.index_of_byte(44).isValid());
    model.set_details({});
    EXPECT_EQ(model.rowCount(), 0);
}

}  // namespace
}  // namespace vutrace::gui

int main(int argc, char** argv) {
    const QCoreApplication application(argc, argv);
    ::testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
