#include "field_table.h"

#include <vutrace/filter/filter.h>

#include <algorithm>
#include <array>
#include <map>

namespace vutrace::filter {
namespace {

std::vector<FieldRow> all_rows() {
    std::vector<FieldRow> rows = record_rows();
    for (FieldRow& row : payload_rows()) {
        rows.push_back(std::move(row));
    }
    return rows;
}

std::map<std::string_view, const FieldRow*> by_name() {
    std::map<std::string_view, const FieldRow*> index;
    for (const FieldRow& row : field_rows()) {
        index.emplace(row.name, &row);
    }
    return index;
}

std::string records_text(RecordKinds kinds) {
    std::string text;
    for (auto type = trace::RecordType::session; type <= trace::RecordType::note;
         type = static_cast<trace::RecordType>(static_cast<unsigned>(type) + 1)) {
        if ((kinds & kind_bit(type)) != 0) {
            text += text.empty() ? "" : ", ";
            text += trace::name_of(type);
        }
    }
    return text;
}

}  // namespace

std::string_view name_of(FieldType type) noexcept {
    constexpr std::array<std::string_view, 10> names{"number", "address", "time", "duration", "yes/no",
                                                     "name",   "names",   "text", "bytes",    "group"};
    return names[static_cast<std::size_t>(type)];
}

const std::vector<FieldRow>& field_rows() {
    static const std::vector<FieldRow> rows = all_rows();
    return rows;
}

const FieldRow* find_row(std::string_view name) {
    static const std::map<std::string_view, const FieldRow*> index = by_name();
    const auto row = index.find(name);
    return row == index.end() ? nullptr : row->second;
}

std::vector<FieldDescription> fields() {
    std::vector<FieldDescription> out;
    for (const FieldRow& row : field_rows()) {
        const RecordKinds every = 0xfe;
        out.push_back({row.name, name_of(row.type), row.records == every ? "all" : records_text(row.records),
                       row.repeated, row.meaning});
    }
    return out;
}

}  // namespace vutrace::filter
