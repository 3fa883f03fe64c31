#include "sample_window.h"

#include <vutrace/gui/views/findings_dock.h>
#include <vutrace/gui/views/main_window.h>
#include <vutrace/gui/views/records_view.h>
#include <vutrace/gui/views/state_docks.h>
#include <vutrace/gui/views/state_panel.h>
#include <vutrace/gui/views/statistics_panel.h>
#include <vutrace/gui/views/time_docks.h>
#include <vutrace/gui/views/timeline_view.h>

#include <gtest/gtest.h>

#include <QComboBox>
#include <QSettings>
#include <QStatusBar>
#include <QTabWidget>
#include <QTest>
#include <QTreeView>
#include <algorithm>

namespace vutrace::gui::testing {
namespace {

constexpr int patience = 20000;  // milliseconds

template <class Condition>
bool wait(const Condition& condition) {
    return QTest::qWaitFor(condition, patience);
}

void show_time_dock(MainWindow& window, const View& view) {
    TimeDocks& docks = window.time_docks();
    QDockWidget& dock = view.pane == Pane::timeline ? docks.timeline_dock() : docks.statistics_dock();
    dock.show();
    dock.raise();
    window.resizeDocks({&dock}, {380}, Qt::Vertical);
    if (view.to > 0) {
        const double span = view.to - view.from;
        docks.timeline().show(view.from, view.to);
        docks.timeline().set_range(TimelineView::Range(view.from + span * 0.6, view.from + span * 0.75));
    }
}

void show_pane(MainWindow& window, Pane pane) {
    StateDocks& docks = window.state_docks();
    if (pane < Pane::ring) {
        docks.state_dock().raise();
        docks.state().tabs().setCurrentIndex(static_cast<int>(pane) - static_cast<int>(Pane::features));
        return;
    }
    docks.rings_dock().raise();
    docks.rings().tabs().setCurrentIndex(static_cast<int>(pane) - static_cast<int>(Pane::ring));
    docks.rings().payload_form().setCurrentIndex(pane == Pane::packet ? 2 : 0);
}

bool bring_to(MainWindow& window, const View& view) {
    if (*view.filter != '\0') {
        window.apply_filter(QLatin1String(view.filter));
    }
    if (view.record != 0) {
        window.go_to_sequence(std::min(view.record, window.document()->progress().rows));
    }
    if (!wait_until_shown(window)) {
        return false;
    }
    // A line of the details is chosen, so that its bytes are marked.
    window.details().setCurrentIndex(window.details().model()->index(2, 0));
    if (view.pane == Pane::timeline || view.pane == Pane::statistics) {
        show_time_dock(window, view);
    } else if (view.pane != Pane::none) {
        show_pane(window, view.pane);
    }
    if (!wait_until_shown(window)) {
        return false;
    }
    if (view.pane == Pane::statistics) {
        window.time_docks().statistics().table().selectAll();
    }
    return true;
}

}  // namespace

bool wait_until_shown(MainWindow& window) {
    const StatisticsPanel& statistics = window.time_docks().statistics();
    const bool shown = wait([&] {
        return window.document()->progress().complete && !window.document()->is_searching() &&
               !window.model()->is_filtering() && window.findings_dock().model()->has_checked() &&
               window.state_docks().history() != nullptr && window.state_docks().shown() == window.current_sequence() &&
               window.model()->row_at(window.records().current_row()) != nullptr &&
               window.details().model()->rowCount() > 0 && !window.time_docks().source()->is_reading() &&
               (!statistics.isVisible() || statistics.model()->has_counted());
    });
    QTest::qWait(50);  // what came last is laid out and painted
    window.statusBar()->clearMessage();
    return shown && wait([&] { return !window.time_docks().source()->is_reading(); });
}

std::unique_ptr<MainWindow> show_view(const View& view) {
    QSettings().clear();
    apply(view.theme);
    auto window = std::make_unique<MainWindow>(QStringLiteral("test"));
    window->resize(1280, 800);
    window->show();
    window->open(QStringLiteral(VUTRACE_SAMPLES "/") + QLatin1String(view.sample));
    if (!wait_until_shown(*window) || window->document()->failed() || !bring_to(*window, view)) {
        ADD_FAILURE() << view.name << ": the window did not come to what it shall show; "
                      << window->document()->trouble().toStdString();
        return nullptr;
    }
    return window;
}

}  // namespace vutrace::gui::testing
