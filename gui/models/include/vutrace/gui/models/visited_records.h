// Where one jumped from and to, for going back and forward.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace vutrace::gui {

// Record numbers, the last 200 or so.
class VisitedRecords {
  public:
    void clear() noexcept {
        records_.clear();
        at_ = 0;
    }
    // What lay forward is forgotten.
    void jump(std::uint64_t from, std::uint64_t to) {
        records_.resize(std::min(at_, records_.size()));
        records_.push_back(from);
        if (records_.size() > most) {
            records_.erase(records_.begin());
        }
        at_ = records_.size();
        records_.push_back(to);
    }
    // The record to go to; empty at either end.
    [[nodiscard]] std::optional<std::uint64_t> back() noexcept {
        return at_ > 0 && at_ < records_.size() ? std::optional(records_[--at_]) : std::nullopt;
    }
    [[nodiscard]] std::optional<std::uint64_t> forward() noexcept {
        return at_ + 1 < records_.size() ? std::optional(records_[++at_]) : std::nullopt;
    }

  private:
    static constexpr std::size_t most = 200;
    std::vector<std::uint64_t> records_;
    std::size_t at_{0};
};

}  // namespace vutrace::gui
