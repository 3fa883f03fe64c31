#include "vutrace/gui/models/time_window.h"

#include <vutrace/render/phrases.h>

#include <algorithm>
#include <cmath>

namespace vutrace::gui {
namespace {

constexpr double nanoseconds_in_second = 1e9;
constexpr double seconds_in_minute = 60;
constexpr double share_beside = 0.01;  // of the trace, left of its begin and right of its end

// 1, 2 or 5 times a power of ten, not below `least`; whole minutes and hours where it is that long.
double round_step(double least) {
    const double second = nanoseconds_in_second;
    for (const double seconds : {10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0}) {
        if (least > 5 * second && least <= seconds * second) {
            return seconds * second;
        }
    }
    const double power = std::pow(10.0, std::floor(std::log10(least)));
    for (const double factor : {1.0, 2.0, 5.0}) {
        if (factor * power >= least) {
            return factor * power;
        }
    }
    return 10 * power;
}

}  // namespace

double TimeWindow::margin() const noexcept {
    return std::max(end_ * share_beside, least_span / 2);
}

void TimeWindow::set_end(double end) {
    end_ = std::max(end, 0.0);
    if (all_) {
        show_all();
    }
}

void TimeWindow::set_width(double width) {
    width_ = std::max(width, 1.0);
}

void TimeWindow::show_all() {
    begin_ = -margin();
    span_ = end_ + 2 * margin();
    all_ = true;
}

void TimeWindow::show(double from, double to) {
    begin_ = std::min(from, to);
    span_ = std::abs(to - from);
    all_ = false;
    keep_inside();
}

void TimeWindow::zoom(double factor, double x) {
    const double time = time_at(x);
    span_ /= factor;
    all_ = false;
    span_ = std::clamp(span_, least_span, end_ + 2 * margin());
    begin_ = time - x * nanoseconds_per_pixel();
    keep_inside();
}

void TimeWindow::pan(double pixels) {
    begin_ += pixels * nanoseconds_per_pixel();
    keep_inside();
}

void TimeWindow::bring_into_view(double time) {
    if (!contains(time)) {
        begin_ = time < begin_ ? time - span_ / 4 : time - span_ * 3 / 4;
        keep_inside();
    }
}

void TimeWindow::keep_inside() {
    const double whole = end_ + 2 * margin();
    if (span_ >= whole) {
        show_all();
        return;
    }
    if (span_ < least_span) {
        begin_ -= (least_span - span_) / 2;
        span_ = least_span;
    }
    begin_ = std::clamp(begin_, -margin(), end_ + margin() - span_);
    all_ = false;
}

std::vector<TimeWindow::Tick> TimeWindow::ticks(double least_distance) const {
    constexpr int parts = 5;
    constexpr int most = 1000;
    const double step = round_step(std::max(least_distance * nanoseconds_per_pixel(), 1.0));
    std::vector<Tick> ticks;
    const double first = std::floor(std::max(begin_, 0.0) / step);
    for (int i = 0; i < most; ++i) {
        const double time = (first + i / parts) * step + i % parts * step / parts;
        if (time > end()) {
            break;
        }
        if (time >= begin_) {
            ticks.push_back({place_of(time), i % parts == 0 ? time_label(time, step) : QString()});
        }
    }
    return ticks;
}

QString TimeWindow::text_of(double time) const {
    return time_label(time, std::max(nanoseconds_per_pixel(), 1.0));
}

QString time_label(double time, double step) {
    const double seconds = time / nanoseconds_in_second;
    const int digits = std::clamp(static_cast<int>(std::ceil(-std::log10(step / nanoseconds_in_second) - 1e-9)), 0, 9);
    if (std::abs(seconds) < seconds_in_minute) {
        return QStringLiteral("%1 s").arg(seconds, 0, 'f', digits);
    }
    // In whole units of the last digit, so that 59.9999 is not rounded to 60.
    const double units = std::pow(10.0, digits);
    const auto all = static_cast<qlonglong>(std::llround(std::abs(seconds) * units));
    const auto in_minute = static_cast<qlonglong>(seconds_in_minute * units);
    const qlonglong minutes = all / in_minute;
    const double rest = static_cast<double>(all % in_minute) / units;
    const QString rest_text =
        QStringLiteral("%1").arg(rest, digits == 0 ? 2 : digits + 3, 'f', digits, QLatin1Char('0'));
    const QString sign = seconds < 0 ? QStringLiteral("-") : QString();
    return sign + (minutes < 60 ? QStringLiteral("%1:%2").arg(minutes).arg(rest_text)
                                : QStringLiteral("%1:%2:%3")
                                      .arg(minutes / 60)
                                      .arg(minutes % 60, 2, 10, QLatin1Char('0'))
                                      .arg(rest_text));
}

QString range_filter(std::int64_t start_time, double from, double to) {
    const auto text = [start_time](double time) {
        const auto absolute = static_cast<std::int64_t>(static_cast<std::uint64_t>(start_time) +
                                                        static_cast<std::uint64_t>(std::llround(std::max(time, 0.0))));
        return QString::fromStdString(render::absolute_time_text(absolute)).replace(QLatin1Char(' '), QLatin1Char('T'));
    };
    return QStringLiteral("time >= %1 and time < %2").arg(text(std::floor(from)), text(std::ceil(to)));
}

}  // namespace vutrace::gui
