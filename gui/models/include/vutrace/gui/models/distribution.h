// A histogram as it is plotted: over a logarithmic axis, in steps of equal width.
#pragma once

#include <vutrace/statistics/histogram.h>

#include <QString>
#include <cstdint>
#include <vector>

namespace vutrace::gui {

// Values along a logarithmic axis, in pixels from its left end. Covers whole decades; 0 stands with 1.
class LogAxis {
  public:
    LogAxis(std::uint64_t least, std::uint64_t largest, double pixels);

    [[nodiscard]] double place_of(double value) const noexcept;
    [[nodiscard]] double value_at(double x) const noexcept;
    [[nodiscard]] double least() const noexcept { return least_; }
    [[nodiscard]] double largest() const noexcept { return largest_; }

    struct Tick {
        double x{0};
        double value{0};
        bool labelled{false};  // a power of ten
    };
    [[nodiscard]] std::vector<Tick> ticks() const;

  private:
    double least_;
    double largest_;
    double pixels_;
};

struct Bar {
    double from{0}, to{0};  // values
    double share{0};        // of all, 0 to 1
};

enum class Distribution : std::uint8_t {
    share,       // of all values, in each step
    cumulative,  // that are not larger
};

// `bars_in_decade` steps in each decade of the axis; all shares together are 1, the last cumulative one is. Empty where
// the histogram is.
[[nodiscard]] std::vector<Bar> bars_of(const statistics::Histogram& histogram, const LogAxis& axis,
                                       Distribution distribution, unsigned bars_in_decade = 16);

}  // namespace vutrace::gui
