#include "vutrace/gui/views/time_docks.h"

#include "elided_label.h"
#include "save_picture.h"
#include "view_action.h"
#include "vutrace/gui/views/statistics_panel.h"
#include "vutrace/gui/views/timeline_view.h"

#include <QAction>
#include <QDockWidget>
#include <QHBoxLayout>
#include <QLabel>
#include <QMainWindow>
#include <QMenu>
#include <QToolButton>
#include <QVBoxLayout>
#include <algorithm>
#include <utility>
#include <vector>

namespace vutrace::gui {
namespace {

constexpr double zoom_for_a_click = 2;
constexpr int usual_height = 240;

QToolButton* add_button(QWidget* parent, QHBoxLayout& bar, const QString& text, const QString& tip) {
    auto* button = new QToolButton(parent);
    button->setText(text);
    button->setToolTip(tip);
    button->setAccessibleName(tip);
    button->setAutoRaise(true);
    bar.addWidget(button);
    return button;
}

}  // namespace

TimeDocks::TimeDocks(QMainWindow& window)
    : QObject(&window),
      window_(window),
      statistics_(new StatisticsPanel(&window)),
      timeline_dock_(make_dock(window, make_timeline(window), tr("Timeline"), QStringLiteral("timeline"))),
      statistics_dock_(make_dock(window, statistics_, tr("Statistics"), QStringLiteral("statistics"))) {
    window.tabifyDockWidget(timeline_dock_, statistics_dock_);
    timeline_dock_->raise();
    statistics_dock_->hide();
    connect(statistics_, &StatisticsPanel::filter_wanted, this, &TimeDocks::filter_wanted);
    connect(statistics_, &StatisticsPanel::said, this, &TimeDocks::said);
    connect(statistics_dock_, &QDockWidget::visibilityChanged, statistics_, &StatisticsPanel::need);
}

TimeDocks::~TimeDocks() = default;

QWidget* TimeDocks::make_timeline(QMainWindow& window) {
    auto* content = new QWidget(&window);
    timeline_ = new TimelineView(content);
    auto* layout = new QVBoxLayout(content);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    auto* bar = new QHBoxLayout();
    bar->setContentsMargins(4, 0, 4, 0);
    bar->setSpacing(2);
    const auto on = [this](QToolButton* button, auto&& act) {
        connect(button, &QToolButton::clicked, timeline_, std::forward<decltype(act)>(act));
        return button;
    };
    on(add_button(content, *bar, tr("+"), tr("Zoom in (+)")), [this] { timeline_->zoom(zoom_for_a_click); });
    on(add_button(content, *bar, tr("−"), tr("Zoom out (-)")), [this] { timeline_->zoom(1 / zoom_for_a_click); });
    on(add_button(content, *bar, tr("All"), tr("All of the trace (0)")), [this] { timeline_->show_all(); });
    QToolButton* to_range = add_button(content, *bar, tr("Zoom to range"), tr("Zoom to the range (Z)"));
    on(to_range, [this] { timeline_->zoom_to_range(); });
    QToolButton* filter =
        add_button(content, *bar, tr("Filter to range"), tr("Show the records of the range only (F)"));
    on(filter, [this] { Q_EMIT filter_wanted(timeline_->range_expression(), Joined::also); });
    range_ = new ElidedLabel(content);
    range_->setAccessibleName(tr("Range"));
    bar->addWidget(range_, 1);
    on(add_button(content, *bar, tr("Save …"), tr("Save the timeline as a picture")), [this] { save_picture(); });
    layout->addLayout(bar);
    layout->addWidget(timeline_, 1);
    const auto show_range = [this, to_range, filter] {
        to_range->setEnabled(timeline_->range().has_value());
        filter->setEnabled(timeline_->range().has_value());
        range_->setText(timeline_->range() ? timeline_->range_text()
                                           : tr("Drag to mark a range; the wheel zooms, with Shift it moves"));
    };
    show_range();
    connect(timeline_, &TimelineView::range_changed, this, show_range);
    connect(timeline_, &TimelineView::filter_wanted, this, &TimeDocks::filter_wanted);
    connect(timeline_, &TimelineView::picture_wanted, this, &TimeDocks::save_picture);
    connect(timeline_, &TimelineView::record_chosen, this, [this](quint64 sequence) {
        const bool had_focus = timeline_->hasFocus();
        Q_EMIT record_wanted(sequence);
        if (had_focus) {
            timeline_->setFocus();  // the keys go on here
        }
    });
    return content;
}

QDockWidget* TimeDocks::make_dock(QMainWindow& window, QWidget* content, const QString& title, const QString& name) {
    auto* dock = new QDockWidget(title, &window);
    dock->setObjectName(name);
    dock->setWidget(content);
    window.addDockWidget(Qt::BottomDockWidgetArea, dock);
    return dock;
}

void TimeDocks::set_document(TraceDocument* document, FindingsModel* findings) {
    timeline_->set_source(nullptr);
    statistics_->set_document(document);
    source_.reset();
    if (document == nullptr) {
        return;
    }
    source_ = std::make_unique<TimelineSource>(*document);
    timeline_->set_source(source_.get());
    connect(source_.get(), &TimelineSource::read_failed, this, &TimeDocks::said);
    connect(findings, &FindingsModel::checked, this, [this, findings] { show_findings(*findings); });
}

void TimeDocks::set_record(std::uint64_t sequence) {
    timeline_->set_current(sequence);
}

void TimeDocks::set_filter(const std::optional<filter::Filter>& filter, const QString& text) {
    statistics_->set_filter(filter, text);
}

void TimeDocks::add_views(QMenu& menu) {
    add_view(menu, *timeline_dock_, QKeySequence(tr("Ctrl+3")));
    add_view(menu, *statistics_dock_, QKeySequence(tr("Ctrl+4")));
}

void TimeDocks::make_room_beside(QDockWidget& other) {
    QDockWidget* shown = timeline_dock_->isVisible() ? timeline_dock_ : statistics_dock_;
    if (!shown->isVisible() || !other.isVisible()) {
        return;
    }
    window_.resizeDocks({shown}, {usual_height}, Qt::Vertical);
    const int width = window_.centralWidget()->width();  // what the docks at the right leave
    window_.resizeDocks({&other, shown}, {width / 2, width / 2}, Qt::Horizontal);
}

void TimeDocks::show_findings(const FindingsModel& findings) {
    const std::int64_t start = source_->overview().start_time;
    std::vector<FindingMark> marks;
    for (const check::Finding& finding : findings.findings()) {
        FindingMark mark;
        mark.time = static_cast<double>(explain::elapsed(start, finding.time));
        mark.row = finding.sequence;
        mark.session = finding.session;
        mark.severity = finding.severity;
        mark.text = FindingsModel::summary_of(finding);
        marks.push_back(std::move(mark));
    }
    std::stable_sort(marks.begin(), marks.end(), [](const auto& a, const auto& b) { return a.row < b.row; });
    timeline_->set_findings(std::move(marks));
}

void TimeDocks::save_picture() {
    if (const QString saved = gui::save_picture(*timeline_, timeline_->picture(2)); !saved.isEmpty()) {
        Q_EMIT said(saved);
    }
}

}  // namespace vutrace::gui
