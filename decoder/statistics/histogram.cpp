#include "vutrace/statistics/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace vutrace::statistics {
namespace {

constexpr std::size_t precision = 32;  // buckets for each power of two; a power of two

std::size_t width_of(std::uint64_t value) noexcept {
    return static_cast<std::size_t>(std::bit_width(value));  // an int or not, by the library's version
}

std::size_t shift_of(std::uint64_t value) noexcept {
    const std::size_t exact = width_of(2 * precision - 1);
    return width_of(value) > exact ? width_of(value) - exact : 0;
}

std::size_t bucket_of(std::uint64_t value) noexcept {
    const std::size_t shift = shift_of(value);
    return precision * shift + static_cast<std::size_t>(value >> shift);
}

Histogram::Bucket bounds_of(std::size_t bucket) noexcept {
    const std::size_t shift = bucket < 2 * precision ? 0 : bucket / precision - 1;
    const std::uint64_t from = static_cast<std::uint64_t>(bucket - precision * shift) << shift;
    return {from, from + ((std::uint64_t{1} << shift) - 1), 0};
}

}  // namespace

void Histogram::add(std::uint64_t value, std::uint64_t count) {
    if (count == 0) {
        return;
    }
    const std::size_t bucket = bucket_of(value);
    if (counts_.empty()) {
        first_ = bucket;
    } else if (bucket < first_) {
        counts_.insert(counts_.begin(), first_ - bucket, 0);
        first_ = bucket;
    }
    if (bucket - first_ >= counts_.size()) {
        counts_.resize(bucket - first_ + 1);
    }
    counts_[bucket - first_] += count;
    count_ += count;
    least_ = std::min(least_, value);
    largest_ = std::max(largest_, value);
    sum_ += static_cast<double>(value) * static_cast<double>(count);
}

double Histogram::mean() const noexcept {
    return count_ == 0 ? 0 : sum_ / static_cast<double>(count_);
}

std::uint64_t Histogram::percentile(double share) const noexcept {
    const double wanted = std::ceil(std::clamp(share, 0.0, 1.0) * static_cast<double>(count_));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
        seen += counts_[i];
        if (seen != 0 && static_cast<double>(seen) >= wanted) {
            return std::clamp(bounds_of(first_ + i).to, least_, largest_);
        }
    }
    return largest_;
}

std::vector<Histogram::Bucket> Histogram::buckets() const {
    std::vector<Bucket> result;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
        if (counts_[i] != 0) {
            result.push_back(bounds_of(first_ + i));
            result.back().count = counts_[i];
        }
    }
    return result;
}

std::vector<Histogram::Bucket> Histogram::by_powers_of_two() const {
    std::vector<Bucket> result;
    if (count_ == 0) {
        return result;
    }
    const std::size_t first = width_of(least_);
    for (std::size_t width = first; width <= width_of(largest_); ++width) {
        const std::uint64_t from = width == 0 ? 0 : std::uint64_t{1} << (width - 1);
        result.push_back({from, from == 0 ? 0 : from + (from - 1), 0});
    }
    for (std::size_t i = 0; i < counts_.size(); ++i) {
        const std::size_t width = width_of(bounds_of(first_ + i).from);
        result[std::max(width, first) - first].count += counts_[i];
    }
    return result;
}

}  // namespace vutrace::statistics
