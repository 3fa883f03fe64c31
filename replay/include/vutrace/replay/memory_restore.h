// Puts recorded guest memory in place without disturbing what is live.
#pragma once

#include <vutrace/replay/mapped_memory.h>
#include <vutrace/trace/content.h>

#include <cstdint>
#include <vector>

namespace vutrace::replay {

// A half-open range of guest physical addresses.
struct AddressRange {
    std::uint64_t begin{0};
    std::uint64_t end{0};
};

// Range of `length` bytes from `address`, cut at the end of the address space.
[[nodiscard]] AddressRange range_of(std::uint64_t address, std::uint64_t length) noexcept;

// Writes the known bytes of a snapshot that begins at `address`, except those in `protected_ranges` (live rings,
// buffers that the device owns) and those outside every region.
void restore_memory(const MappedMemory& memory, std::uint64_t address, const trace::Content& content,
                    std::vector<AddressRange> protected_ranges);

}  // namespace vutrace::replay
