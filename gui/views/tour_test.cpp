#include "vutrace/gui/views/tour.h"

#include "sample_window.h"
#include "screenshot.h"
#include "vutrace/gui/views/details_pane.h"
#include "vutrace/gui/views/filter_bar.h"
#include "vutrace/gui/views/findings_dock.h"
#include "vutrace/gui/views/guidance.h"
#include "vutrace/gui/views/records_view.h"
#include "vutrace/gui/views/start_page.h"
#include "vutrace/gui/views/state_docks.h"
#include "vutrace/gui/views/state_panel.h"
#include "vutrace/gui/views/tour_callout.h"
#include "window_fixture.h"

#include <vutrace/gui/models/data_folder.h>

#include <gtest/gtest.h>

#include <QAbstractButton>
#include <QApplication>
#include <QDockWidget>
#include <QLabel>
#include <QPushButton>
#include <QRegularExpression>
#include <QTreeView>

namespace vutrace::gui {
namespace {

using testing::Kept;

class TourWindow : public testing::WindowFixture {
  protected:
    void start() {
        WindowFixture::start();
        window_->guidance().start_page().tour_button().click();
        ASSERT_TRUE(tour().runs());
        ASSERT_TRUE(wait([this] { return tour().is_ready() && callout().next_button().isEnabled(); }));
        ASSERT_TRUE(wait([this] { return window_->current_sequence() == 1; }));
    }
    void go_to_step(int step) {
        while (tour().step() < step) {
            tour().next();
        }
        ASSERT_EQ(tour().step(), step);
        ASSERT_TRUE(testing::wait_until_shown(*window_));
    }
    [[nodiscard]] Tour& tour() const { return window_->guidance().tour(); }
    [[nodiscard]] TourCallout& callout() const { return tour().callout(); }
    [[nodiscard]] QString cell(std::uint64_t record, RecordsModel::Column column) const {
        return window_->model()->index(window_->model()->row_of(record), column).data().toString();
    }
    // Where a widget is, in the window.
    [[nodiscard]] QRect place_of(const QWidget& widget) const {
        return {widget.mapTo(window_, QPoint(0, 0)), widget.size()};
    }
    static int find(TourPlace place) {
        for (int i = 0; i < tour_steps().size(); ++i) {
            if (tour_steps()[i].place == place) {
                return i;
            }
        }
        ADD_FAILURE();
        return 0;
    }
};

// All of it: what a step points at is there, is framed and not covered, and the record that it speaks of is chosen.
TEST_F(TourWindow, IsWalkedThroughByKeyboard) {
    start();
    QSet<QString> titles;
    for (int i = 0; i < tour_steps().size(); ++i) {
        const TourStep& step = tour_steps()[i];
        SCOPED_TRACE(step.title);
        ASSERT_EQ(tour().step(), i);
        ASSERT_TRUE(testing::wait_until_shown(*window_));
        const QWidget& target = Tour::widget_at(*window_, step.place);
        EXPECT_TRUE(target.isVisible());
        EXPECT_FALSE(target.visibleRegion().isEmpty());
        EXPECT_TRUE(wait([&] { return tour().frame().geometry() == place_of(target); }));
        EXPECT_TRUE(tour().frame().isVisible());
        EXPECT_TRUE(callout().isVisible());
        EXPECT_TRUE(window_->rect().contains(callout().geometry()));
        EXPECT_FALSE(callout().geometry().intersects(place_of(target)));
        EXPECT_FALSE(step.place == TourPlace::filter && callout().geometry().intersects(place_of(window_->records())));
        EXPECT_EQ(window_->current_sequence(), step.record);
        EXPECT_EQ(window_->model()->sequence_at(window_->records().current_row()), step.record);
        EXPECT_EQ(window_->filter_bar().text(), QLatin1String(step.filter));
        EXPECT_TRUE(callout().text().text() == QLatin1String(step.text));
        EXPECT_TRUE(callout().accessibleName().contains(QLatin1String(step.title)));
        EXPECT_GE(callout().height(), callout().heightForWidth(callout().width())) << "all of the words are seen";
        titles.insert(QLatin1String(step.title));
        EXPECT_EQ(callout().back_button().isEnabled(), i > 0);
        if (i + 1 < tour_steps().size()) {
            ASSERT_TRUE(wait([this] { return callout().next_button().hasFocus(); }));
            QTest::keyClick(QApplication::focusWidget(), Qt::Key_Return);
        }
    }
    EXPECT_EQ(titles.size(), tour_steps().size());
    EXPECT_FALSE(callout().next_button().isVisible()) << "that was the last one";
    EXPECT_TRUE(callout().end_button().hasFocus());
    QTest::keyClick(QApplication::focusWidget(), Qt::Key_Return);
    EXPECT_FALSE(tour().runs());
    EXPECT_FALSE(callout().isVisible());
    EXPECT_FALSE(tour().frame().isVisible());
}

// A record that the words name is one that the trace has, and the one that is chosen is named.
TEST_F(TourWindow, SpeaksOfRecordsThatAreThere) {
    start();
    static const QRegularExpression named(QStringLiteral("[Rr]ecord (\\d+)"));
    for (const TourStep& step : tour_steps()) {
        bool names_one = false;
        bool names_it = false;
        for (auto found = named.globalMatch(QLatin1String(step.text)); found.hasNext();) {
            const auto record = found.next().captured(1).toULongLong();
            EXPECT_TRUE(record >= 1 && record <= window_->document()->progress().rows) << step.text;
            names_one = true;
            names_it = names_it || record == step.record;
        }
        EXPECT_TRUE(names_it || !names_one) << step.text;
    }
}

// What is said is what the sample shows.
TEST_F(TourWindow, SaysWhatTheSampleShows) {
    start();
    ASSERT_TRUE(testing::wait_until_shown(*window_));
    EXPECT_EQ(window_->document()->progress().rows, 31U);
    EXPECT_EQ(cell(1, RecordsModel::name), QStringLiteral("session opened"));
    EXPECT_EQ(cell(31, RecordsModel::name), QStringLiteral("session closed"));
    EXPECT_TRUE(cell(31, RecordsModel::summary).contains(QLatin1String("reason=front-end closed")));
    EXPECT_EQ(cell(26, RecordsModel::name), QStringLiteral("call"));
    EXPECT_EQ(cell(28, RecordsModel::name), QStringLiteral("kick"));
    EXPECT_EQ(cell(29, RecordsModel::name), QStringLiteral("available"));
    EXPECT_TRUE(cell(29, RecordsModel::summary).startsWith(QLatin1String("head 3")));
    EXPECT_EQ(cell(30, RecordsModel::name), QStringLiteral("used"));
    EXPECT_TRUE(cell(30, RecordsModel::summary).contains(QLatin1String("IN sector=0 length=512 OK")));
    EXPECT_EQ(cell(30, RecordsModel::latency), QStringLiteral("14.0ms"));
    ASSERT_EQ(window_->findings_dock().model()->rowCount(), 1);
    EXPECT_EQ(window_->findings_dock().model()->findings()[0].rule->id, "STALL004");
    EXPECT_TRUE(window_->verdict().text().contains(QLatin1String("NO_INTERRUPT is not set")));
    EXPECT_TRUE(window_->verdict().text().contains(QLatin1String("2.5 s")));

    go_to_step(find(TourPlace::rings));
    const QString facts = window_->state_docks().rings().facts().text();
    EXPECT_EQ(facts.count(QLatin1String("index 2")), 2) << facts.toStdString();
    go_to_step(find(TourPlace::state));
    EXPECT_TRUE(window_->state_docks().state().table(StatePanel::open).view->isVisible());
    EXPECT_EQ(window_->state_docks().state().table(StatePanel::open).model->rowCount(), 1);
    go_to_step(find(TourPlace::filter));
    EXPECT_EQ(window_->model()->rowCount(), 1) << "one call";
    EXPECT_EQ(window_->model()->sequence_at(0), 26U);
}

TEST_F(TourWindow, GoesOnWhereThePersonDoesWhatItAsksFor) {
    start();
    tour().next();
    ASSERT_TRUE(tour_steps()[1].waits);
    QTreeView& findings = window_->findings();
    const QRect row = findings.visualRect(findings.model()->index(0, 0));
    QTest::mouseClick(findings.viewport(), Qt::LeftButton, {}, row.center());
    EXPECT_TRUE(wait([this] { return tour().step() == 2 && window_->current_sequence() == 30; }));

    go_to_step(5);
    ASSERT_TRUE(tour_steps()[5].waits);
    QTest::keyClick(&window_->records(), Qt::Key_J, Qt::ControlModifier);
    EXPECT_TRUE(wait([this] { return tour().step() == 6 && window_->current_sequence() == 29; }));
}

TEST_F(TourWindow, LeavesNothingInTheFilterHistory) {
    start();
    go_to_step(find(TourPlace::filter));
    ASSERT_EQ(window_->filter_bar().text(), QStringLiteral("fd == call"));
    EXPECT_EQ(window_->filter_bar().history(), QStringList());
}

TEST_F(TourWindow, GoesBackToWhatWasShownBefore) {
    start();
    go_to_step(find(TourPlace::filter));
    QTest::keyClick(&callout().back_button(), Qt::Key_Space);
    EXPECT_EQ(tour_steps()[tour().step()].place, TourPlace::state);
    EXPECT_TRUE(wait([this] { return window_->current_sequence() == 29; }));
    EXPECT_TRUE(window_->filter_bar().text().isEmpty());
    tour().back();
    tour().back();
    tour().back();
    tour().back();
    tour().back();
    tour().back();
    EXPECT_EQ(tour().step(), 0);
    tour().back();
    EXPECT_EQ(tour().step(), 0);
    EXPECT_EQ(window_->current_sequence(), 1U);
}

TEST_F(TourWindow, LeavesTheWindowAsItWas) {
    start();
    tour().end();
    window_->state_docks().state_dock().hide();
    const bool findings = window_->findings_dock().isVisible();
    tour().begin();
    go_to_step(find(TourPlace::filter));
    EXPECT_TRUE(window_->state_docks().state_dock().isVisible());
    callout().take_focus();
    QTest::keyClick(&callout().next_button(), Qt::Key_Escape);
    EXPECT_FALSE(tour().runs());
    EXPECT_TRUE(window_->state_docks().state_dock().isHidden());
    EXPECT_EQ(window_->findings_dock().isVisible(), findings);
    EXPECT_TRUE(window_->filter_bar().text().isEmpty());
    EXPECT_EQ(window_->current_sequence(), 26U);
    window_->go_to_sequence(29);
    EXPECT_FALSE(tour().runs()) << "nothing goes on by itself any more";
}

TEST_F(TourWindow, FollowsWhatItPointsAt) {
    start();
    go_to_step(find(TourPlace::rings));
    QDockWidget& rings = window_->state_docks().rings_dock();
    window_->resize(1100, 700);
    EXPECT_TRUE(wait([&] { return tour().frame().geometry() == place_of(rings) && rings.geometry().right() < 1100; }));
    EXPECT_TRUE(window_->rect().contains(callout().geometry()));
    rings.hide();
    EXPECT_TRUE(wait([&] { return !tour().frame().isVisible(); }));
    rings.show();
    rings.raise();
    EXPECT_TRUE(wait([&] { return tour().frame().isVisible(); }));
}

TEST_F(TourWindow, EndsWithTheStartPage) {
    start();
    window_->show_start_page();
    EXPECT_FALSE(tour().runs());
    EXPECT_FALSE(callout().isVisible());
    window_->guidance().start_page().tour_button().click();
    EXPECT_TRUE(tour().runs()) << "the sample is open here already";
    EXPECT_TRUE(window_->records().isVisible());
}

TEST_F(TourWindow, OfAWindowWithAnotherTraceIsInAnotherWindow) {
    write_trace(3);
    open(path());
    window_->begin_tour();
    EXPECT_FALSE(tour().runs());
    MainWindow* other = nullptr;
    for (QWidget* widget : QApplication::topLevelWidgets()) {
        auto* candidate = qobject_cast<MainWindow*>(widget);
        other = candidate != nullptr && candidate != window_ ? candidate : other;
    }
    ASSERT_NE(other, nullptr);
    EXPECT_TRUE(other->guidance().tour().runs());
    EXPECT_TRUE(wait([&] { return other->guidance().tour().is_ready(); }));
    delete other;
}

struct Placing {
    const char* situation;
    QRect target;
    QPoint wanted;
};

class TourPlacing : public ::testing::TestWithParam<Placing> {};

TEST_P(TourPlacing, CoversNothingThatIsSpokenOf) {
    const QRect area(0, 0, 1000, 600);
    const QSize size(300, 150);
    const QRect place = place_beside(GetParam().target, area, size);
    EXPECT_EQ(place, QRect(GetParam().wanted, size)) << GetParam().situation;
    EXPECT_TRUE(area.contains(place));
}

INSTANTIATE_TEST_SUITE_P(Of, TourPlacing,
                         ::testing::Values(Placing{"above", {0, 0, 1000, 200}, {10, 209}},
                                           Placing{"below", {0, 400, 1000, 200}, {10, 240}},
                                           Placing{"at the left", {0, 0, 400, 600}, {409, 10}},
                                           Placing{"at the right", {600, 0, 400, 600}, {290, 10}},
                                           Placing{"small, in a corner", {950, 0, 50, 20}, {700, 29}},
                                           Placing{"everywhere", {0, 0, 1000, 600}, {10, 450}}));

TEST(TourPlacing, IsInsideEvenWhereItDoesNotFit) {
    EXPECT_EQ(place_beside({0, 0, 100, 100}, {0, 0, 100, 100}, {300, 150}).topLeft(), QPoint(0, 0));
}

class TourPicture : public ::testing::TestWithParam<Theme> {};

TEST_P(TourPicture, IsAsItWas) {
    QSettings().clear();
    apply(GetParam());
    auto window = std::make_unique<MainWindow>(QStringLiteral("test"));
    window->resize(1280, 800);
    window->show();
    window->begin_tour();
    Tour& tour = window->guidance().tour();
    ASSERT_TRUE(QTest::qWaitFor([&] { return tour.callout().next_button().isEnabled(); }, testing::patience));
    const bool light = GetParam() == Theme::light;
    for (int i = 0; i < tour_steps().size(); ++i) {
        ASSERT_TRUE(testing::wait_until_shown(*window));
        const bool kept = tour_steps()[i].place == TourPlace::rings;
        const QString name = kept ? QStringLiteral("tour") : QStringLiteral("tour-%1").arg(i + 1);
        testing::expect_picture(*window, name + (light ? QStringLiteral("-light") : QStringLiteral("-dark")),
                                kept ? Kept::yes : Kept::no);
        tour.next();
    }
    apply(Theme::light);
}

INSTANTIATE_TEST_SUITE_P(OfThemes, TourPicture, ::testing::Values(Theme::light, Theme::dark),
                         [](const auto& test) { return test.param == Theme::light ? "light" : "dark"; });

}  // namespace
}  // namespace vutrace::gui
