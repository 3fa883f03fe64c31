// Guest memory for tests of the walker: a flat piece from `base`, with counts of what was read, and a habit that a
// hostile guest may have.
#pragma once

#include "vutrace/virtio/split_ring.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

namespace vutrace::virtio::testing {

class FakeGuestMemory final : public GuestMemory {
  public:
    FakeGuestMemory(std::uint64_t base, std::size_t size) : base_(base), bytes_(size), reads_(size) {}

    [[nodiscard]] bool read(std::uint64_t address, MutableByteView out) const noexcept override {
        ++calls_;
        if (address < base_ || address - base_ > bytes_.size() || out.size() > bytes_.size() - (address - base_)) {
            return false;
        }
        const auto offset = static_cast<std::ptrdiff_t>(address - base_);
        std::copy_n(bytes_.begin() + offset, out.size(), out.begin());
        for (std::size_t i = 0; i < out.size(); ++i) {
            ++reads_[static_cast<std::size_t>(offset) + i];
        }
        if (scramble_after_read) {
            std::fill_n(bytes_.begin() + offset, out.size(), std::byte{0xff});
        }
        return true;
    }

    void put(std::uint64_t address, const RingDescriptor& descriptor) {
        serialise_descriptor(descriptor, MutableByteView(bytes_).subspan(address - base_, descriptor_size));
    }
    [[nodiscard]] unsigned most_reads_of_a_byte() const { return *std::max_element(reads_.begin(), reads_.end()); }
    [[nodiscard]] std::uint64_t calls() const { return calls_; }

    bool scramble_after_read{false};

  private:
    std::uint64_t base_;
    mutable Bytes bytes_;
    mutable std::vector<unsigned> reads_;
    mutable std::uint64_t calls_{0};
};

}  // namespace vutrace::virtio::testing
