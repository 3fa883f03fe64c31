#include "table.h"

#include <algorithm>

namespace vutrace::virtio {
namespace {

constexpr std::size_t most_fields = 2048;
constexpr std::size_t most_parts = 4;

constexpr std::array lack_names{
    ValueName{static_cast<std::uint64_t>(Lack::not_captured), "not-captured"},
    ValueName{static_cast<std::uint64_t>(Lack::too_short), "too-short"},
    ValueName{static_cast<std::uint64_t>(Lack::shortened), "shortened"},
};
constexpr FieldInfo lack_part{.name = "part", .kind = FieldKind::text, .meaning = "request, answer or event"};
constexpr FieldInfo lack_field{.name = "field", .kind = FieldKind::text, .meaning = "the first field that is missing"};
constexpr FieldInfo lack_reason = layout::named(
    "reason", {}, 0, lack_names, "not-captured, too-short (the chain ends before it), shortened (more than is shown)");
constexpr std::array lack_parts{lack_part, lack_field, lack_reason};
constexpr FieldInfo lack_list = layout::list("incomplete", lack_parts, {}, "where a part of the chain ends too early");
constexpr FieldInfo element{.kind = FieldKind::group};

constexpr FieldInfo type_info = layout::selector(0);
constexpr FieldInfo plain_type{.name = "type", .kind = FieldKind::name, .meaning = type_info.meaning};
constexpr FieldInfo answer_group = layout::group("answer", {}, "what the device wrote");
constexpr std::array common_rows{type_info, answer_group, lack_list};
constexpr Layout common_layout{common_rows};

}  // namespace

const FieldInfo& type_field() noexcept {
    return type_info;
}
const FieldInfo& plain_type_field() noexcept {
    return plain_type;
}
const FieldInfo& answer_field() noexcept {
    return answer_group;
}
const FieldInfo& element_field() noexcept {
    return element;
}
const Layout& common_fields() noexcept {
    return common_layout;
}

std::string_view find_name(std::span<const ValueName> values, std::uint64_t value) noexcept {
    const auto found =
        std::find_if(values.begin(), values.end(), [value](const ValueName& row) { return row.value == value; });
    return found == values.end() ? unknown_value : found->name;
}

const RequestRow* find_row(std::span<const RequestRow> rows, std::uint64_t code) noexcept {
    const auto found =
        std::find_if(rows.begin(), rows.end(), [code](const RequestRow& row) { return row.code == code; });
    return found == rows.end() ? nullptr : &*found;
}

RequestField& RequestBuilder::add(const FieldInfo& info, std::uint64_t number) {
    RequestField& field = request_.fields.emplace_back();
    field.info = &info;
    field.number = number;
    if (info.kind == FieldKind::flags && number != 0) {
        for (const ValueName& bit : info.values) {
            if ((number & bit.value) != 0) {
                field.text.append(field.text.empty() ? "" : " ").append(bit.name);
            }
        }
    }
    return field;
}

void RequestBuilder::add_name(const FieldInfo& info, std::uint64_t number, std::string_view name) {
    add(info, number).name = name;
}

void RequestBuilder::add_named(const FieldInfo& info, std::uint64_t number) {
    add_name(info, number, find_name(info.values, number));
}

void RequestBuilder::open(const FieldInfo& info) {
    open_.push_back(request_.fields.size());
    (void)add(info);
}

void RequestBuilder::close() noexcept {
    const std::size_t index = open_.back();
    open_.pop_back();
    RequestField& field = request_.fields[index];
    field.inside = static_cast<std::uint32_t>(request_.fields.size() - index - 1);
    if (field.inside == 0 && field.info->kind == FieldKind::group) {
        request_.fields.pop_back();  // its first part was missing already
    }
}

void RequestBuilder::lacks(std::string_view part, std::string_view field, Lack why) {
    const bool told =
        std::any_of(missing_.begin(), missing_.end(), [part](const Missing& row) { return row.part == part; });
    if (!told && missing_.size() < most_parts) {
        missing_.push_back({part, field, why});
    }
}

const RequestField* RequestBuilder::find(std::string_view name) const noexcept {
    const auto found = std::find_if(request_.fields.rbegin(), request_.fields.rend(),
                                    [name](const RequestField& field) { return field.info->name == name; });
    return found == request_.fields.rend() ? nullptr : &*found;
}

bool RequestBuilder::full() const noexcept {
    return request_.fields.size() >= most_fields;
}

DeviceRequest RequestBuilder::take() && {
    if (!missing_.empty()) {
        open(lack_list);
        for (const Missing& missing : missing_) {
            open(element);
            add(lack_part).text = missing.part;
            add(lack_field).text = missing.field;
            add_named(lack_reason, static_cast<std::uint64_t>(missing.why));
            close();
        }
        close();
    }
    return std::move(request_);
}

}  // namespace vutrace::virtio
