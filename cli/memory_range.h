// A range of guest memory in pieces, for `vutrace memory`: what is the same all over is one piece, however long it is.
#pragma once

#include <vutrace/base/bytes.h>
#include <vutrace/base/error.h>
#include <vutrace/session/sparse_memory.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace vutrace::cli {

struct MemoryRange {
    std::uint64_t address{0};
    std::uint64_t length{0};  // at least 1, and the range ends below 2^64
};

struct MemoryPiece {
    enum class Kind : std::uint8_t { unknown, zeros, bytes };
    Kind kind{Kind::unknown};
    std::uint64_t address{0};
    std::uint64_t length{0};
    // Of `bytes`: each of them, unknown ones 0, and which are known. Valid during the visit.
    ByteView bytes;
    const std::vector<bool>* known{nullptr};
};

// All pieces in order; each but the last has a multiple of 16 bytes, so that the lines of a hexdump do not break. Takes
// time for what the trace knows in the range, not for the range. Error: the visitor's, which ends it.
[[nodiscard]] Status for_each_piece(const session::SparseMemory& memory, const MemoryRange& range,
                                    const std::function<Status(const MemoryPiece&)>& visit);

// Bytes that the trace does not tell.
[[nodiscard]] std::uint64_t count_unknown(const session::SparseMemory& memory, const MemoryRange& range);

}  // namespace vutrace::cli
