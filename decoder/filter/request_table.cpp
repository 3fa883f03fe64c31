// The fields of devices' requests, from the tables of the devices' decoders.
#include "getters.h"

#include <vutrace/explain/devices.h>
#include <vutrace/virtio/devices/decoder.h>

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace vutrace::filter {
namespace {

using virtio::FieldInfo;
using virtio::FieldKind;
using virtio::RequestField;
using Fields = std::vector<RequestField>;

// What of a field a row gives.
using Give = bool (*)(const Fields& fields, const RequestField& field, std::size_t at, Probe& probe) noexcept;
// What a row calls a field.
using NameOf = std::string_view (*)(const FieldInfo& info) noexcept;

bool give_value(const Fields& fields, const RequestField& field, std::size_t at, Probe& probe) noexcept {
    switch (field.info->kind) {
        case FieldKind::number:
        case FieldKind::hex:
        case FieldKind::flags:
            return probe.number(field.number);
        case FieldKind::boolean:
            return probe.number(field.number != 0 ? 1 : 0);
        case FieldKind::name:
            return probe.text(field.name);
        case FieldKind::text:
            return probe.text(field.text);
        case FieldKind::bytes:
            return probe.bytes(as_bytes(field.text));
        case FieldKind::group:
            return probe.element();
        case FieldKind::list:
            break;
    }
    if (field.inside == 0) {
        return probe.empty_list();
    }
    return virtio::any_field(
        fields, at + 1, at + 1 + field.inside,
        [&](const RequestField& element, std::size_t i) noexcept { return give_value(fields, element, i, probe); });
}

bool give_code(const Fields& /*fields*/, const RequestField& field, std::size_t /*at*/, Probe& probe) noexcept {
    return probe.number(field.number);
}

bool give_meaning(const Fields& /*fields*/, const RequestField& field, std::size_t /*at*/, Probe& probe) noexcept {
    return field.info->kind == FieldKind::flags && !field.text.empty() && probe.text(field.text);
}

std::string_view own_name(const FieldInfo& info) noexcept {
    return info.name;
}
std::string_view code_name(const FieldInfo& info) noexcept {
    return info.code;
}

// The fields called by `path` among fields[first, last).
template <NameOf name_of_field, Give give>
bool give_at(const Fields& fields, std::size_t first, std::size_t last, std::string_view path, Probe& probe) noexcept {
    const std::size_t dot = path.find('.');
    const std::string_view wanted = path.substr(0, dot);
    return virtio::any_field(fields, first, last, [&](const RequestField& field, std::size_t at) noexcept {
        const std::size_t end = at + 1 + field.inside;
        if (field.info->name.empty()) {  // an element of a list
            return give_at<name_of_field, give>(fields, at + 1, end, path, probe);
        }
        if (dot == std::string_view::npos) {
            return name_of_field(*field.info) == wanted && give(fields, field, at, probe);
        }
        return field.info->name == wanted &&
               give_at<name_of_field, give>(fields, at + 1, end, path.substr(dot + 1), probe);
    });
}

template <NameOf name_of_field, Give give>
void get(const Subject& subject, const FieldRow& row, Probe& probe) noexcept {
    if (const auto& request = known_chain(subject).request) {
        (void)give_at<name_of_field, give>(request->fields, 0, request->fields.size(), row.part, probe);
    }
}

FieldType type_of(FieldKind kind) {
    switch (kind) {
        case FieldKind::number:
            return FieldType::number;
        case FieldKind::hex:
        case FieldKind::flags:
            return FieldType::address;
        case FieldKind::name:
            return FieldType::name;
        case FieldKind::boolean:
            return FieldType::boolean;
        case FieldKind::text:
            return FieldType::text;
        case FieldKind::bytes:
            return FieldType::bytes;
        case FieldKind::group:
        case FieldKind::list:
            return FieldType::group;
    }
    return FieldType::text;
}

void add_name(Names& names, std::string_view text) {
    const bool known = std::any_of(names.begin(), names.end(), [text](const Name& name) { return name.text == text; });
    if (!known) {
        names.push_back({std::string(text), 0, {}, false});
    }
}

// Rows by name: what several devices have under one name is one field.
class Builder {
  public:
    void add(const virtio::RequestFieldInfo& field) {
        const FieldInfo& info = *field.info;
        FieldRow& row = merge(field.path, type_of(info.kind), &get<own_name, give_value>, field);
        if (info.kind == FieldKind::name) {
            row.names_are_texts = true;
            std::for_each(field.names.begin(), field.names.end(),
                          [&row](std::string_view name) { add_name(row.names, name); });
            add_name(row.names, virtio::unknown_value);
        } else if (info.kind == FieldKind::flags) {
            row.masks = true;
            std::for_each(info.values.begin(), info.values.end(),
                          [&row](const virtio::ValueName& bit) { add_name(row.names, bit.name); });
        }
        const std::string name = row.name;  // a reference to a row is good until the next one is added
        if (!info.code.empty()) {
            const std::string path = field.path.substr(0, field.path.rfind('.') + 1) + std::string(info.code);
            merge(path, FieldType::number, &get<code_name, give_code>, field).meaning = name + " as a number";
        } else if (info.kind == FieldKind::flags) {
            FieldRow& meaning = merge(field.path + "_meaning", FieldType::text, &get<own_name, give_meaning>, field);
            meaning.part = field.path;
            meaning.meaning = "what " + name + " says in words, where it has some";
        }
    }

    // Each meaning says which devices have the field.
    std::vector<FieldRow> take() {
        for (std::size_t i = 0; i < rows_.size(); ++i) {
            std::string& meaning = rows_[i].meaning;
            const std::string owners = fmt::format("{}", fmt::join(devices_[i], ", "));
            constexpr std::size_t most_named = 6;
            if (devices_[i].size() <= most_named) {
                meaning += meaning.empty() ? "of " + owners : fmt::format(" ({})", owners);
            } else if (meaning.empty()) {
                meaning = "of many devices";
            }
        }
        return std::move(rows_);
    }

  private:
    FieldRow& merge(const std::string& path, FieldType type, FieldRow::Getter getter,
                    const virtio::RequestFieldInfo& field) {
        const auto [known, added] = index_.emplace(path, rows_.size());
        if (added) {
            FieldRow row = vutrace::filter::row("request." + path, type, chain_kind, getter, field.info->meaning);
            row.part = path;
            rows_.push_back(std::move(row));
            devices_.emplace_back();
        }
        devices_[known->second].insert(explain::device_name(field.device));
        FieldRow& row = rows_[known->second];
        row.repeated = row.repeated || field.repeated;
        if (row.meaning.find(field.info->meaning) == std::string::npos) {
            row.meaning.append(row.meaning.empty() ? "" : "; ").append(field.info->meaning);
        }
        return row;
    }

    std::vector<FieldRow> rows_;
    std::vector<std::set<std::string_view>> devices_;  // of each row
    std::map<std::string, std::size_t> index_;
};

Names role_names() {
    Names names;
    for (const std::string_view name : virtio::role_names()) {
        add_name(names, name);
    }
    return names;
}

FieldRow texts(FieldRow row) {
    row.names_are_texts = true;
    return row;
}

}  // namespace

std::vector<FieldRow> request_rows() {
    std::vector<FieldRow> rows{
        texts(named(
            "role", chain_kind,
            [](S s, const FieldRow&, Probe& probe) noexcept {
                if (!known_chain(s).role.name.empty()) {
                    probe.text(known_chain(s).role.name);
                }
            },
            role_names(), "what the device has the queue for")),
        scale(named(
            "request_content", chain_kind,
            [](S s, const FieldRow&, Probe& probe) noexcept {
                if (is_used(s) && known_chain(s).request) {
                    probe.number(as_number(known_chain(s).context.proof));
                }
            },
            proof_names(), "the same of the bytes that a used chain's request was read from")),
    };
    Builder builder;
    for (const virtio::RequestFieldInfo& field : virtio::request_fields()) {
        builder.add(field);
    }
    append(rows, builder.take());
    return rows;
}

}  // namespace vutrace::filter
