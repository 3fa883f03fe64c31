#include "vutrace/gui/views/tour.h"

#include "vutrace/gui/views/details_pane.h"
#include "vutrace/gui/views/filter_bar.h"
#include "vutrace/gui/views/findings_dock.h"
#include "vutrace/gui/views/hex_view.h"
#include "vutrace/gui/views/main_window.h"
#include "vutrace/gui/views/records_view.h"
#include "vutrace/gui/views/state_docks.h"
#include "vutrace/gui/views/state_panel.h"
#include "vutrace/gui/views/time_docks.h"
#include "vutrace/gui/views/tour_callout.h"

#include <QCoreApplication>
#include <QDockWidget>
#include <QEvent>
#include <QTabWidget>
#include <QTreeView>
#include <array>

namespace vutrace::gui {
namespace {

// In the order of TourPlace. Docks are found again wherever they were moved to.
struct Target {
    QWidget& (*widget)(MainWindow& window);
    void (*bring_up)(MainWindow& window);
    bool with_records{false};  // the words are about what is seen there, too: they must not cover it
};

void bring_up_dock(QDockWidget& dock) {
    dock.setFloating(false);
    dock.show();
    dock.raise();
}

void nothing(MainWindow& /*window*/) {}

constexpr std::array<Target, 8> targets{{
    {[](MainWindow& window) -> QWidget& { return window.records(); }, nothing},
    {[](MainWindow& window) -> QWidget& { return window.details(); }, nothing},
    {[](MainWindow& window) -> QWidget& { return window.bytes(); }, nothing},
    {[](MainWindow& window) -> QWidget& { return window.findings_dock(); },
     [](MainWindow& window) { bring_up_dock(window.findings_dock()); }},
    {[](MainWindow& window) -> QWidget& { return window.state_docks().rings_dock(); },
     [](MainWindow& window) {
         bring_up_dock(window.state_docks().rings_dock());
         window.state_docks().rings().tabs().setCurrentIndex(0);
     }},
    {[](MainWindow& window) -> QWidget& { return window.state_docks().state_dock(); },
     [](MainWindow& window) {
         bring_up_dock(window.state_docks().state_dock());
         window.state_docks().state().tabs().setCurrentIndex(StatePanel::open);
     }},
    {[](MainWindow& window) -> QWidget& { return window.time_docks().timeline_dock(); },
     [](MainWindow& window) { bring_up_dock(window.time_docks().timeline_dock()); }},
    {[](MainWindow& window) -> QWidget& { return window.filter_bar(); }, nothing, true},
}};

const Target& target_at(TourPlace place) {
    return targets[static_cast<std::size_t>(place)];
}

}  // namespace

Tour::Tour(MainWindow& window)
    : QObject(&window), window_(window), callout_(new TourCallout(&window)), frame_(new TourFrame(&window)) {
    moved_.setSingleShot(true);
    connect(&moved_, &QTimer::timeout, this, &Tour::put_in_place);
    connect(callout_, &TourCallout::next_wanted, this, &Tour::next);
    connect(callout_, &TourCallout::back_wanted, this, &Tour::back);
    connect(callout_, &TourCallout::end_wanted, this, &Tour::end);
    connect(&window, &MainWindow::record_selected, this, [this](quint64 sequence) {
        if (runs() && tour_steps()[step_].waits && tour_steps()[step_ + 1].record == sequence) {
            next();
        }
    });
    connect(&window.findings_dock(), &FindingsDock::checked, this, &Tour::begin_if_ready, Qt::QueuedConnection);
}

QWidget& Tour::widget_at(MainWindow& window, TourPlace place) {
    return target_at(place).widget(window);
}

bool Tour::is_ready() const {
    const FindingsModel* findings = window_.findings_dock().model();
    return findings != nullptr && findings->has_checked();
}

void Tour::begin() {
    end();
    show_step(0);
    callout_->show();
    callout_->take_focus();
    begin_if_ready();
}

// What is found takes its place in the window when the trace was checked: before that, docks are not where they stay.
void Tour::begin_if_ready() {
    if (step_ != 0 || !is_ready() || !docks_.isEmpty()) {
        return;
    }
    docks_ = window_.saveState();
    show_step(0);
}

void Tour::next() {
    if (runs() && is_ready() && step_ + 1 < tour_steps().size()) {
        show_step(step_ + 1);
    }
}

void Tour::back() {
    if (runs() && step_ > 0) {
        show_step(step_ - 1);
    }
}

void Tour::show_step(int number) {
    const QList<TourStep>& steps = tour_steps();
    const bool had_focus = callout_->has_focus();  // filters and jumps give it to the records
    const TourStep& step = steps[number];
    if (runs()) {
        leave(steps[step_]);
    }
    step_ = number;
    if (is_ready()) {
        arrive(step);
    }
    callout_->say(number + 1, static_cast<int>(steps.size()), QCoreApplication::translate("Tour", step.title),
                  QCoreApplication::translate("Tour", step.text));
    callout_->set_ready(is_ready());
    watch(&widget_at(window_, step.place));
    put_in_place();
    if (had_focus) {
        callout_->take_focus();  // Return and Return again goes through it
    }
}

// The filter is set last: what it hides could not be gone to.
void Tour::arrive(const TourStep& step) {
    target_at(step.place).bring_up(window_);
    if (!window_.filter_bar().text().isEmpty()) {
        window_.apply_filter({});
    }
    if (window_.current_sequence() != step.record) {
        window_.go_to_sequence(step.record);
    }
    if (*step.filter != '\0') {
        window_.filter_bar().try_out(QLatin1String(step.filter));
    }
}

void Tour::leave(const TourStep& step) {
    if (*step.filter != '\0' && window_.filter_bar().text() == QLatin1String(step.filter)) {
        window_.apply_filter({});
    }
}

void Tour::end() {
    if (!runs()) {
        return;
    }
    leave(tour_steps()[step_]);
    step_ = -1;
    watch(nullptr);
    moved_.stop();
    const bool had_focus = callout_->has_focus();
    callout_->hide();
    frame_->hide();
    if (!docks_.isEmpty()) {
        window_.restoreState(docks_);
        docks_.clear();
    }
    if (had_focus) {
        window_.records().setFocus();
    }
}

void Tour::watch(QWidget* target) {
    for (const QPointer<QWidget>& widget : watched_) {
        if (widget != nullptr) {
            widget->removeEventFilter(this);
        }
    }
    watched_.clear();
    for (QWidget* widget = target; widget != nullptr; widget = widget->isWindow() ? nullptr : widget->parentWidget()) {
        widget->installEventFilter(this);
        watched_.push_back(widget);
    }
}

bool Tour::eventFilter(QObject* watched, QEvent* event) {
    switch (event->type()) {
        case QEvent::Move:
        case QEvent::Resize:
        case QEvent::Show:
        case QEvent::Hide:
            moved_.start(0);  // once, when all have moved
            break;
        default:
            break;
    }
    return QObject::eventFilter(watched, event);
}

void Tour::put_in_place() {
    if (!runs()) {
        return;
    }
    const Target& about = target_at(tour_steps()[step_].place);
    const auto place_of = [this](const QWidget& widget) {
        return QRect(widget.mapTo(&window_, QPoint(0, 0)), widget.size());
    };
    const QWidget& target = about.widget(window_);
    const bool there = target.isVisible() && target.window() == &window_;
    QRect place = there ? place_of(target) : window_.centralWidget()->geometry();
    frame_->setGeometry(place);
    frame_->setVisible(there);
    frame_->raise();
    if (there && about.with_records) {
        place = place.united(place_of(window_.records()));
    }
    callout_->fit();
    callout_->setGeometry(place_beside(place, window_.rect(), callout_->size()));
    callout_->raise();
}

}  // namespace vutrace::gui
