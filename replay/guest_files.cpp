#include "vutrace/replay/guest_files.h"

#include <vutrace/protocol/payloads.h>
#include <vutrace/protocol/requests.h>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

namespace vutrace::replay {
namespace {

Status set_size(const FileDescriptor& file, std::uint64_t size) {
    if (size > static_cast<std::uint64_t>(INT64_MAX)) {
        return fail(ErrorCode::bad_input, fmt::format("guest memory of {} bytes: no file is that large", size));
    }
    if (::ftruncate(file.number(), static_cast<off_t>(size)) != 0) {
        return fail_errno(fmt::format("cannot make a memory file {} bytes large", size));
    }
    return {};
}

std::uint64_t end_of(std::uint64_t offset, std::uint64_t size) noexcept {
    std::uint64_t end = 0;
    return __builtin_add_overflow(offset, size, &end) ? UINT64_MAX : end;
}

}  // namespace

std::uint64_t file_size_asked(const protocol::Header& header, ByteView payload, std::size_t descriptor, bool xen_mmap) {
    using protocol::FrontEndRequest;
    switch (static_cast<FrontEndRequest>(header.request)) {
        case FrontEndRequest::SET_MEM_TABLE: {
            const auto regions = protocol::parse_memory_regions(payload, xen_mmap);
            return regions && descriptor < regions->size()
                       ? end_of((*regions)[descriptor].mmap_offset, (*regions)[descriptor].size)
                       : 0;
        }
        case FrontEndRequest::ADD_MEM_REG: {
            const auto region = protocol::parse_memory_region(payload, xen_mmap);
            return region ? end_of(region->mmap_offset, region->size) : 0;
        }
        case FrontEndRequest::SET_LOG_BASE: {
            const auto log = protocol::parse_log(payload);
            return log ? end_of(log->mmap_offset, log->mmap_size) : 0;
        }
        case FrontEndRequest::SET_INFLIGHT_FD: {
            const auto inflight = protocol::parse_inflight(payload);
            return inflight ? end_of(inflight->mmap_offset, inflight->mmap_size) : 0;
        }
        default:
            return 0;
    }
}

Result<FileDescriptor> create_memory_file(const std::string& name, std::uint64_t size) {
    FileDescriptor file(::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!file) {
        return fail_errno("cannot create a memory file");
    }
    if (const auto sized = set_size(file, size); !sized) {
        return tl::unexpected(sized.error());
    }
    if (::fcntl(file.number(), F_ADD_SEALS, F_SEAL_SHRINK) != 0) {
        return fail_errno("cannot seal a memory file");
    }
    return file;
}

Result<const FileDescriptor*> GuestFiles::file_for(const trace::Descriptor& recorded, std::uint64_t minimum_size) {
    const auto& description = recorded.description;
    const Key key = description.inode != 0 ? Key{description.device, description.inode} : Key{UINT64_MAX, recorded.id};
    const std::uint64_t size = std::max(minimum_size, std::min(description.size, most_addressable_bytes));
    const auto known = files_.find(key);
    if (known == files_.end()) {
        auto file = create_memory_file(fmt::format("vutrace-guest-{}", files_.size()), size);
        if (!file) {
            return tl::unexpected(file.error());
        }
        const auto added = files_.emplace(key, File{std::move(*file), size}).first;
        keys_[recorded.id] = key;
        return &added->second.descriptor;
    }
    if (known->second.size < size) {
        if (const auto grown = set_size(known->second.descriptor, size); !grown) {
            return tl::unexpected(grown.error());
        }
        known->second.size = size;
    }
    keys_[recorded.id] = key;
    return &known->second.descriptor;
}

const FileDescriptor* GuestFiles::find(std::uint32_t descriptor_id) const noexcept {
    const auto key = keys_.find(descriptor_id);
    if (key == keys_.end()) {
        return nullptr;
    }
    const auto file = files_.find(key->second);
    return file == files_.end() ? nullptr : &file->second.descriptor;
}

}  // namespace vutrace::replay
