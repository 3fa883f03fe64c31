// The docks that show the whole trace at once: along its time, and counted.
#pragma once

#include <vutrace/filter/filter.h>
#include <vutrace/gui/models/findings_model.h>
#include <vutrace/gui/models/quick_filter.h>
#include <vutrace/gui/models/timeline_source.h>
#include <vutrace/gui/models/trace_document.h>

#include <QObject>
#include <QString>
#include <cstdint>
#include <memory>
#include <optional>

class QAction;
class QDockWidget;
class QLabel;
class QMainWindow;
class QMenu;

namespace vutrace::gui {

class StatisticsPanel;
class TimelineView;

// What a main window has of them: the record that is current goes in, wishes come out.
class TimeDocks final : public QObject {
    Q_OBJECT

  public:
    // At the bottom of the window, which owns the docks.
    explicit TimeDocks(QMainWindow& window);
    ~TimeDocks() override;

    // Both must outlive it, or the next call. Null: none.
    void set_document(TraceDocument* document, FindingsModel* findings);
    void set_record(std::uint64_t sequence);
    void set_filter(const std::optional<filter::Filter>& filter, const QString& text);
    void add_views(QMenu& menu);  // what shows and hides them
    // Shares the bottom of the window with another dock there.
    void make_room_beside(QDockWidget& other);

    [[nodiscard]] TimelineView& timeline() const noexcept { return *timeline_; }
    [[nodiscard]] StatisticsPanel& statistics() const noexcept { return *statistics_; }
    [[nodiscard]] QDockWidget& timeline_dock() const noexcept { return *timeline_dock_; }
    [[nodiscard]] QDockWidget& statistics_dock() const noexcept { return *statistics_dock_; }
    [[nodiscard]] TimelineSource* source() const noexcept { return source_.get(); }

  Q_SIGNALS:
    void record_wanted(quint64 sequence);
    void filter_wanted(const QString& expression, vutrace::gui::Joined how);
    void said(const QString& text);

  private:
    QWidget* make_timeline(QMainWindow& window);
    QDockWidget* make_dock(QMainWindow& window, QWidget* content, const QString& title, const QString& name);
    void show_findings(const FindingsModel& findings);
    void save_picture();

    QMainWindow& window_;
    TimelineView* timeline_{nullptr};
    QLabel* range_{nullptr};
    StatisticsPanel* statistics_;
    QDockWidget* timeline_dock_;
    QDockWidget* statistics_dock_;
    std::unique_ptr<TimelineSource> source_;
};

}  // namespace vutrace::gui
