// What the getters of the field table share, and words to write its rows with.
#pragma once

#include "field_table.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

namespace vutrace::filter {

inline constexpr RecordKinds every_kind = 0xfe;
inline constexpr RecordKinds session_kind = kind_bit(trace::RecordType::session);
inline constexpr RecordKinds message_kind = kind_bit(trace::RecordType::message);
inline constexpr RecordKinds event_kind = kind_bit(trace::RecordType::event);
inline constexpr RecordKinds chain_kind = kind_bit(trace::RecordType::chain);
inline constexpr RecordKinds memory_kind = kind_bit(trace::RecordType::memory);
inline constexpr RecordKinds gap_kind = kind_bit(trace::RecordType::gap);
inline constexpr RecordKinds note_kind = kind_bit(trace::RecordType::note);

// The caller knows that the record is one.
template <class Body>
inline const Body& body(const Subject& subject) noexcept {
    return *std::get_if<Body>(&subject.annotation.record->body);
}
inline const trace::MessageRecord& message(const Subject& subject) noexcept {
    return body<trace::MessageRecord>(subject);
}
inline const explain::MessageAnnotation& known_message(const Subject& subject) noexcept {
    return subject.annotation.message;
}
inline const trace::ChainEntry& chain(const Subject& subject) noexcept {
    return body<trace::ChainRecord>(subject).entries[subject.entry];
}
inline const explain::EntryAnnotation& known_chain(const Subject& subject) noexcept {
    return subject.annotation.entries[subject.entry];
}
inline bool is_used(const Subject& subject) noexcept {
    return chain(subject).state == trace::ChainEntry::State::used;
}
inline bool is_chain(const Subject& subject) noexcept {
    return std::holds_alternative<trace::ChainRecord>(subject.annotation.record->body);
}
template <class Enum>
std::uint64_t as_number(Enum value) noexcept {
    return static_cast<std::uint64_t>(value);
}

// A getter is `void(subject, row, probe)`; these write the usual ones. `give` is a captureless lambda.
template <class Give>
constexpr FieldRow::Getter number_of(Give) {
    return [](const Subject& subject, const FieldRow&, Probe& probe) noexcept { probe.number(Give{}(subject)); };
}
inline FieldRow row(std::string_view name, FieldType type, RecordKinds records, FieldRow::Getter get,
                    std::string_view meaning) {
    return {.name = std::string(name), .type = type, .records = records, .get = get, .meaning = std::string(meaning)};
}
// What the record says itself, in `kinds` or wherever there is such a field.
inline FieldRow told(FieldRow row, RecordKinds kinds = every_kind) {
    row.told_by_record = static_cast<RecordKinds>(row.records & kinds);
    return row;
}
inline FieldRow list(FieldRow row) {
    row.repeated = true;
    return row;
}
inline FieldRow named(std::string_view name, RecordKinds records, FieldRow::Getter get, Names names,
                      std::string_view meaning) {
    FieldRow out = row(name, FieldType::name, records, get, meaning);
    out.names = std::move(names);
    return out;
}
inline FieldRow scale(FieldRow row) {
    row.has_order = true;
    return row;
}

inline void append(std::vector<FieldRow>& rows, std::vector<FieldRow> more) {
    std::move(more.begin(), more.end(), std::back_inserter(rows));
}

// Short, because it stands in every row.
using S = const Subject&;

}  // namespace vutrace::filter
