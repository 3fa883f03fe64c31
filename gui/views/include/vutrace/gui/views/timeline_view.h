// A trace along its time: messages, chains, notifications, memory epochs, losses and findings of each session and
// queue, from the whole of it down to nanoseconds.
#pragma once

#include <vutrace/check/finding.h>
#include <vutrace/gui/models/quick_filter.h>
#include <vutrace/gui/models/time_window.h>
#include <vutrace/gui/models/timeline_source.h>
#include <vutrace/gui/models/timeline_tracks.h>
#include <vutrace/overview/columns.h>

#include <QAbstractScrollArea>
#include <QImage>
#include <QPoint>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace vutrace::gui {

class TimelinePainter;

// Where a finding stands in it.
struct FindingMark {
    double time{0};  // nanoseconds since the first record
    std::uint64_t row{0};
    std::uint32_t session{0};
    check::Severity severity{check::Severity::error};
    QString text;
};

// Where a record stands that a person marked.
struct BookmarkMark {
    double time{0};  // nanoseconds since the first record
    std::uint64_t row{0};
};

class TimelineView final : public QAbstractScrollArea {
    Q_OBJECT

  public:
    using Range = std::pair<double, double>;  // nanoseconds since the first record, ascending

    explicit TimelineView(QWidget* parent = nullptr);

    // Null for none; it must outlive the view, or be taken away before.
    void set_source(TimelineSource* source);
    void set_findings(std::vector<FindingMark> findings);     // in the order of time
    void set_bookmarks(std::vector<BookmarkMark> bookmarks);  // in the order of time
    // The record that is current elsewhere: it is marked, and brought into view.
    void set_current(std::uint64_t sequence);

    [[nodiscard]] const TimeWindow& window() const noexcept { return window_; }
    [[nodiscard]] const TimelineTracks& tracks() const noexcept { return tracks_; }
    [[nodiscard]] const std::optional<Range>& range() const noexcept { return range_; }
    [[nodiscard]] std::optional<double> current_time() const noexcept { return current_time_; }
    [[nodiscard]] const TimelineSource* source() const noexcept { return source_; }
    // Where the time begins, right of the titles, and where the tracks begin, below the scale.
    [[nodiscard]] int left() const;
    [[nodiscard]] int top() const;
    // Where a track is, as scrolled now, in the viewport.
    [[nodiscard]] QRect rect_of(const Track& track) const;

    [[nodiscard]] QSize sizeHint() const override;

    void zoom(double factor);  // around the current record where it is seen, otherwise the middle
    void show_all();
    void show(double from, double to);
    void zoom_to_range();
    void set_range(const std::optional<Range>& range);
    // The range as an expression; empty without one.
    [[nodiscard]] QString range_expression() const;
    [[nodiscard]] QString range_text() const;

    // All tracks, also those that are scrolled away, at `scale` pixels to one.
    [[nodiscard]] QImage picture(double scale);

  Q_SIGNALS:
    void record_chosen(quint64 sequence);
    void range_changed();
    void filter_wanted(const QString& expression, vutrace::gui::Joined how);
    void picture_wanted();

  protected:
    void paintEvent(QPaintEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void wheelEvent(QWheelEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void mouseReleaseEvent(QMouseEvent* event) override;
    void mouseDoubleClickEvent(QMouseEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void contextMenuEvent(QContextMenuEvent* event) override;
    bool viewportEvent(QEvent* event) override;
    void changeEvent(QEvent* event) override;
    void focusInEvent(QFocusEvent* event) override;
    void focusOutEvent(QFocusEvent* event) override;

  private:
    enum class Drag { none, may_begin, range, pan };

    void rebuild();
    void moved();
    void update_around(const std::optional<double>& time);
    [[nodiscard]] std::vector<const Track*> tracks_seen(int height, int scrolled) const;
    void fill(const std::vector<const Track*>& seen, double pixel_ratio);
    void fill_as_seen();
    void paint_tracks(TimelinePainter& painter, QSize size, int scrolled, double pixel_ratio);
    void paint(QPainter& painter, QSize size, int scrolled, double pixel_ratio);
    [[nodiscard]] const Track* track_at(QPoint place) const;
    [[nodiscard]] double x_of(double place) const { return place - left(); }
    void choose_at(QPoint place);
    void paint_bookmarks(QPainter& painter, int width) const;
    [[nodiscard]] const BookmarkMark* bookmark_at(QPoint place) const;
    void fold(const Track& heading);
    void step(bool forward);
    void choose_track(int by);
    void show_track();
    bool key_moves(QKeyEvent* event);
    bool key_acts(QKeyEvent* event);
    [[nodiscard]] std::vector<const FindingMark*> findings_at(const Track& track, double x) const;
    [[nodiscard]] const overview::Column* column_at(const Track& track, double x, bool upper) const;
    [[nodiscard]] QString tip_at(QPoint place) const;

    TimelineSource* source_{nullptr};
    TimeWindow window_;
    TimelineTracks tracks_;
    TimelineTracks::Folded folded_;
    std::vector<FindingMark> findings_;
    std::vector<BookmarkMark> bookmarks_;
    overview::Columns columns_;                                // as filled last
    bool columns_are_old_{true};                               // what they were made of has changed
    std::vector<std::pair<const Track*, std::size_t>> slots_;  // of `columns_`: where a track's lanes begin
    double pixel_ratio_{1};
    std::size_t chosen_track_{0};
    std::uint64_t current_{0};
    std::optional<double> current_time_;
    bool bring_into_view_{false};  // the current record, once its time is known
    std::optional<Range> range_;
    Drag drag_{Drag::none};
    QPoint drag_from_;
    double drag_time_{0};
};

}  // namespace vutrace::gui
