// The fields of payloads, from the protocol's table.
#include "field_table.h"

#include <vutrace/virtio/devices/configuration.h>

#include <algorithm>
#include <map>

namespace vutrace::filter {
namespace {

using protocol::Field;
using protocol::FieldFormat;
using protocol::FieldInfo;

// What of a field a row gives: the value, its meaning in words, or the names of its bits.
bool give_value(const Field& field, const FieldRow& row, Probe& probe) noexcept {
    switch (field.format) {
        case FieldFormat::number:
        case FieldFormat::address:
        case FieldFormat::features:
        case FieldFormat::protocol_features:
            return probe.number(field.number);
        case FieldFormat::text:
            return probe.text(field.text);
        case FieldFormat::bytes:
            return probe.hex(field.text);
        case FieldFormat::group:
            break;
    }
    if (!row.repeated) {
        return probe.element();
    }
    if (field.children.empty()) {
        return probe.empty_list();
    }
    // A list of plain values or of objects.
    return std::any_of(field.children.begin(), field.children.end(), [&](const Field& child) {
        return child.format == FieldFormat::group ? probe.element() : give_value(child, row, probe);
    });
}

bool give_meaning(const Field& field, const FieldRow&, Probe& probe) noexcept {
    const bool has_meaning = field.format == FieldFormat::number || field.format == FieldFormat::address;
    return has_meaning && !field.text.empty() && probe.text(field.text);
}

bool give_names(const Field& field, const FieldRow& row, Probe& probe) noexcept {
    const FieldFormat wanted =
        row.mask_names == MaskNames::features ? FieldFormat::features : FieldFormat::protocol_features;
    return field.format == wanted && probe.mask(field.number);
}

using Give = bool (*)(const Field& field, const FieldRow& row, Probe& probe) noexcept;

template <Give give>
bool give_named(const std::vector<Field>& fields, const FieldRow& row, Probe& probe) noexcept {
    for (const Field& field : fields) {
        if (field.name == row.part && give(field, row, probe)) {
            return true;  // padding may come twice
        }
        if (field.name.empty() && give_named<give>(field.children, row, probe)) {
            return true;  // an element of a list
        }
    }
    return false;
}

template <Give give>
void get(const Subject& subject, const FieldRow& row, Probe& probe) noexcept {
    const std::vector<Field>& fields = subject.annotation.message.fields;
    if (row.group.empty()) {
        (void)give_named<give>(fields, row, probe);
        return;
    }
    for (const Field& field : fields) {
        if (field.name == row.group) {
            (void)give_named<give>(field.children, row, probe);
            return;
        }
    }
}

FieldType type_of(FieldFormat format) {
    switch (format) {
        case FieldFormat::number:
            return FieldType::number;
        case FieldFormat::address:
        case FieldFormat::features:
        case FieldFormat::protocol_features:
            return FieldType::address;
        case FieldFormat::bytes:
            return FieldType::bytes;
        case FieldFormat::text:
            return FieldType::text;
        case FieldFormat::group:
            return FieldType::group;
    }
    return FieldType::text;
}

MaskNames masks_of(FieldFormat format) {
    return format == FieldFormat::features            ? MaskNames::features
           : format == FieldFormat::protocol_features ? MaskNames::protocol_features
                                                      : MaskNames::none;
}

// Rows by name: what several layouts have under one name is one field.
class Builder {
  public:
    void add(const FieldInfo& info) {
        const bool element = info.name.empty();  // of a list of plain values, which the JSON has under the list's name
        const std::string_view part = element ? info.group : info.name;
        const std::string_view group = element ? std::string_view() : info.group;
        std::string name = "payload.";
        name.append(group).append(group.empty() ? "" : ".").append(part);
        FieldRow& row = merge(std::move(name), info, type_of(info.format), &get<give_value>);
        row.part = part;
        row.group = group;
        row.mask_names = masks_of(info.format);
        add_names(row, info);
        if (row.mask_names != MaskNames::none) {
            add_companion(row, "_names", info, FieldType::names, &get<give_names>).repeated = true;
        } else if (!info.values.empty() || !info.otherwise.empty()) {
            (void)add_companion(row, "_meaning", info, FieldType::text, &get<give_meaning>);
        }
    }

    std::vector<FieldRow> take() { return std::move(rows_); }

  private:
    FieldRow& merge(std::string name, const FieldInfo& info, FieldType type, FieldRow::Getter getter) {
        const auto [known, added] = index_.emplace(name, rows_.size());
        if (added) {
            rows_.push_back({.name = std::move(name),
                             .type = type,
                             .records = kind_bit(trace::RecordType::message),
                             .get = getter,
                             .meaning = std::string(info.meaning),
                             .repeated = info.repeated});
        }
        FieldRow& row = rows_[known->second];
        row.repeated = row.repeated || info.repeated;
        // Plain elements give the list that was added before them its type.
        row.type = row.type == FieldType::group ? type : row.type;
        if ((row.type == FieldType::bytes) != (type == FieldType::bytes)) {
            row.type = row.type == FieldType::bytes ? type : row.type;
            row.or_bytes = true;
        }
        if (!info.meaning.empty() && row.meaning.find(info.meaning) == std::string::npos) {
            row.meaning.append(row.meaning.empty() ? "" : "; ").append(info.meaning);
        }
        return row;
    }

    // A reference to a row is good until the next one is added: only the last line may add.
    FieldRow& add_companion(const FieldRow& row, const char* suffix, const FieldInfo& info, FieldType type,
                            FieldRow::Getter getter) {
        const std::string part = row.part + suffix;
        FieldRow copy = row;
        FieldRow& companion = merge(copy.name + suffix, info, type, getter);
        companion.group = copy.group;
        companion.part = copy.part;
        companion.mask_names = copy.mask_names;
        companion.meaning = type == FieldType::names ? "names of the bits set in " + copy.name
                                                     : "what " + copy.name + " says in words, where it has some";
        return companion;
    }

    static void add_names(FieldRow& row, const FieldInfo& info) {
        row.masks = row.masks || info.masks;
        const auto add_one = [&row](std::string_view text, std::uint64_t value) {
            const bool known =
                std::any_of(row.names.begin(), row.names.end(), [text](const Name& name) { return name.text == text; });
            if (!known) {
                row.names.push_back({std::string(text), value, {}, false});
            }
        };
        for (const protocol::ValueName& value : info.values) {
            add_one(value.name, value.value);
        }
        if (!info.otherwise.empty()) {
            add_one(info.otherwise, unknown_name);
        }
    }

    std::vector<FieldRow> rows_;
    std::map<std::string, std::size_t> index_;
};

constexpr std::string_view in_configuration = "in the device's configuration space";

FieldFormat format_of(virtio::ConfigurationFormat format) {
    switch (format) {
        case virtio::ConfigurationFormat::number:
            return FieldFormat::number;
        case virtio::ConfigurationFormat::mask:
            return FieldFormat::address;
        case virtio::ConfigurationFormat::mac:
        case virtio::ConfigurationFormat::text:
            return FieldFormat::text;
        case virtio::ConfigurationFormat::bytes:
            return FieldFormat::bytes;
    }
    return FieldFormat::text;
}

void get_payload(const Subject& subject, const FieldRow&, Probe& probe) noexcept {
    if (!subject.annotation.message.fields.empty()) {
        (void)probe.element();
    }
}

}  // namespace

std::vector<FieldRow> payload_rows() {
    Builder builder;
    for (const FieldInfo& info : protocol::payload_fields()) {
        builder.add(info);
    }
    builder.add({.name = "configuration", .format = FieldFormat::group, .meaning = in_configuration});
    for (const virtio::ConfigurationField& field : virtio::configuration_fields()) {
        builder.add({.group = "configuration",
                     .name = field.name,
                     .format = format_of(field.format),
                     .meaning = field.meaning.empty() ? in_configuration : field.meaning});
    }
    std::vector<FieldRow> rows{{.name = "payload",
                                .type = FieldType::group,
                                .records = kind_bit(trace::RecordType::message),
                                .get = &get_payload,
                                .meaning = "what the message carries, field by field"}};
    for (FieldRow& row : builder.take()) {
        rows.push_back(std::move(row));
    }
    return rows;
}

}  // namespace vutrace::filter
