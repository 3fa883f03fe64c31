// Counts of values over the whole range of 64 bits. HdrHistogram's idea, of which Debian has no C or C++ library: a
// value is known to 1 part in 32, smaller ones exactly, so that a percentile is at most 3.2 % too high.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace vutrace::statistics {

class Histogram {
  public:
    struct Bucket {
        std::uint64_t from{0};
        std::uint64_t to{0};  // inclusive
        std::uint64_t count{0};
        bool operator==(const Bucket&) const = default;
    };

    // Memory grows with the range between the least and the largest value, to at most 15 KiB. `count` may be 0.
    void add(std::uint64_t value, std::uint64_t count = 1);

    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
    // Exact; 0 where nothing was added.
    [[nodiscard]] std::uint64_t least() const noexcept { return count_ == 0 ? 0 : least_; }
    [[nodiscard]] std::uint64_t largest() const noexcept { return largest_; }
    [[nodiscard]] double mean() const noexcept;
    // The least value that `share` (0 to 1) of all values do not exceed, as the end of its bucket; 0 where nothing was
    // added.
    [[nodiscard]] std::uint64_t percentile(double share) const noexcept;
    // Those that count something, ascending.
    [[nodiscard]] std::vector<Bucket> buckets() const;
    // From the least value's to the largest's, empty ones included: for people. At most 65.
    [[nodiscard]] std::vector<Bucket> by_powers_of_two() const;

  private:
    std::vector<std::uint64_t> counts_;  // by bucket, from `first_` on
    std::size_t first_{0};
    std::uint64_t count_{0};
    std::uint64_t least_{UINT64_MAX};
    std::uint64_t largest_{0};
    double sum_{0};
};

}  // namespace vutrace::statistics
