// What a descriptor that somebody passed to us is.
#pragma once

#include <vutrace/system/file_descriptor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace vutrace {

// The numbers are the trace's; never reuse one.
enum class DescriptorKind : std::uint8_t {
    other = 0,
    memfd = 1,      // memfd_create, also on huge pages (then hugetlbfs)
    hugetlbfs = 2,  // any file on huge pages
    file = 3,       // a regular file
    eventfd = 4,
    pipe = 5,
    socket = 6,
    userfaultfd = 7,
};

// As the JSON spells it.
[[nodiscard]] const char* name_of(DescriptorKind kind) noexcept;

struct DescriptorDescription {
    DescriptorKind kind{DescriptorKind::other};
    std::uint32_t seals{0};         // F_SEAL_* bits, 0 where the file cannot be sealed
    std::uint32_t status_flags{0};  // O_* as F_GETFL gives them
    std::uint64_t device{0};        // st_dev
    std::uint64_t inode{0};         // st_ino; eventfds share one inode, so it does not tell them apart
    std::uint64_t size{0};          // st_size in bytes, 0 for what has no size
    bool operator==(const DescriptorDescription&) const = default;
};

// Of the bits that F_GET_SEALS gives, "write" for F_SEAL_WRITE; a bit without a name is "bit N".
[[nodiscard]] std::vector<std::string> seal_names(std::uint32_t seals);

// Asks the kernel: fstat, fstatfs, F_GET_SEALS and the /proc link. Never fails: what cannot be
// found out stays `other` or 0.
[[nodiscard]] DescriptorDescription describe_descriptor(const FileDescriptor& descriptor) noexcept;

}  // namespace vutrace
