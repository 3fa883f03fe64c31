#include "vutrace/gui/views/distribution_plot.h"
#include "vutrace/gui/views/filter_bar.h"
#include "vutrace/gui/views/main_window.h"
#include "vutrace/gui/views/records_view.h"
#include "vutrace/gui/views/statistics_panel.h"
#include "vutrace/gui/views/time_docks.h"
#include "vutrace/gui/views/timeline_view.h"
#include "window_fixture.h"

#include <vutrace/session/testing/session_builder.h>

#include <gtest/gtest.h>

#include <QApplication>
#include <QComboBox>
#include <QDockWidget>
#include <QLabel>
#include <QPaintEvent>
#include <QProgressBar>
#include <QScrollBar>
#include <QSemaphore>
#include <QSignalSpy>
#include <QTest>
#include <QThread>
#include <QThreadPool>
#include <QTreeView>
#include <QWheelEvent>
#include <algorithm>

namespace vutrace::gui {
namespace {

using session::testing::SessionBuilder;

// Takes the only thread of the pool that Qt paints translucent and large things with, until it is let go or is tired.
class OccupiedPool {
  public:
    OccupiedPool() {
        constexpr int milliseconds = 3000;
        QThreadPool::globalInstance()->setMaxThreadCount(1);
        QThreadPool::globalInstance()->start([this] {
            occupied_.release();
            waited_for_ = !done_.tryAcquire(1, milliseconds);
        });
        occupied_.acquire();
    }
    ~OccupiedPool() {
        release();
        QThreadPool::globalInstance()->setMaxThreadCount(QThread::idealThreadCount());
    }
    OccupiedPool(const OccupiedPool&) = delete;
    OccupiedPool& operator=(const OccupiedPool&) = delete;

    // Whether somebody else had to wait until it was tired.
    bool release() {
        done_.release();
        QThreadPool::globalInstance()->waitForDone();
        return waited_for_;
    }

  private:
    QSemaphore occupied_, done_;
    bool waited_for_{false};
};

class TimelineTest : public testing::WindowFixture {
  protected:
    void open_chains(int rounds) {
        write_trace(rounds);
        open(path());
    }
    void open(const QString& path) {
        WindowFixture::open(path);
        ASSERT_TRUE(wait([this] { return timeline().tracks().height() > 0 && window_->current_sequence() != 0; }));
        settle();
    }
    // Until what is seen is read and painted.
    void settle() {
        timeline().viewport()->repaint();
        ASSERT_TRUE(wait([this] { return !window_->time_docks().source()->is_reading(); }));
        timeline().viewport()->repaint();
    }
    [[nodiscard]] TimelineView& timeline() const { return window_->time_docks().timeline(); }
    [[nodiscard]] StatisticsPanel& statistics() const { return window_->time_docks().statistics(); }
    [[nodiscard]] const Track* track(TrackKind kind, const char* title) const {
        const auto& tracks = timeline().tracks().tracks();
        const auto found = std::find_if(tracks.begin(), tracks.end(), [&](const Track& track) {
            return track.kind == kind && (*title == '\0' || track.title == QLatin1String(title));
        });
        return found == tracks.end() ? nullptr : &*found;
    }
    // In the middle of a track's upper half.
    [[nodiscard]] QPoint place_of(const Track& track, double time) const {
        const QRect rect = timeline().rect_of(track);
        return {timeline().left() + static_cast<int>(timeline().window().place_of(time)),
                rect.top() + rect.height() / 4};
    }
    void reveal(const Track& track) {
        timeline().verticalScrollBar()->setValue(track.y);
        settle();
    }
    [[nodiscard]] static double time_of(std::uint64_t sequence) {
        return static_cast<double>((sequence - 1) * SessionBuilder::time_step);
    }
    void turn_wheel(QPoint at, int steps, Qt::KeyboardModifiers modifiers = {}) {
        QWheelEvent event(at, timeline().viewport()->mapToGlobal(at), {}, {0, steps * 120}, Qt::NoButton, modifiers,
                          Qt::NoScrollPhase, false);
        QApplication::sendEvent(timeline().viewport(), &event);
    }
};

TEST_F(TimelineTest, WhatMovesWhileATraceIsReadIsPaintedWithoutOtherThreads) {
    open_chains(300);
    window_->records().go_to(20);
    settle();
    OccupiedPool pool;
    (void)window_->records().grab();
    (void)timeline().grab();
    QProgressBar progress;
    progress.resize(200, 20);
    progress.setValue(40);
    (void)progress.grab();
    EXPECT_FALSE(pool.release());
}

TEST_F(TimelineTest, ShowsTheLanesOfTheSessionAndItsQueue) {
    open_chains(50);
    EXPECT_NE(track(TrackKind::heading, "Session 1"), nullptr);
    EXPECT_NE(track(TrackKind::heading, "Queue 0"), nullptr);
    EXPECT_NE(track(TrackKind::marks, "Front-end channel"), nullptr);
    EXPECT_NE(track(TrackKind::epochs, "Memory epoch"), nullptr);
    EXPECT_NE(track(TrackKind::marks, "Available, used"), nullptr);
    EXPECT_NE(track(TrackKind::depth, ""), nullptr);
    EXPECT_NE(track(TrackKind::latency, ""), nullptr);
    EXPECT_EQ(track(TrackKind::marks, "Back-end channel"), nullptr) << "nothing was said there";
    EXPECT_TRUE(timeline().window().shows_all());
}

// What a widget was asked to paint while it lives.
class PaintedRegion : public QObject {
  public:
    explicit PaintedRegion(QWidget& widget) { widget.installEventFilter(this); }
    [[nodiscard]] const QRegion& region() const { return region_; }

  protected:
    bool eventFilter(QObject* /*watched*/, QEvent* event) override {
        if (event->type() == QEvent::Paint) {
            region_ += static_cast<QPaintEvent*>(event)->region();
        }
        return false;
    }

  private:
    QRegion region_;
};

TEST_F(TimelineTest, WhereTheCurrentRecordIsOnlyItsOwnPlacesArePaintedAgain) {
    open_chains(300);
    const int width = timeline().viewport()->width();
    const auto row_at = [&](int part) { return window_->model()->rowCount() * part / 4; };
    window_->records().go_to(row_at(1));
    ASSERT_TRUE(wait([&] { return timeline().current_time() == time_of(window_->current_sequence()); }));
    settle();
    const double before = *timeline().current_time();
    const QImage marked = timeline().viewport()->grab().toImage();
    const PaintedRegion painted(*timeline().viewport());
    window_->records().go_to(row_at(3));
    ASSERT_TRUE(wait([&] { return timeline().current_time() == time_of(window_->current_sequence()); }));
    ASSERT_TRUE(wait([&] {
        return painted.region().contains(QPoint(timeline().left(), 0) +
                                         QPoint(static_cast<int>(timeline().window().place_of(before)), 1));
    }));
    const QRegion region = painted.region();  // before a picture is taken, for which all is painted
    int columns = 0;
    for (int x = 0; x < width; ++x) {
        columns += region.intersects(QRect(x, 0, 1, timeline().viewport()->height())) ? 1 : 0;
    }
    EXPECT_LT(columns, width / 10);
    // Outside of what was painted there is nothing that should have been.
    const QImage now = timeline().viewport()->grab().toImage();
    ASSERT_EQ(now.size(), marked.size());
    for (int y = 0; y < now.height(); ++y) {
        for (int x = 0; x < now.width(); ++x) {
            ASSERT_TRUE(region.contains(QPoint(x, y)) || now.pixel(x, y) == marked.pixel(x, y)) << x << ", " << y;
        }
    }
}

TEST_F(TimelineTest, AClickOnAMarkGoesToItsRecordAndTheTableToTheTimeline) {
    open_chains(50);
    timeline().show(time_of(first_chain_) - 500, time_of(first_chain_) + 20000);
    settle();
    const Track* chains = track(TrackKind::marks, "Available, used");
    ASSERT_NE(chains, nullptr);
    reveal(*chains);
    QTest::mouseClick(timeline().viewport(), Qt::LeftButton, {}, place_of(*chains, time_of(first_chain_ + 4)));
    EXPECT_EQ(window_->current_sequence(), first_chain_ + 4);
    window_->go_to_sequence(first_chain_ + 90);
    EXPECT_TRUE(wait([this] { return timeline().current_time() == time_of(first_chain_ + 90); }));
    EXPECT_TRUE(timeline().window().contains(time_of(first_chain_ + 90))) << "it comes into view";
}

TEST_F(TimelineTest, TheWheelZoomsWhereItPointsFromAllToNanoseconds) {
    open_chains(2000);
    const QPoint at(timeline().left() + 300, timeline().height() / 2);
    const double time = timeline().window().time_at(300);
    const double whole = timeline().window().span();
    turn_wheel(at, 3);
    EXPECT_LT(timeline().window().span(), whole / 2);
    EXPECT_NEAR(timeline().window().time_at(300), time, whole / 1e6);
    for (int i = 0; i < 60; ++i) {
        turn_wheel(at, 1);
        timeline().viewport()->repaint();
    }
    EXPECT_NEAR(timeline().window().span(), TimeWindow::least_span, 1);
    turn_wheel(at, -200);
    EXPECT_TRUE(timeline().window().shows_all());
    turn_wheel(at, 5);
    const double begin = timeline().window().begin();
    turn_wheel(at, -1, Qt::ShiftModifier);
    EXPECT_GT(timeline().window().begin(), begin);
}

TEST_F(TimelineTest, ADraggedRangeBecomesAFilter) {
    open_chains(50);
    timeline().show(time_of(first_chain_), time_of(first_chain_ + 40));
    QWidget* view = timeline().viewport();
    const int y = timeline().height() / 2;
    const auto x_of = [this](double time) {
        return timeline().left() + static_cast<int>(timeline().window().place_of(time));
    };
    const QPoint from(x_of(time_of(first_chain_ + 10) + 500), y);
    const QPoint to(x_of(time_of(first_chain_ + 20) + 500), y);
    QTest::mousePress(view, Qt::LeftButton, {}, to);
    QTest::mouseMove(view, from + QPoint(20, 0));
    QTest::mouseMove(view, from);
    QTest::mouseRelease(view, Qt::LeftButton, {}, from);
    ASSERT_TRUE(timeline().range());
    EXPECT_LT(timeline().range()->first, timeline().range()->second) << "also from right to left";
    timeline().setFocus();
    QTest::keyClick(&timeline(), Qt::Key_F);
    ASSERT_TRUE(wait([this] { return !window_->model()->is_filtering(); }));
    EXPECT_TRUE(window_->filter_bar().problem().isEmpty()) << window_->filter_bar().problem().toStdString();
    EXPECT_TRUE(window_->filter_bar().text().startsWith(QLatin1String("time >= 2023-11-14T22:13:20.")));
    EXPECT_EQ(window_->model()->rowCount(), 10);
    EXPECT_EQ(window_->model()->sequence_at(0), first_chain_ + 11);
    QTest::keyClick(&timeline(), Qt::Key_Z);
    EXPECT_DOUBLE_EQ(timeline().window().begin(), timeline().range()->first);
    QTest::keyClick(&timeline(), Qt::Key_Escape);
    EXPECT_FALSE(timeline().range());
}

TEST_F(TimelineTest, KeysGoFromMarkToMarkAndMarkTheRange) {
    open_chains(50);
    timeline().setFocus();
    const auto& tracks = timeline().tracks().tracks();
    const auto wanted = track(TrackKind::marks, "Available, used") - tracks.data();
    for (std::ptrdiff_t i = 0; i < wanted; ++i) {
        QTest::keyClick(&timeline(), Qt::Key_Down);
    }
    timeline().show(time_of(first_chain_) - 500, time_of(first_chain_) + 20000);
    settle();
    QTest::keyClick(&timeline(), Qt::Key_Right);
    ASSERT_EQ(window_->current_sequence(), first_chain_);
    ASSERT_TRUE(wait([this] { return timeline().current_time() == time_of(first_chain_); }));
    EXPECT_TRUE(timeline().hasFocus()) << "the keys go on";
    QTest::keyClick(&timeline(), Qt::Key_BracketLeft);
    QTest::keyClick(&timeline(), Qt::Key_Right);
    EXPECT_EQ(window_->current_sequence(), first_chain_ + 1);
    ASSERT_TRUE(wait([this] { return timeline().current_time() == time_of(first_chain_ + 1); }));
    QTest::keyClick(&timeline(), Qt::Key_BracketRight);
    ASSERT_TRUE(timeline().range());
    EXPECT_EQ(*timeline().range(), TimelineView::Range(time_of(first_chain_), time_of(first_chain_ + 1) + 1));
    QTest::keyClick(&timeline(), Qt::Key_Left);
    EXPECT_EQ(window_->current_sequence(), first_chain_);
    QTest::keyClick(&timeline(), Qt::Key_0);
    EXPECT_TRUE(timeline().window().shows_all());
    const double span = timeline().window().span();
    QTest::keyClick(&timeline(), Qt::Key_Plus);
    EXPECT_NEAR(timeline().window().span(), span / 2, 1);
}

TEST_F(TimelineTest, KeysGoFromMarkToMarkBeforeWhatHasChangedIsPainted) {
    open_chains(50);
    const Track* chains = track(TrackKind::marks, "Available, used");
    ASSERT_NE(chains, nullptr);
    timeline().show(time_of(first_chain_) - 500, time_of(first_chain_) + 20000);
    settle();
    QTest::mouseClick(timeline().viewport(), Qt::LeftButton, {}, place_of(*chains, time_of(first_chain_)));
    ASSERT_TRUE(wait([this] { return timeline().current_time() == time_of(first_chain_); }));
    timeline().set_findings({});
    QTest::keyClick(&timeline(), Qt::Key_Right);
    EXPECT_EQ(window_->current_sequence(), first_chain_ + 1);
}

TEST_F(TimelineTest, AHeadingFoldsWhatIsBelowIt) {
    open_chains(5);
    const Track* heading = track(TrackKind::heading, "Queue 0");
    ASSERT_NE(heading, nullptr);
    reveal(*heading);
    QTest::mouseClick(timeline().viewport(), Qt::LeftButton, {}, timeline().rect_of(*heading).center());
    EXPECT_EQ(track(TrackKind::depth, ""), nullptr);
    heading = track(TrackKind::heading, "Queue 0");
    EXPECT_TRUE(heading->folded);
    QTest::mouseClick(timeline().viewport(), Qt::LeftButton, {}, timeline().rect_of(*heading).center());
    EXPECT_NE(track(TrackKind::depth, ""), nullptr);
}

TEST_F(TimelineTest, FindingsStandInTheirLaneInTheTableAndAsAVerdict) {
    open(QStringLiteral(VUTRACE_SAMPLES "/bug-iotlb-deadlock.pcap.zst"));
    ASSERT_TRUE(wait([this] { return window_->findings().model()->rowCount() > 0; }));
    const Track* findings = track(TrackKind::findings, "");
    ASSERT_NE(findings, nullptr);
    EXPECT_TRUE(window_->verdict().text().contains(QLatin1String("STALL005")));
    const auto row = window_->findings().model()->index(0, FindingsModel::record).data().toULongLong();
    ASSERT_GT(row, 0U);
    const QModelIndex cell = window_->model()->index(window_->model()->row_of(row), RecordsModel::trouble);
    EXPECT_TRUE(cell.data(RecordsModel::badge_role).isValid());
    EXPECT_TRUE(cell.data(Qt::ToolTipRole).toString().contains(QLatin1String("STALL005")));
    EXPECT_FALSE(cell.siblingAtRow(0).data(RecordsModel::badge_role).isValid());
    window_->go_to_sequence(row);
    ASSERT_TRUE(wait([this] { return timeline().current_time().value_or(0) > 0; }));
    const double time = *timeline().current_time();
    window_->go_to_sequence(1);
    ASSERT_TRUE(wait([&] { return timeline().current_time() != time; }));
    findings = track(TrackKind::findings, "");
    reveal(*findings);
    const QRect rect = timeline().rect_of(*findings);
    QTest::mouseClick(timeline().viewport(), Qt::LeftButton, {}, {place_of(*findings, time).x(), rect.center().y()});
    EXPECT_GT(window_->current_sequence(), 1U);
    const QModelIndex there =
        window_->model()->index(window_->model()->row_of(window_->current_sequence()), RecordsModel::trouble);
    EXPECT_TRUE(there.data(RecordsModel::badge_role).isValid());
}

TEST_F(TimelineTest, APictureShowsAllTracksAtTwiceTheScale) {
    open_chains(50);
    const QImage picture = timeline().picture(2);
    EXPECT_EQ(picture.width(), timeline().viewport()->width() * 2);
    EXPECT_GE(picture.height(), timeline().tracks().height() * 2);
}

TEST_F(TimelineTest, StatisticsAreCountedWhenTheyAreLookedAt) {
    open_chains(500);
    EXPECT_FALSE(statistics().model()->is_counting());
    QTest::keyClick(window_, Qt::Key_4, Qt::ControlModifier);
    ASSERT_TRUE(wait([this] { return statistics().model()->has_counted(); }));
    const QModelIndex session = statistics().model()->index(0, 0);
    const QModelIndex queue = statistics().model()->index(0, 0, session);
    EXPECT_EQ(queue.siblingAtColumn(StatisticsModel::used).data().toString(), QStringLiteral("500"));
    const QModelIndex out = statistics().model()->index(0, 0, queue);
    EXPECT_EQ(out.data().toString(), QStringLiteral("OUT"));
    ASSERT_EQ(statistics().plot().series().size(), 1U) << "the first queue, to begin with";
    statistics().table().selectionModel()->select(out, QItemSelectionModel::Select | QItemSelectionModel::Rows);
    EXPECT_EQ(statistics().plot().series().size(), 2U) << "compared";
    statistics().quantity().setCurrentIndex(1);
    EXPECT_EQ(statistics().plot().series().size(), 1U) << "how deep a queue is, is known of the queue only";
}

TEST_F(TimelineTest, WhatIsMarkedInAPlotBecomesAFilter) {
    open_chains(100);
    QTest::keyClick(window_, Qt::Key_4, Qt::ControlModifier);
    ASSERT_TRUE(wait([this] { return statistics().model()->has_counted(); }));
    DistributionPlot& plot = statistics().plot();
    EXPECT_TRUE(statistics().marked_expression().isEmpty());
    QTest::mousePress(&plot, Qt::LeftButton, {}, QPoint(plot.width() / 4, plot.height() / 2));
    QMouseEvent move(QEvent::MouseMove, QPointF(plot.width() * 3.0 / 4, plot.height() / 2.0),
                     plot.mapToGlobal(QPointF(plot.width() * 3.0 / 4, plot.height() / 2.0)), Qt::NoButton,
                     Qt::LeftButton, {});
    QApplication::sendEvent(&plot, &move);
    const QString expression = statistics().marked_expression();
    ASSERT_FALSE(expression.isEmpty());
    Q_EMIT statistics().filter_wanted(expression, Joined::replace);
    EXPECT_TRUE(window_->filter_bar().problem().isEmpty()) << expression.toStdString();
    QTest::keyClick(&plot, Qt::Key_Escape);
    EXPECT_TRUE(statistics().marked_expression().isEmpty());
}

TEST_F(TimelineTest, ClosingWhileItReadsAndCountsDoesNotWait) {
    open_chains(20000);
    timeline().show(1e6, 2e6);
    timeline().viewport()->repaint();
    statistics().count();
    delete std::exchange(window_, nullptr);
}

}  // namespace
}  // namespace vutrace::gui
