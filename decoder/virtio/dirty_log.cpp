#include "vutrace/virtio/dirty_log.h"

#include <bit>

namespace vutrace::virtio {

void DirtyPages::add(std::uint64_t first_page, ByteView bits) {
    for (std::size_t i = 0; i < bits.size(); ++i) {
        auto byte = std::to_integer<std::uint8_t>(bits[i]);
        const std::uint64_t page = first_page + i * 8;
        unsigned at = 0;
        while (byte != 0) {
            const auto skip = static_cast<unsigned>(std::countr_zero(byte));
            byte = static_cast<std::uint8_t>(byte >> skip);
            const auto run = static_cast<unsigned>(std::countr_one(byte));
            mark(page + at + skip, run);
            at += skip + run;
            byte = static_cast<std::uint8_t>(run == 8 ? 0 : byte >> run);
        }
    }
}

void DirtyPages::mark(std::uint64_t first, std::uint64_t count) {
    const bool continues = range_count_ != 0 && first == next_;
    pages_ += count;
    next_ = first + count;
    if (!continues) {
        ++range_count_;
        if (ranges_.size() < most_ranges) {
            ranges_.push_back({first, count});
        }
    } else if (range_count_ <= most_ranges) {
        ranges_.back().count += count;
    }
}

}  // namespace vutrace::virtio
