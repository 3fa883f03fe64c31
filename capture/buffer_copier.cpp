#include "buffer_copier.h"

#include <algorithm>

namespace vutrace::capture {
namespace {

constexpr std::size_t scratch_bytes = 64U << 10U;  // a multiple of the page, so that zero pages are found

}  // namespace

void tell_recorded(const RecordedRange& told, const std::vector<virtio::RingDescriptor>& buffers, bool writable,
                   std::uint64_t length) {
    if (!told) {
        return;
    }
    virtio::for_each_buffer(buffers, writable, [&](std::uint64_t address, std::uint32_t size) {
        const std::uint64_t piece = std::min<std::uint64_t>(size, length);
        if (piece != 0) {
            told(address, piece);
        }
        length -= piece;
    });
}

BufferCopier::BufferCopier(MemoryMode memory, std::uint64_t snap_length)
    : copies_(memory == MemoryMode::buffers || memory == MemoryMode::full),
      snap_length_(snap_length),
      scratch_(scratch_bytes) {}

bool BufferCopier::copy(const Job& job, trace::Content& content) {
    std::uint64_t wanted = job.length;
    std::uint64_t budget = copies_ ? job.most : 0;
    bool readable = true;
    virtio::for_each_buffer(job.descriptors, job.writable, [&](std::uint64_t address, std::uint32_t length) {
        const std::uint64_t size = std::min<std::uint64_t>(length, wanted);
        const std::uint64_t kept = std::min({size, snap_length_, budget});
        readable = copy_buffer(job.memory, address, kept, content) && readable;
        if (size > kept) {
            content.add_missing(size - kept);
        }
        wanted -= size;
        budget -= kept;
    });
    return readable;
}

bool BufferCopier::copy_buffer(const virtio::GuestMemory& memory, std::uint64_t address, std::uint64_t length,
                               trace::Content& content) {
    while (length != 0) {
        const std::size_t size = std::min<std::uint64_t>(length, scratch_.size());
        const MutableByteView piece = MutableByteView(scratch_).first(size);
        if (address > UINT64_MAX - size || !memory.read(address, piece)) {
            content.add_missing(length);
            return false;
        }
        content.add_compacted(piece);
        address += size;
        length -= size;
    }
    return true;
}

trace::Proof BufferCopier::limit_of(const trace::Content& content) noexcept {
    const std::uint64_t missing = content.missing();
    if (missing == 0) {
        return trace::Proof::verified;
    }
    return missing == content.size() ? trace::Proof::absent : trace::Proof::partial;
}

}  // namespace vutrace::capture
