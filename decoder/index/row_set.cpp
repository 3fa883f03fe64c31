#include "vutrace/index/row_set.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <iterator>

namespace vutrace::index {
namespace {

constexpr std::size_t word_bits = 64;
constexpr std::size_t block_words = 8;

std::size_t word_of(std::uint64_t row) noexcept {
    return static_cast<std::size_t>(row / word_bits);
}

// The place of set bit number `n`, counted from 0, of a word that has more.
unsigned nth_bit(std::uint64_t word, std::uint64_t n) noexcept {
    for (; n > 0; --n) {
        word &= word - 1;
    }
    return static_cast<unsigned>(std::countr_zero(word));
}

}  // namespace

void RowSet::append(std::uint64_t row) {
    if (row <= last_) {
        return;
    }
    last_ = row;
    const std::size_t blocks = word_of(row) / block_words + 1;
    before_.resize(std::max(before_.size(), blocks), size_);
    words_.resize(before_.size() * block_words);
    words_[word_of(row)] |= std::uint64_t{1} << (row % word_bits);
    ++size_;
}

std::uint64_t RowSet::at(std::uint64_t position) const noexcept {
    if (position >= size_) {
        return 0;
    }
    const auto block = std::prev(std::upper_bound(before_.begin(), before_.end(), position));
    std::uint64_t left = position - *block;
    std::size_t word = static_cast<std::size_t>(block - before_.begin()) * block_words;
    for (;; ++word) {
        const auto count = static_cast<std::uint64_t>(std::popcount(words_[word]));
        if (left < count) {
            return std::uint64_t{word} * word_bits + nth_bit(words_[word], left);
        }
        left -= count;
    }
}

std::uint64_t RowSet::count_before(std::uint64_t row) const noexcept {
    const std::size_t end = word_of(row);
    if (end >= words_.size()) {
        return size_;
    }
    const std::size_t block = end / block_words;
    std::uint64_t count = before_[block];
    for (std::size_t word = block * block_words; word < end; ++word) {
        count += static_cast<std::uint64_t>(std::popcount(words_[word]));
    }
    const std::uint64_t below = (std::uint64_t{1} << (row % word_bits)) - 1;
    return count + static_cast<std::uint64_t>(std::popcount(words_[end] & below));
}

bool RowSet::contains(std::uint64_t row) const noexcept {
    return word_of(row) < words_.size() && ((words_[word_of(row)] >> (row % word_bits)) & 1U) != 0;
}

}  // namespace vutrace::index
