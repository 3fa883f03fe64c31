#include "vutrace/trace/records.h"

#include <algorithm>
#include <array>
#include <type_traits>

namespace vutrace::trace {
namespace {

template <class Enum, std::size_t size>
const char* look_up(const std::array<const char*, size>& names, Enum value, std::size_t first = 0) noexcept {
    const auto index = static_cast<std::size_t>(value) - first;
    return index < size ? names[index] : "unknown";
}

template <std::size_t index>
using Alternative = std::variant_alternative_t<index, RecordBody>;

static_assert(std::is_same_v<Alternative<0>, SessionRecord> && std::is_same_v<Alternative<3>, ChainRecord> &&
                  std::is_same_v<Alternative<6>, NoteRecord>,
              "the alternatives stand in the order of RecordType, which begins at 1");

}  // namespace

const char* name_of(RecordType type) noexcept {
    constexpr std::array names{"session", "message", "event", "chain", "memory", "gap", "note"};
    return look_up(names, type, 1);
}

const char* name_of(Proof proof) noexcept {
    constexpr std::array names{"absent", "partial", "late", "verified"};
    return look_up(names, proof);
}

const char* name_of(MemoryRecord::Part part) noexcept {
    constexpr std::array names{"region", "descriptor", "available", "used", "inflight", "log", "device-state"};
    return look_up(names, part);
}

bool is_guest_memory(MemoryRecord::Part part) noexcept {
    return part <= MemoryRecord::Part::used;
}

const char* name_of(SessionRecord::Kind kind) noexcept {
    constexpr std::array names{"opened", "half-closed", "closed"};
    return look_up(names, kind, 1);
}

const char* name_of(EventRecord::Kind kind) noexcept {
    constexpr std::array names{"kick", "call", "err"};
    return look_up(names, kind);
}

const char* name_of(NoteRecord::Severity severity) noexcept {
    constexpr std::array names{"info", "warning", "error"};
    return look_up(names, severity);
}

const char* name_of(ChainEntry::State state) noexcept {
    constexpr std::array names{"available", "used"};
    return look_up(names, state);
}

RecordType type_of(const RecordBody& body) noexcept {
    return static_cast<RecordType>(body.index() + 1);
}

std::uint64_t sequence_count(const Record& record) noexcept {
    const auto* chain = std::get_if<ChainRecord>(&record.body);
    return chain == nullptr ? 1 : std::max<std::uint64_t>(1, chain->entries.size());
}

std::int64_t time_of(const Record& record, const ChainEntry& entry) noexcept {
    std::int64_t time = 0;
    return __builtin_add_overflow(record.time, std::int64_t{entry.time_offset}, &time) ? INT64_MAX : time;
}

std::int64_t time_of(const Record& record, std::size_t entry) noexcept {
    const auto* chain = std::get_if<ChainRecord>(&record.body);
    return chain != nullptr ? time_of(record, chain->entries[entry]) : record.time;
}

}  // namespace vutrace::trace
