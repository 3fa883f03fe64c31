// What a row of the payload table is made of. One table of these drives decoding, size checks and the tests.
#pragma once

#include <vutrace/protocol/fields.h>
#include <vutrace/protocol/requests.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>

namespace vutrace::protocol {

inline constexpr std::uint32_t no_limit = std::numeric_limits<std::uint32_t>::max();

enum class FieldRole : std::uint8_t {
    value,
    flags,     // a value whose names are masks
    reserved,  // shown, and a problem, only where it is not zero
    padding,   // of a compiler: shown only where it is not zero, as nobody promised zeros
};

struct FieldLayout {
    std::string_view name;
    FieldFormat format{FieldFormat::number};
    std::uint32_t offset{0};  // from the start of the payload, or of the element of a list
    std::uint32_t size{0};    // of the integer or of the bytes
    std::string_view meaning{};
    FieldRole role{FieldRole::value};
    std::uint8_t first_bit{0};
    std::uint8_t bit_count{0};  // 0: the whole integer
    std::span<const ValueName> values{};
    std::string_view otherwise{};  // text for any number that `values` does not name
    bool only_xen{false};
};

// How many elements follow the fixed fields.
enum class CountRule : std::uint8_t {
    none,
    one,         // an object
    fixed,       // `count` of them
    u32_field,   // as many as the u32 at `count_offset` says
    pixel_area,  // the product of the two u32 at `count_offset`
    rest,        // to the end of the payload
};

struct TailLayout {
    CountRule rule{CountRule::none};
    std::string_view name{};
    std::uint32_t count_offset{0};
    std::uint32_t count{0};
    std::uint32_t element_size{0};
    std::uint32_t xen_extra{0};              // bytes that an element has more with XEN_MMAP
    std::span<const FieldLayout> element{};  // empty: the elements are opaque bytes
    std::string_view meaning{};
};

struct PayloadLayout {
    PayloadKind kind;
    std::uint32_t fixed_size{0};  // of the fields before the tail, with the compiler padding that senders include
    std::uint32_t size_min{0};    // of the whole payload
    std::uint32_t size_max{0};
    std::span<const FieldLayout> fields{};
    TailLayout tail{};
};

constexpr FieldLayout number(std::string_view name, std::uint32_t offset, std::uint32_t size,
                             std::string_view meaning) {
    return {.name = name, .format = FieldFormat::number, .offset = offset, .size = size, .meaning = meaning};
}

constexpr FieldLayout named_number(FieldLayout field, std::span<const ValueName> values,
                                   std::string_view otherwise = {}) {
    field.values = values;
    field.otherwise = otherwise;
    return field;
}

constexpr FieldLayout flags(FieldLayout field, std::span<const ValueName> masks) {
    field.values = masks;
    field.role = FieldRole::flags;
    return field;
}

// A 64-bit address or mask.
constexpr FieldLayout address(std::string_view name, std::uint32_t offset, std::string_view meaning) {
    return {.name = name, .format = FieldFormat::address, .offset = offset, .size = 8, .meaning = meaning};
}

constexpr FieldLayout bytes(std::string_view name, std::uint32_t offset, std::uint32_t size, std::string_view meaning) {
    return {.name = name, .format = FieldFormat::bytes, .offset = offset, .size = size, .meaning = meaning};
}

constexpr FieldLayout text(std::string_view name, std::uint32_t offset, std::uint32_t size, std::string_view meaning) {
    return {.name = name, .format = FieldFormat::text, .offset = offset, .size = size, .meaning = meaning};
}

constexpr FieldLayout bits(std::string_view name, std::uint8_t first_bit, std::uint8_t bit_count,
                           std::string_view meaning) {
    return {.name = name, .size = 8, .meaning = meaning, .first_bit = first_bit, .bit_count = bit_count};
}

constexpr FieldLayout reserved(FieldLayout field) {
    field.role = FieldRole::reserved;
    return field;
}

constexpr FieldLayout padding(std::uint32_t offset, std::uint32_t size) {
    return {.name = "padding",
            .format = FieldFormat::bytes,
            .offset = offset,
            .size = size,
            .meaning = "compiler padding",
            .role = FieldRole::padding};
}

constexpr FieldLayout only_xen(FieldLayout field) {
    field.only_xen = true;
    return field;
}

constexpr PayloadLayout fixed_layout(PayloadKind kind, std::uint32_t size, std::span<const FieldLayout> fields) {
    return {.kind = kind, .fixed_size = size, .size_min = size, .size_max = size, .fields = fields};
}

}  // namespace vutrace::protocol
