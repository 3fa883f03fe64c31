// Which rows of a trace were picked: a bit for each row, with counts that make the n-th one quick to find.
#pragma once

#include <cstdint>
#include <vector>

namespace vutrace::index {

// Rows are numbered as records are, from 1. Memory: an eighth of a byte for each row up to the last one picked, and
// a little. One thread at a time.
class RowSet {
  public:
    // Adds a row behind all that are there; others are not taken.
    void append(std::uint64_t row);

    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
    // The row at place `position`, counted from 0; 0 where `position` is not below `size`.
    [[nodiscard]] std::uint64_t at(std::uint64_t position) const noexcept;
    // How many are before `row`: the place of `row` itself, if it is there.
    [[nodiscard]] std::uint64_t count_before(std::uint64_t row) const noexcept;
    [[nodiscard]] bool contains(std::uint64_t row) const noexcept;

  private:
    std::vector<std::uint64_t> words_;
    std::vector<std::uint64_t> before_;  // by block of words: how many are in the blocks before it
    std::uint64_t size_{0};
    std::uint64_t last_{0};
};

}  // namespace vutrace::index
