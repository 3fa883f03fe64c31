#include "vutrace/gui/models/distribution.h"
#include "vutrace/gui/models/statistics_model.h"
#include "vutrace/gui/models/time_window.h"
#include "vutrace/gui/models/timeline_source.h"
#include "vutrace/gui/models/timeline_tracks.h"
#include "vutrace/gui/models/trace_document.h"

#include <vutrace/filter/filter.h>
#include <vutrace/overview/columns.h>
#include <vutrace/session/testing/session_builder.h>

#include <gtest/gtest.h>
#include <unistd.h>

#include <QAbstractItemModelTester>
#include <QSignalSpy>
#include <QTest>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <numeric>

namespace vutrace::gui {
namespace {

constexpr int patience = 20000;  // milliseconds
constexpr double hour = 3.6e12;  // nanoseconds

TimeWindow window_of(double end, double width = 1000) {
    TimeWindow window;
    window.set_width(width);
    window.set_end(end);
    return window;
}

TEST(TimeWindow, ShowsAllAsTheTraceGrowsUntilSomebodyLooksCloser) {
    TimeWindow window = window_of(1000);
    window.set_end(hour);
    EXPECT_TRUE(window.shows_all());
    EXPECT_TRUE(window.contains(0) && window.contains(hour));
    window.zoom(4, 500);
    const double begin = window.begin();
    const double span = window.span();
    window.set_end(2 * hour);
    EXPECT_DOUBLE_EQ(window.begin(), begin);
    EXPECT_DOUBLE_EQ(window.span(), span);
}

TEST(TimeWindow, ZoomsFromHoursToNanosecondsAndBackWhereItPoints) {
    TimeWindow window = window_of(10 * hour);
    const double time = window.time_at(321);
    for (int i = 0; i < 200; ++i) {
        window.zoom(1.35, 321);
        ASSERT_NEAR(window.time_at(321), time, 0.01) << i;
    }
    EXPECT_DOUBLE_EQ(window.span(), TimeWindow::least_span);
    for (int i = 0; i < 200; ++i) {
        window.zoom(1 / 1.35, 321);
    }
    EXPECT_TRUE(window.shows_all());
}

TEST(TimeWindow, NeverLeavesTheTrace) {
    TimeWindow window = window_of(1e6);
    window.show(2e5, 3e5);
    window.pan(1e9);
    EXPECT_TRUE(window.contains(1e6));
    EXPECT_DOUBLE_EQ(window.span(), 1e5);
    window.pan(-1e9);
    EXPECT_TRUE(window.contains(0));
    window.show(5e5, 5e5);
    EXPECT_DOUBLE_EQ(window.span(), TimeWindow::least_span);
    window.show(9e5, -4e6);
    EXPECT_TRUE(window.shows_all());
}

TEST(TimeWindow, BringsIntoViewOnlyWhatIsNotSeen) {
    TimeWindow window = window_of(1e6);
    window.show(2e5, 3e5);
    window.bring_into_view(2.1e5);
    EXPECT_DOUBLE_EQ(window.begin(), 2e5);
    window.bring_into_view(7e5);
    EXPECT_TRUE(window.contains(7e5));
    EXPECT_DOUBLE_EQ(window.span(), 1e5);
    window.bring_into_view(1e5);
    EXPECT_TRUE(window.contains(1e5));
}

TEST(TimeWindow, ATraceOfOneMomentHasAPlace) {
    const TimeWindow window = window_of(0);
    EXPECT_TRUE(window.contains(0));
    EXPECT_GT(window.span(), 0);
    EXPECT_FALSE(window.ticks(80).empty());
}

TEST(TimeWindow, TicksStandAtRoundTimesAndDoNotOverlapAtAnyZoom) {
    TimeWindow window = window_of(10 * hour);
    for (int i = 0; i < 120; ++i, window.zoom(1.35, 700)) {
        const auto ticks = window.ticks(80);
        double last = -1e9;
        int labels = 0;
        for (const TimeWindow::Tick& tick : ticks) {
            EXPECT_GE(tick.x, -0.001);
            EXPECT_LE(tick.x, 1000.001);
            if (!tick.label.isEmpty()) {
                EXPECT_GE(tick.x - last, 79.9) << "at a span of " << window.span();
                last = tick.x;
                ++labels;
            }
        }
        EXPECT_GE(labels, 1) << "at a span of " << window.span();
        EXPECT_LE(labels, 13);
    }
}

TEST(TimeWindow, TimesAreWrittenAsPreciselyAsTheyAreShown) {
    EXPECT_EQ(time_label(1.5e9, 5e8), QStringLiteral("1.5 s"));
    EXPECT_EQ(time_label(0, 1e9), QStringLiteral("0 s"));
    EXPECT_EQ(time_label(123456789, 1), QStringLiteral("0.123456789 s"));
    EXPECT_EQ(time_label(65e9, 5e9), QStringLiteral("1:05"));
    EXPECT_EQ(time_label(3725.25e9, 1e7), QStringLiteral("1:02:05.25"));
    EXPECT_EQ(time_label(59.9999e9, 1e9), QStringLiteral("60 s"));
    EXPECT_EQ(time_label(119.9999e9, 1e9), QStringLiteral("2:00"));
}

TEST(TimeWindow, ARangeIsAFilterThatPicksIt) {
    constexpr std::int64_t start = 1'700'000'000'123'456'789;
    const QString text = range_filter(start, 1000.4, 2000.2);
    const auto filter = filter::Filter::compile(text.toStdString());
    ASSERT_TRUE(filter) << text.toStdString();
    session::testing::SessionBuilder builder;
    explain::Annotator annotator;
    for (const std::int64_t time : {999, 1000, 2000, 2001}) {
        trace::Record record{1, start + time, 1, trace::NoteRecord{}};
        const bool inside = time >= 1000 && time <= 2000;
        EXPECT_EQ(filter->matches(annotator.annotate(record), 0), inside) << time;
    }
}

TEST(Distribution, SharesAddUpToOneAndStandWhereTheirValuesAre) {
    statistics::Histogram histogram;
    for (std::uint64_t value = 1; value < 3'000'000; value = value * 5 / 4 + 1) {
        histogram.add(value, value % 7 + 1);
    }
    const LogAxis axis(histogram.least(), histogram.largest(), 500);
    const auto bars = bars_of(histogram, axis, Distribution::share);
    const double sum =
        std::accumulate(bars.begin(), bars.end(), 0.0, [](double all, const Bar& bar) { return all + bar.share; });
    EXPECT_NEAR(sum, 1, 1e-9);
    const auto cumulative = bars_of(histogram, axis, Distribution::cumulative);
    EXPECT_NEAR(cumulative.back().share, 1, 1e-9);
    EXPECT_TRUE(std::is_sorted(cumulative.begin(), cumulative.end(),
                               [](const Bar& a, const Bar& b) { return a.share < b.share; }));
    // The bar of the median is where half of them is reached.
    const auto half =
        std::find_if(cumulative.begin(), cumulative.end(), [](const Bar& bar) { return bar.share >= 0.5; });
    const auto median = static_cast<double>(histogram.percentile(0.5));
    EXPECT_LE(half->from / 1.2, median);
    EXPECT_GE(half->to * 1.2, median);
}

TEST(Distribution, OneValueIsOneBar) {
    statistics::Histogram histogram;
    histogram.add(4, 10);
    const LogAxis axis(1, 1000, 300);
    const auto bars = bars_of(histogram, axis, Distribution::share);
    const auto there = std::count_if(bars.begin(), bars.end(), [](const Bar& bar) { return bar.share > 0; });
    EXPECT_EQ(there, 1);
    EXPECT_TRUE(bars_of(statistics::Histogram(), axis, Distribution::share).empty());
}

TEST(Distribution, ExtremeValuesHaveAPlace) {
    statistics::Histogram histogram;
    histogram.add(0);
    histogram.add(UINT64_MAX);
    const LogAxis axis(0, UINT64_MAX, 300);
    double sum = 0;
    for (const Bar& bar : bars_of(histogram, axis, Distribution::share)) {
        sum += bar.share;
    }
    EXPECT_NEAR(sum, 1, 1e-9);
    EXPECT_DOUBLE_EQ(axis.place_of(0), 0);
    EXPECT_NEAR(axis.value_at(axis.place_of(12345)), 12345, 1);
    EXPECT_EQ(LogAxis(5, 5, 100).ticks().size(), 10U) << "one decade at the least";
}

// A session of chains, and one more that has nothing but a note.
class TimeModelsTest : public ::testing::Test {
  protected:
    void SetUp() override {
        using session::testing::BlockSession;
        BlockSession::start(builder_);
        for (int i = 0; i < 200; ++i) {
            const auto index = static_cast<std::uint16_t>(i);
            builder_.chains(0, {BlockSession::write_request(0, index, static_cast<std::uint64_t>(i), 0x100000,
                                                            Bytes(512, std::byte{1}))});
            builder_.chains(0, {session::testing::used_entry(0, index, session::testing::literal(Bytes(1)))});
        }
        builder_.add(trace::GapRecord{0, 3, 0, 0, "too fast"});
        ASSERT_TRUE(builder_.write_to(path_));
        document_ = std::make_unique<TraceDocument>(QString::fromStdString(path_));
        ASSERT_TRUE(QTest::qWaitFor([this] { return document_->progress().complete; }, patience));
    }
    void TearDown() override { std::filesystem::remove(path_); }

    session::testing::SessionBuilder builder_;
    const std::string path_ = ::testing::TempDir() + "gui_time_models." + std::to_string(getpid()) + ".pcap";
    std::unique_ptr<TraceDocument> document_;
};

TEST_F(TimeModelsTest, TracksStandBelowEachOtherWithoutHoles) {
    TimelineTracks tracks;
    tracks.build(*document_->overview(), {1}, {}, 16);
    int y = 0;
    for (const Track& track : tracks.tracks()) {
        EXPECT_EQ(track.y, y);
        EXPECT_GT(track.height, 0);
        EXPECT_EQ(tracks.at(y), &track);
        EXPECT_EQ(tracks.at(y + track.height - 1), &track);
        y += track.height;
    }
    EXPECT_EQ(tracks.height(), y);
    EXPECT_EQ(tracks.at(y), nullptr);
    EXPECT_EQ(tracks.at(-1), nullptr);
    const std::size_t all = tracks.tracks().size();
    tracks.build(*document_->overview(), {1}, {{1, 0}}, 16);
    EXPECT_EQ(tracks.tracks().size(), all - 3) << "the queue's chains, depth and latency";
    tracks.build(*document_->overview(), {1}, {{1, trace::no_queue}}, 16);
    EXPECT_EQ(tracks.tracks().size(), 1U);
    tracks.build(overview::Overview(), {}, {}, 16);
    EXPECT_TRUE(tracks.tracks().empty());
}

TEST_F(TimeModelsTest, RecordsAreReadOnlyWhereTheyAreWanted) {
    TimelineSource source(*document_);
    overview::Columns columns;
    const auto group = source.overview().lanes.find({1, 0});
    ASSERT_TRUE(group);
    const std::vector<overview::LaneId> lanes{overview::Lanes::lane(*group, overview::LaneKind::available)};
    const overview::TimeView view{100'000, 10, 1000};
    columns.fill(source.overview(), view, lanes, source.marks());
    ASSERT_FALSE(columns.unread().empty());
    source.want(columns.unread());
    EXPECT_TRUE(source.is_reading());
    ASSERT_TRUE(QTest::qWaitFor([&] { return !source.is_reading(); }, patience));
    columns.fill(source.overview(), view, lanes, source.marks());
    EXPECT_TRUE(columns.unread().empty());
    source.want({});
    EXPECT_FALSE(source.is_reading());
}

TEST_F(TimeModelsTest, TheTimeOfARecordIsFound) {
    TimelineSource source(*document_);
    QSignalSpy found(&source, &TimelineSource::time_found);
    source.find_time(42);
    ASSERT_TRUE(found.wait(patience));
    EXPECT_EQ(found[0][0].toULongLong(), 42U);
    EXPECT_DOUBLE_EQ(found[0][1].toDouble(), 41.0 * session::testing::SessionBuilder::time_step);
}

TEST_F(TimeModelsTest, StatisticsAreATreeOfQueuesAndRequests) {
    StatisticsModel model(*document_);
    const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::Fatal);
    QSignalSpy counted(&model, &StatisticsModel::counted);
    model.count(std::nullopt);
    ASSERT_TRUE(counted.wait(patience));
    EXPECT_TRUE(counted[0][0].toBool());
    const QModelIndex session = model.index(0, 0);
    EXPECT_EQ(session.data().toString(), QStringLiteral("Session 1: blk"));
    const QModelIndex queue = model.index(0, 0, session);
    const QModelIndex out = model.index(0, 0, queue);
    EXPECT_EQ(out.data().toString(), QStringLiteral("OUT"));
    EXPECT_EQ(model.parent(out), queue);
    EXPECT_EQ(out.siblingAtColumn(StatisticsModel::used).data().toString(), QStringLiteral("200"));
    EXPECT_EQ(out.siblingAtColumn(StatisticsModel::median).data().toString(), QStringLiteral("1.00µs"));
    EXPECT_TRUE(session.siblingAtColumn(StatisticsModel::used).data().toString().isEmpty());
    EXPECT_EQ(model.subject(out).chains->used, 200U);
    for (const QModelIndex& index : {session, queue, out}) {
        EXPECT_TRUE(filter::Filter::compile(model.filter_of(index).toStdString()))
            << model.filter_of(index).toStdString();
    }
}

TEST_F(TimeModelsTest, WhatOnlyTheDeviceKnowsIsNotCountedAsNeverMadeAvailable) {
    TraceDocument document(QStringLiteral(VUTRACE_SAMPLES "/qemu-7.2-dpdk-22.11-packed.pcap.zst"));
    ASSERT_TRUE(QTest::qWaitFor([&] { return document.progress().complete; }, patience));
    StatisticsModel model(document);
    QSignalSpy counted(&model, &StatisticsModel::counted);
    model.count(std::nullopt);
    ASSERT_TRUE(counted.wait(patience));
    const QModelIndex queue = model.index(0, 0, model.index(0, 0));
    const QModelIndex packets = model.index(0, 0, queue);
    EXPECT_EQ(packets.data().toString(), QStringLiteral("PACKET"));
    EXPECT_EQ(packets.siblingAtColumn(StatisticsModel::available).data().toString(), QStringLiteral("—"));
    EXPECT_FALSE(packets.siblingAtColumn(StatisticsModel::available).data(Qt::ToolTipRole).toString().isEmpty());
    EXPECT_NE(queue.siblingAtColumn(StatisticsModel::available).data().toString(), QStringLiteral("—"));
}

TEST_F(TimeModelsTest, StatisticsCountWhatAFilterPicks) {
    StatisticsModel model(*document_);
    QSignalSpy counted(&model, &StatisticsModel::counted);
    model.count(*filter::Filter::compile("state == available"));
    ASSERT_TRUE(counted.wait(patience));
    const QModelIndex queue = model.index(0, 0, model.index(0, 0));
    EXPECT_EQ(queue.siblingAtColumn(StatisticsModel::available).data().toString(), QStringLiteral("200"));
    EXPECT_EQ(queue.siblingAtColumn(StatisticsModel::used).data().toString(), QStringLiteral("0"));
}

TEST_F(TimeModelsTest, ACountThatIsStoppedSaysNothing) {
    StatisticsModel model(*document_);
    QSignalSpy counted(&model, &StatisticsModel::counted);
    model.count(std::nullopt);
    model.stop();
    QTest::qWait(50);
    EXPECT_EQ(counted.size(), 0);
    EXPECT_FALSE(model.has_counted());
}

TEST_F(TimeModelsTest, StatisticsOfAFileThatIsNoTraceAnyMoreAreNotKnown) {
    StatisticsModel model(*document_);
    QSignalSpy counted(&model, &StatisticsModel::counted);
    std::ofstream(path_) << "this is not a trace, and long enough to be told from one";
    model.count(std::nullopt);
    ASSERT_TRUE(counted.wait(patience));
    EXPECT_FALSE(counted[0][0].toBool());
    EXPECT_EQ(model.rowCount(), 0);
}

}  // namespace
}  // namespace vutrace::gui
