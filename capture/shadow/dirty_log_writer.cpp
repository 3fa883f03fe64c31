#include "dirty_log_writer.h"

#include "../guarded_copy.h"
#include "../region_file.h"

#include <vutrace/virtio/dirty_log.h>

#include <algorithm>
#include <utility>

namespace vutrace::capture {

Status DirtyLogWriter::use(const FileDescriptor& file, const protocol::Log& log) {
    forget();
    if (const Status usable = check_region_file(file); !usable) {
        return usable;
    }
    auto claim = AddressSpaceClaim::create(log.mmap_size);
    if (!claim) {
        return tl::unexpected(claim.error());
    }
    auto mapping = Mapping::create(file, log.mmap_offset, log.mmap_size, Mapping::Access::read_write);
    if (!mapping) {
        return tl::unexpected(mapping.error());
    }
    claim_ = std::move(*claim);
    mapping_ = std::move(*mapping);
    return {};
}

void DirtyLogWriter::mark(std::uint64_t address, std::uint64_t length) const noexcept {
    if (length == 0 || !mapping_ || length - 1 > UINT64_MAX - address) {
        return;
    }
    const std::uint64_t last = (address + length - 1) / virtio::log_page_size;
    const std::uint64_t end = std::uint64_t{mapping_.size()} * 8;
    for (std::uint64_t page = address / virtio::log_page_size; page <= last && page < end; ++page) {
        const auto bit = static_cast<std::byte>(1U << (page % 8));
        if (!guarded_set_bits(mapping_.data() + page / 8, bit)) {
            return;
        }
    }
}

}  // namespace vutrace::capture
