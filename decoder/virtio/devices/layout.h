// Words to write the tables of the devices with. Integers are little-endian unless they say otherwise.
#pragma once

#include <vutrace/virtio/devices/request.h>

namespace vutrace::virtio::layout {

constexpr FieldInfo number(std::string_view name, std::uint8_t size, std::string_view meaning = {}) {
    return {.name = name, .size = size, .meaning = meaning};
}
constexpr FieldInfo u8(std::string_view name, std::string_view meaning = {}) {
    return number(name, 1, meaning);
}
constexpr FieldInfo u16(std::string_view name, std::string_view meaning = {}) {
    return number(name, 2, meaning);
}
constexpr FieldInfo u32(std::string_view name, std::string_view meaning = {}) {
    return number(name, 4, meaning);
}
constexpr FieldInfo u64(std::string_view name, std::string_view meaning = {}) {
    return number(name, 8, meaning);
}
constexpr FieldInfo hex(std::string_view name, std::uint8_t size, std::string_view meaning = {}) {
    return {.name = name, .kind = FieldKind::hex, .size = size, .meaning = meaning};
}
constexpr FieldInfo yes_or_no(std::string_view name, std::uint8_t size, std::string_view meaning = {}) {
    return {.name = name, .kind = FieldKind::boolean, .size = size, .meaning = meaning};
}
constexpr FieldInfo named(std::string_view name, std::string_view code, std::uint8_t size,
                          std::span<const ValueName> values, std::string_view meaning = {}) {
    return {.name = name, .kind = FieldKind::name, .size = size, .values = values, .code = code, .meaning = meaning};
}
constexpr FieldInfo flags(std::string_view name, std::uint8_t size, std::span<const ValueName> bits,
                          std::string_view meaning = {}) {
    return {.name = name,
            .kind = FieldKind::flags,
            .show = Show::unless_zero,
            .size = size,
            .values = bits,
            .meaning = meaning};
}
// The field that says which request it is.
constexpr FieldInfo selector(std::uint8_t size, Form form = Form::selector) {
    return {.name = "type",
            .kind = FieldKind::name,
            .form = form,
            .size = size,
            .code = "code",
            .meaning = "which request it is, or what moves"};
}

constexpr FieldInfo padding(std::uint8_t size) {
    return {.size = size};
}
// Up to the next multiple of `size`, counted from the beginning of the part.
constexpr FieldInfo alignment(std::uint8_t size) {
    return {.extent = Extent::aligned, .size = size};
}
constexpr FieldInfo text(std::string_view name, std::string_view meaning = {}) {
    return {.name = name, .kind = FieldKind::text, .extent = Extent::until_nul, .meaning = meaning};
}
constexpr FieldInfo fixed_text(std::string_view name, std::uint8_t size, std::string_view meaning = {}) {
    return {.name = name, .kind = FieldKind::text, .size = size, .meaning = meaning};
}
constexpr FieldInfo counted_text(std::string_view name, std::string_view count, std::string_view meaning = {}) {
    return {.name = name, .kind = FieldKind::text, .extent = Extent::counted, .count = count, .meaning = meaning};
}
constexpr FieldInfo text_of_rest(std::string_view name, std::string_view meaning = {}) {
    return {.name = name, .kind = FieldKind::text, .extent = Extent::rest, .meaning = meaning};
}
constexpr FieldInfo bytes(std::string_view name, std::uint8_t size, std::string_view meaning = {}) {
    return {.name = name, .kind = FieldKind::bytes, .show = Show::details, .size = size, .meaning = meaning};
}
constexpr FieldInfo length_of_rest(std::string_view name, std::string_view meaning = {}) {
    return {.name = name, .extent = Extent::length_of_rest, .meaning = meaning};
}
constexpr FieldInfo mac(std::string_view name, std::string_view meaning = {}) {
    return {.name = name, .kind = FieldKind::text, .form = Form::mac, .size = 6, .meaning = meaning};
}
constexpr FieldInfo ipv4(std::string_view name, std::string_view meaning = {}) {
    return {.name = name, .kind = FieldKind::text, .form = Form::ipv4, .size = 4, .meaning = meaning};
}
constexpr FieldInfo ipv6(std::string_view name, std::string_view meaning = {}) {
    return {.name = name, .kind = FieldKind::text, .form = Form::ipv6, .size = 16, .meaning = meaning};
}
constexpr FieldInfo uuid(std::string_view name, std::string_view meaning = {}) {
    return {.name = name, .kind = FieldKind::text, .form = Form::uuid, .size = 16, .meaning = meaning};
}

constexpr FieldInfo group(std::string_view name, Layout parts, std::string_view meaning = {}) {
    return {.name = name, .kind = FieldKind::group, .parts = parts, .meaning = meaning};
}
// As many elements as the field `count` says, or as there is room for. One part without a name: plain values.
constexpr FieldInfo list(std::string_view name, Layout parts, std::string_view count = {},
                         std::string_view meaning = {}) {
    return {.name = name, .kind = FieldKind::list, .count = count, .parts = parts, .meaning = meaning};
}

constexpr FieldInfo big_endian(FieldInfo info) {
    info.form = Form::big_endian;
    return info;
}
constexpr FieldInfo details(FieldInfo info) {
    info.show = Show::details;
    return info;
}
constexpr FieldInfo unless_zero(FieldInfo info) {
    info.show = Show::unless_zero;
    return info;
}

}  // namespace vutrace::virtio::layout
