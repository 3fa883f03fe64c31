// Dirty logs: one bit for each page of the guest that was written while a migration copies its memory.
// Source: QEMU docs/interop/vhost-user.rst, "Migration".
#pragma once

#include <vutrace/base/bytes.h>

#include <cstdint>
#include <vector>

namespace vutrace::virtio {

inline constexpr std::uint64_t log_page_size = 4096;

struct PageRange {
    std::uint64_t first{0};  // page number: address / 4096
    std::uint64_t count{0};
    bool operator==(const PageRange&) const = default;
};

// Which pages are marked. The first ranges are kept, all are counted.
class DirtyPages {
  public:
    static constexpr std::size_t most_ranges = 256;

    // Takes bits in the order of their pages, `first_page` being that of the first bit (a multiple of 8). Pages in
    // between are not marked.
    void add(std::uint64_t first_page, ByteView bits);

    [[nodiscard]] std::uint64_t pages() const noexcept { return pages_; }
    [[nodiscard]] std::uint64_t range_count() const noexcept { return range_count_; }
    [[nodiscard]] const std::vector<PageRange>& ranges() const noexcept { return ranges_; }
    [[nodiscard]] std::uint64_t last_page() const noexcept { return next_ == 0 ? 0 : next_ - 1; }  // 0 where none is

  private:
    void mark(std::uint64_t first, std::uint64_t count);

    std::uint64_t pages_{0};
    std::uint64_t range_count_{0};
    std::uint64_t next_{0};  // the page behind the last marked one
    std::vector<PageRange> ranges_;
};

}  // namespace vutrace::virtio
