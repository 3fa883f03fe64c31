// Which stretch of a trace's time a view shows, and where in it a time is. Times are nanoseconds since the first
// record; places are pixels from the left edge. No widget: what the mouse and the keys do to it is tested without one.
#pragma once

#include <QString>
#include <vector>

namespace vutrace::gui {

class TimeWindow {
  public:
    static constexpr double least_span = 20;  // nanoseconds over the whole width

    // The trace ends there, or does so far. As long as all is shown, all stays shown.
    void set_end(double end);
    void set_width(double width);

    [[nodiscard]] double begin() const noexcept { return begin_; }
    [[nodiscard]] double span() const noexcept { return span_; }
    [[nodiscard]] double end() const noexcept { return begin_ + span_; }
    [[nodiscard]] double trace_end() const noexcept { return end_; }
    [[nodiscard]] double width() const noexcept { return width_; }
    [[nodiscard]] double nanoseconds_per_pixel() const noexcept { return span_ / width_; }
    [[nodiscard]] bool shows_all() const noexcept { return all_; }

    [[nodiscard]] double time_at(double x) const noexcept { return begin_ + x * nanoseconds_per_pixel(); }
    [[nodiscard]] double place_of(double time) const noexcept { return (time - begin_) / nanoseconds_per_pixel(); }
    [[nodiscard]] bool contains(double time) const noexcept { return time >= begin_ && time <= end(); }

    void show_all();
    // From one time to another, in any order.
    void show(double from, double to);
    // `factor` above 1 shows less, in more detail; what is at `x` stays there.
    void zoom(double factor, double x);
    void pan(double pixels);
    // Moves as little as puts the time into the middle half, if it is not seen.
    void bring_into_view(double time);

    struct Tick {
        double x{0};
        QString label;  // empty for one between two labelled ones
    };
    // At round times, labels at least `least_distance` pixels apart.
    [[nodiscard]] std::vector<Tick> ticks(double least_distance) const;
    // A time as precisely as a pixel shows it.
    [[nodiscard]] QString text_of(double time) const;

  private:
    void keep_inside();
    [[nodiscard]] double margin() const noexcept;

    double end_{1};
    double width_{1};
    double begin_{0};
    double span_{1};
    bool all_{true};
};

// "12.345678 s", "1:02:03.5": with what a step of that many nanoseconds needs.
[[nodiscard]] QString time_label(double time, double step);

// The expression that picks the records from one time to another, in the filter's own language; times as above.
[[nodiscard]] QString range_filter(std::int64_t start_time, double from, double to);

}  // namespace vutrace::gui
