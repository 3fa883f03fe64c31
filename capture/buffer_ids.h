// Which key a buffer id of a packed ring has. Ids are any 16 bits, and positions do not tell chains apart (a device
// that completes out of order frees the place of a chain that it still has), so each id in flight gets a key below the
// queue size.
#pragma once

#include <cstdint>
#include <vector>

namespace vutrace::capture {

class BufferIds {
  public:
    static constexpr std::uint16_t none = 0xffff;

    void resize(std::uint32_t queue_size) {
        keys_.clear();
        free_.clear();
        for (std::uint32_t key = queue_size; key != 0; --key) {
            free_.push_back(static_cast<std::uint16_t>(key - 1));
        }
    }
    // `none` where the id has no key.
    [[nodiscard]] std::uint16_t find(std::uint16_t id) const noexcept { return id < keys_.size() ? keys_[id] : none; }
    // Its key, a new one where it has none; `none` where all are given (a driver that has more chains in flight than
    // the ring has descriptors).
    [[nodiscard]] std::uint16_t give(std::uint16_t id) {
        if (id >= keys_.size()) {
            keys_.resize(id + std::size_t{1}, none);
        }
        if (keys_[id] == none && !free_.empty()) {
            keys_[id] = free_.back();
            free_.pop_back();
        }
        return keys_[id];
    }
    void take_back(std::uint16_t id) {
        if (const std::uint16_t key = find(id); key != none) {
            free_.push_back(key);
            keys_[id] = none;
        }
    }

  private:
    std::vector<std::uint16_t> keys_;  // by id, as far as ids were seen
    std::vector<std::uint16_t> free_;
};

}  // namespace vutrace::capture
