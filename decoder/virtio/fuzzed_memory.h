// What both fuzz targets of chain walkers stand on.
#pragma once

#include <vutrace/virtio/guest_memory.h>

#include <algorithm>
#include <cstdlib>

namespace vutrace::virtio {

// Any bytes as guest memory from address 0 on.
class FuzzedMemory final : public GuestMemory {
  public:
    explicit FuzzedMemory(ByteView bytes) : bytes_(bytes) {}
    [[nodiscard]] bool read(std::uint64_t address, MutableByteView out) const noexcept override {
        if (address > bytes_.size() || out.size() > bytes_.size() - address) {
            return false;
        }
        std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(address), out.size(), out.begin());
        return true;
    }

  private:
    ByteView bytes_;
};

inline void require(bool holds) {
    if (!holds) {
        std::abort();
    }
}

}  // namespace vutrace::virtio
