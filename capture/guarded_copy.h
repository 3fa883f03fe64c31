// Reading and writing memory that others own: it changes while it is read, and its file may be cut short under us. The
// only place where vutrace touches live guest memory.
//
// A fault (SIGBUS, SIGSEGV) inside these calls comes back as false. The handlers are installed for the process at the
// first call and pass every fault that is not theirs to the handler that was there before. Any thread.
#pragma once

#include <vutrace/base/bytes.h>

#include <cstdint>
#include <span>

namespace vutrace::capture {

// Copies `out.size()` bytes, each read once and in no promised order. False after a fault; `out` may be partly written.
[[nodiscard]] bool guarded_copy(const std::byte* from, MutableByteView out) noexcept;

struct SharedIndex {
    const std::byte* from{nullptr};  // null: not read, the value stays
    std::uint16_t value{0};
};
// Reads 16-bit ring fields one after the other, each with acquire order: what is read later is at least as new. Copies
// made before are complete. False after a fault.
[[nodiscard]] bool guarded_load(std::span<SharedIndex> indices) noexcept;

// Mode `shadow` alone writes: the driver's used ring, and our own rings that the back-end may write to at any time.
// Copies `from`, in no promised order. False after a fault; `to` may be partly written.
[[nodiscard]] bool guarded_write(std::byte* to, ByteView from) noexcept;
// One 16-bit ring field with release order: what was written before is seen by who sees it. False after a fault.
[[nodiscard]] bool guarded_store(std::byte* to, std::uint16_t value) noexcept;
// Sets bits of one byte, leaving those that others set. False after a fault.
[[nodiscard]] bool guarded_set_bits(std::byte* to, std::byte bits) noexcept;
// Between publishing an index and reading whether the other side wants to be notified of it: without it, both sides
// could wait for each other.
void fence_shared_memory() noexcept;

}  // namespace vutrace::capture
