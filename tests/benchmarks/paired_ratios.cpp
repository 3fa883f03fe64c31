#include "paired_ratios.h"

#include <algorithm>
#include <cmath>

namespace vutrace::benchmarks {

MedianInterval median_interval(std::vector<double> values) {
    if (values.empty()) {
        return {};
    }
    std::sort(values.begin(), values.end());
    const std::size_t count = values.size();
    const std::size_t middle = count / 2;
    const double median = count % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
    // How many values lie below the true median is binomial with p = 1/2: the normal approximation of its 2.5 %.
    const double half = 1.96 * std::sqrt(static_cast<double>(count)) / 2;
    const double outside = std::floor(static_cast<double>(count) / 2 - half);
    const auto skipped = static_cast<std::size_t>(std::max(0.0, outside));
    return {median, values[skipped], values[count - 1 - skipped]};
}

}  // namespace vutrace::benchmarks
