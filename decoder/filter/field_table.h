// The fields of all records: one row drives compiling, evaluation, completion and help. The names are those of the
// JSON; tests/filter holds both together.
#pragma once

#include "name_sets.h"
#include "test.h"

#include <vutrace/explain/annotation.h>
#include <vutrace/protocol/fields.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace vutrace::filter {

enum class FieldType : std::uint8_t {
    number,
    address,   // a number that people read in hexadecimal: addresses, masks
    time,      // nanoseconds since the epoch
    duration,  // nanoseconds
    boolean,
    name,   // one of the row's `names`
    names,  // the names of a mask's bits
    text,
    bytes,  // hex digits in the JSON
    group,  // has parts, and no value of its own
};
[[nodiscard]] std::string_view name_of(FieldType type) noexcept;

// What a filter is evaluated on. `entry` exists in the record and, for chain records, in the annotation.
struct Subject {
    const explain::Annotation& annotation;
    std::size_t entry;
};

// Kinds of records as a set of bits, by trace::RecordType.
using RecordKinds = std::uint8_t;
[[nodiscard]] constexpr RecordKinds kind_bit(trace::RecordType type) noexcept {
    return static_cast<RecordKinds>(1U << static_cast<unsigned>(type));
}

struct FieldRow {
    // Gives `probe` the field's values in a record of one of the row's kinds, none where it has no such field.
    using Getter = void (*)(const Subject& subject, const FieldRow& row, Probe& probe) noexcept;

    std::string name{};
    FieldType type{FieldType::number};
    RecordKinds records{0};
    Getter get{nullptr};
    RecordKinds told_by_record{
        0};  // in these `get` looks at the record and the trace's start, and at nothing explained
    std::string meaning{};
    bool repeated{false};
    bool has_order{false};                  // names that are steps of one scale
    Names names{};                          // type `name`; for numbers: what the field "NAME_meaning" may say
    bool or_bytes{false};                   // a number that other layouts have as bytes
    bool names_are_texts{false};            // a name whose value is the text: devices number theirs as they like
    bool masks{false};                      // `names` of a number are masks
    MaskNames mask_names{MaskNames::none};  // type `names`, and numbers whose bits have names
    std::string group{}, part{};            // where the getter looks: in the payload, or for an attribute
};

// All rows; built at the first call, unchanged from then on.
[[nodiscard]] const std::vector<FieldRow>& field_rows();
// Null where there is none.
[[nodiscard]] const FieldRow* find_row(std::string_view name);
// The row of "attributes.KEY" for any key.
inline constexpr std::string_view attribute_prefix = "attributes.";
[[nodiscard]] FieldRow attribute_row(std::string_view key);

// Parts of the table.
[[nodiscard]] std::vector<FieldRow> record_rows();       // fields.cpp, with the three below
[[nodiscard]] std::vector<FieldRow> message_rows();      // message_fields.cpp
[[nodiscard]] std::vector<FieldRow> chain_rows();        // chain_fields.cpp
[[nodiscard]] std::vector<FieldRow> shared_area_rows();  // shared_area_fields.cpp
[[nodiscard]] std::vector<FieldRow> payload_rows();      // payload_table.cpp
[[nodiscard]] std::vector<FieldRow> request_rows();      // request_table.cpp

}  // namespace vutrace::filter
