#include "vutrace/replay/memory_restore.h"

#include <algorithm>

namespace vutrace::replay {
namespace {

// Calls `visit(piece)` for the parts of `range` that no protected range covers; those are sorted by their begin.
template <class Visit>
void for_each_gap(AddressRange range, const std::vector<AddressRange>& sorted, Visit visit) {
    for (const AddressRange& taken : sorted) {
        if (taken.end <= range.begin) {
            continue;
        }
        if (taken.begin >= range.end) {
            break;
        }
        if (taken.begin > range.begin) {
            visit(AddressRange{range.begin, taken.begin});
        }
        range.begin = std::max(range.begin, taken.end);
        if (range.begin >= range.end) {
            return;
        }
    }
    if (range.begin < range.end) {
        visit(range);
    }
}

}  // namespace

AddressRange range_of(std::uint64_t address, std::uint64_t length) noexcept {
    std::uint64_t end = 0;
    return {address, __builtin_add_overflow(address, length, &end) ? UINT64_MAX : end};
}

void restore_memory(const MappedMemory& memory, std::uint64_t address, const trace::Content& content,
                    std::vector<AddressRange> protected_ranges) {
    std::sort(protected_ranges.begin(), protected_ranges.end(),
              [](const AddressRange& a, const AddressRange& b) { return a.begin < b.begin; });
    std::size_t literal = 0;
    for (const trace::Run& run : content.runs()) {
        const AddressRange range = range_of(address, run.length);
        for_each_gap(range, protected_ranges, [&](AddressRange piece) {
            const std::uint64_t size = piece.end - piece.begin;
            if (run.kind == trace::RunKind::literal) {
                (void)memory.write(piece.begin, content.literal().subspan(literal + (piece.begin - address), size));
            } else if (run.kind == trace::RunKind::zeros) {
                (void)memory.zero(piece.begin, size);
            }
        });
        literal += run.kind == trace::RunKind::literal ? run.length : 0;
        address = range.end;
    }
}

}  // namespace vutrace::replay
