// Which key a buffer id of a packed ring has. Ids are any 16 bits, and positions do not tell chains apart (a device
// that completes out of order frees the place of a chain that it still has), so each id in flight gets a key below the
// queue size.
//
// A driver may not give an id to a second chain while the first is in flight. Some do (virtio-user of DPDK 22.11, with
// indirect tables): `give_another` gives each such chain a key of its own, and the oldest one is the first to be found.
#pragma once

#include <cstdint>
#include <vector>

namespace vutrace::capture {

class BufferIds {
  public:
    static constexpr std::uint16_t none = 0xffff;

    void resize(std::uint32_t queue_size) {
        ids_.clear();
        free_.clear();
        behind_.assign(queue_size, none);
        for (std::uint32_t key = queue_size; key != 0; --key) {
            free_.push_back(static_cast<std::uint16_t>(key - 1));
        }
    }
    // The oldest of its keys; `none` where the id has no key.
    [[nodiscard]] std::uint16_t find(std::uint16_t id) const noexcept {
        return id < ids_.size() ? ids_[id].first : none;
    }
    // The next one of the same id, `none` behind the last. `key` was found.
    [[nodiscard]] std::uint16_t behind(std::uint16_t key) const noexcept { return behind_[key]; }
    // Its key, a new one where it has none; `none` where all are given (a driver that has more chains in flight than
    // the ring has descriptors).
    [[nodiscard]] std::uint16_t give(std::uint16_t id) {
        const std::uint16_t known = find(id);
        return known != none ? known : give_another(id);
    }
    // A new key behind those that it has: next_key(), before this.
    std::uint16_t give_another(std::uint16_t id) {
        const std::uint16_t key = next_key();
        if (key == none) {
            return none;
        }
        if (id >= ids_.size()) {
            ids_.resize(id + std::size_t{1});
        }
        free_.pop_back();
        behind_[key] = none;
        Keys& keys = ids_[id];
        (keys.first == none ? keys.first : behind_[keys.last]) = key;
        keys.last = key;
        return key;
    }
    [[nodiscard]] std::uint16_t next_key() const noexcept { return free_.empty() ? none : free_.back(); }
    // The oldest.
    void take_back(std::uint16_t id) {
        if (const std::uint16_t key = find(id); key != none) {
            free_.push_back(key);
            ids_[id].first = behind_[key];
        }
    }

  private:
    struct Keys {
        std::uint16_t first{none};
        std::uint16_t last{none};
    };
    std::vector<Keys> ids_;  // by id, as far as ids were seen
    std::vector<std::uint16_t> behind_;
    std::vector<std::uint16_t> free_;
};

}  // namespace vutrace::capture
