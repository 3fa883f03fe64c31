#include "memory_range.h"

#include <algorithm>

namespace vutrace::cli {
namespace {

using session::SparseMemory;
using Kind = SparseMemory::Extent::Kind;

constexpr std::uint64_t piece_size = 4096;
constexpr std::uint64_t line = 16;

// How many of `most` bytes from `address` on are of one kind; 0 where they are mixed.
std::uint64_t length_of_same(const SparseMemory& memory, std::uint64_t address, std::uint64_t most) {
    const Kind kind = memory.extent_at(address).kind;
    std::uint64_t length = 0;
    while (kind != Kind::mixed && length < most) {
        const auto extent = memory.extent_at(address + length);
        if (extent.kind != kind) {
            break;
        }
        length += std::min(most - length - 1, extent.last - (address + length)) + 1;
    }
    return length;
}

}  // namespace

Status for_each_piece(const SparseMemory& memory, const MemoryRange& range,
                      const std::function<Status(const MemoryPiece&)>& visit) {
    Bytes bytes;
    std::vector<bool> known;
    for (std::uint64_t done = 0; done < range.length;) {
        const std::uint64_t left = range.length - done;
        MemoryPiece piece;
        piece.address = range.address + done;
        piece.length = length_of_same(memory, piece.address, left);
        if (piece.length < left) {
            piece.length -= piece.length % line;
        }
        if (piece.length != 0) {
            const bool zeros = memory.extent_at(piece.address).kind == Kind::zeros;
            piece.kind = zeros ? MemoryPiece::Kind::zeros : MemoryPiece::Kind::unknown;
        } else {
            piece.kind = MemoryPiece::Kind::bytes;
            piece.length = std::min(left, piece_size);
            bytes.resize(static_cast<std::size_t>(piece.length));
            memory.read_known(piece.address, bytes, known);
            piece.bytes = bytes;
            piece.known = &known;
        }
        if (Status status = visit(piece); !status) {
            return status;
        }
        done += piece.length;
    }
    return {};
}

std::uint64_t count_unknown(const SparseMemory& memory, const MemoryRange& range) {
    std::uint64_t unknown = 0;
    (void)for_each_piece(memory, range, [&](const MemoryPiece& piece) -> Status {
        if (piece.kind == MemoryPiece::Kind::unknown) {
            unknown += piece.length;
        } else if (piece.kind == MemoryPiece::Kind::bytes) {
            unknown += static_cast<std::uint64_t>(std::count(piece.known->begin(), piece.known->end(), false));
        }
        return {};
    });
    return unknown;
}

}  // namespace vutrace::cli
