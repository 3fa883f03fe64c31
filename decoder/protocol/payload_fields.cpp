#include "payload_table.h"

namespace vutrace::protocol {
namespace {

FieldInfo info_of(const FieldLayout& layout, std::string_view group, bool repeated) {
    return {.group = group,
            .name = layout.name,
            .format = layout.format,
            .repeated = repeated,
            .masks = layout.role == FieldRole::flags,
            .values = layout.values,
            .otherwise = layout.otherwise,
            .meaning = layout.meaning};
}

void append_tail(const TailLayout& tail, std::vector<FieldInfo>& out) {
    if (tail.rule == CountRule::none) {
        return;
    }
    const bool opaque = tail.element.empty();
    const bool repeated = !opaque && tail.rule != CountRule::one;
    out.push_back({.name = tail.name,
                   .format = opaque ? FieldFormat::bytes : FieldFormat::group,
                   .repeated = repeated,
                   .meaning = tail.meaning});
    for (const FieldLayout& field : tail.element) {
        out.push_back(info_of(field, tail.name, repeated));
    }
}

}  // namespace

std::vector<FieldInfo> payload_fields() {
    std::vector<FieldInfo> out;
    for (const std::span<const PayloadLayout> part :
         {std::span<const PayloadLayout>(layouts::vhost_user), std::span<const PayloadLayout>(layouts::others)}) {
        for (const PayloadLayout& layout : part) {
            for (const FieldLayout& field : layout.fields) {
                out.push_back(info_of(field, {}, false));
            }
            append_tail(layout.tail, out);
        }
    }
    return out;
}

}  // namespace vutrace::protocol
