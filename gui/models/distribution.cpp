#include "vutrace/gui/models/distribution.h"

#include <algorithm>
#include <cmath>

namespace vutrace::gui {
namespace {

double at_least_one(double value) noexcept {
    return std::max(value, 1.0);
}

}  // namespace

LogAxis::LogAxis(std::uint64_t least, std::uint64_t largest, double pixels)
    : least_(std::pow(10.0, std::floor(std::log10(at_least_one(static_cast<double>(least)))))),
      largest_(std::pow(10.0, std::ceil(std::log10(at_least_one(static_cast<double>(largest)) * 1.0001)))),
      pixels_(std::max(pixels, 1.0)) {
    largest_ = std::max(largest_, least_ * 10);
}

double LogAxis::place_of(double value) const noexcept {
    return std::log10(at_least_one(value) / least_) / std::log10(largest_ / least_) * pixels_;
}

double LogAxis::value_at(double x) const noexcept {
    return least_ * std::pow(largest_ / least_, x / pixels_);
}

std::vector<LogAxis::Tick> LogAxis::ticks() const {
    constexpr int in_decade = 9;
    std::vector<Tick> ticks;
    for (double decade = least_; decade <= largest_ * 1.0001; decade *= 10) {
        for (int i = 1; i <= in_decade && decade * i <= largest_ * 1.0001; ++i) {
            ticks.push_back({place_of(decade * i), decade * i, i == 1});
        }
    }
    return ticks;
}

std::vector<Bar> bars_of(const statistics::Histogram& histogram, const LogAxis& axis, Distribution distribution,
                         unsigned bars_in_decade) {
    std::vector<Bar> bars;
    if (histogram.empty()) {
        return bars;
    }
    const double decades = std::log10(axis.largest() / axis.least());
    const auto count = static_cast<std::size_t>(std::lround(decades * bars_in_decade));
    for (std::size_t i = 0; i < count; ++i) {
        const auto edge = [&](std::size_t number) {
            return axis.least() * std::pow(10.0, static_cast<double>(number) / bars_in_decade);
        };
        bars.push_back({edge(i), edge(i + 1), 0});
    }
    const auto place = [&](double value) { return std::log10(at_least_one(value) / axis.least()) * bars_in_decade; };
    // A bucket that reaches over several bars is spread over them: nobody knows where in it its values are.
    for (const statistics::Histogram::Bucket& bucket : histogram.buckets()) {
        const double first = place(static_cast<double>(bucket.from));
        const double last = std::max(place(static_cast<double>(bucket.to) + (bucket.to > bucket.from ? 1 : 0)), first);
        const double share = static_cast<double>(bucket.count) / static_cast<double>(histogram.count());
        const auto begin = static_cast<std::size_t>(std::clamp(first + 1e-9, 0.0, static_cast<double>(count - 1)));
        const auto end = static_cast<std::size_t>(
            std::clamp(last - 1e-9, static_cast<double>(begin), static_cast<double>(count - 1)));
        const double width = std::max(last - first, 1e-12);
        for (std::size_t i = begin; i <= end; ++i) {
            const double inside = std::min(last, static_cast<double>(i + 1)) - std::max(first, static_cast<double>(i));
            bars[i].share += begin == end ? share : share * std::clamp(inside / width, 0.0, 1.0);
        }
    }
    if (distribution == Distribution::cumulative) {
        for (std::size_t i = 1; i < bars.size(); ++i) {
            bars[i].share += bars[i - 1].share;
        }
    }
    return bars;
}

}  // namespace vutrace::gui
