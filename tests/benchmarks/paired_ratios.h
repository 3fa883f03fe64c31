// What short turns that alternate say about a ratio, on a machine that others use too.
#pragma once

#include <vector>

namespace vutrace::benchmarks {

// The median, and the order statistics between which the true one lies with 95 % certainty, whatever the distribution.
struct MedianInterval {
    double median{0};
    double low{0};
    double high{0};
};
[[nodiscard]] MedianInterval median_interval(std::vector<double> values);

}  // namespace vutrace::benchmarks
