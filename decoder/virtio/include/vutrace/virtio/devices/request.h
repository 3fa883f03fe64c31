// What a device's decoder made of a chain: a request as named fields, which whoever shows them (JSON, text, filter,
// window) takes without knowing the device. The tables of the devices say which fields there can be: devices/*.cpp.
#pragma once

#include <vutrace/base/bytes.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vutrace::virtio {

struct ValueName {
    std::uint64_t value;
    std::string_view name;
};
// What a value is called that has no name.
inline constexpr std::string_view unknown_value = "UNKNOWN";

enum class FieldKind : std::uint8_t {
    number,   // counts, sizes, indices: decimal
    hex,      // addresses, masks, identifiers: "0x…"
    name,     // a value that has a name; `FieldInfo::code` is the value itself as a field beside it
    flags,    // a mask whose bits have names: "0x…", and the names beside it
    boolean,  // yes or no
    text,     // names, addresses
    bytes,    // opaque: hex digits
    group,    // has parts
    list,     // of groups or plain values
};

// How many bytes of a chain a field is made of.
enum class Extent : std::uint8_t {
    fixed,           // `size`
    until_nul,       // text and the NUL behind it
    counted,         // as many as the field `count` says
    rest,            // all that follow
    length_of_rest,  // a number: how many follow; none is taken
    aligned,         // as many as lead to the next multiple of `size`
};

// How the bytes become a value where that is not what `FieldKind` says.
enum class Form : std::uint8_t {
    plain,
    big_endian,      // an integer
    negative_errno,  // i32: 0 or a negative errno, as a positive one
    halved,          // an integer one bit to the left
    mac,             // text: "52:54:00:12:34:56"
    ipv4,
    ipv6,
    uuid,
    selector,  // a name: chooses the row of a table of requests
    selector_big_endian,
};

// Whether a field is worth a place on a line that holds a whole request. Details and JSON have all.
enum class Show : std::uint8_t { line, unless_zero, details };

struct FieldInfo;

// Rows of a table, in the order of the bytes. Refers to a constant array.
class Layout {
  public:
    constexpr Layout() noexcept = default;
    template <std::size_t size>
    constexpr Layout(const std::array<FieldInfo, size>& rows) noexcept : first_(rows.data()), size_(size) {}

    [[nodiscard]] constexpr const FieldInfo* begin() const noexcept { return first_; }
    [[nodiscard]] constexpr const FieldInfo* end() const noexcept;
    [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
    [[nodiscard]] constexpr bool empty() const noexcept { return size_ == 0; }

  private:
    const FieldInfo* first_{nullptr};
    std::size_t size_{0};
};

struct FieldInfo {
    std::string_view name{};  // as the JSON spells it; empty for padding, and for the plain elements of a list
    FieldKind kind{FieldKind::number};
    Extent extent{Extent::fixed};
    Form form{Form::plain};
    Show show{Show::line};
    std::uint8_t size{0};                 // bytes
    std::span<const ValueName> values{};  // of names, and of bits by their mask
    std::string_view code{};              // of a name: what the field is called that has the value as a number
    std::string_view count{};             // of what is counted: the field before it that says how many
    Layout parts{};                       // of groups, and of the elements of lists
    std::string_view meaning{};           // one phrase; empty where the name says it
};

constexpr const FieldInfo* Layout::end() const noexcept {
    return first_ + size_;
}

// A field of a request. The parts of a group and the elements of a list follow it.
struct RequestField {
    const FieldInfo* info{nullptr};  // never null, constant
    std::uint64_t number{0};         // numbers, masks, what a name stands for
    std::string_view name;           // of a name; constant
    std::string text;                // text and bytes as they were, maybe not UTF-8; of flags their names
    std::uint32_t inside{0};         // how many of the fields that follow are inside of this one, however deep
};

struct DeviceRequest {
    std::vector<RequestField> fields;
    bool failed{false};  // the device's answer is an error
};

// Calls `visit` with each field in fields[first, last) that is not inside of another one of them, and its index, until
// it gives true. True where it did.
template <class Visit>
bool any_field(const std::vector<RequestField>& fields, std::size_t first, std::size_t last, Visit visit) {
    for (std::size_t i = first; i < last && i < fields.size(); i += 1 + fields[i].inside) {
        if (visit(fields[i], i)) {
            return true;
        }
    }
    return false;
}

// The name of the request, `unknown_value` where it has none, empty where not even that was captured. Constant.
[[nodiscard]] inline std::string_view type_of(const DeviceRequest& request) noexcept {
    std::string_view type;
    (void)any_field(request.fields, 0, request.fields.size(), [&](const RequestField& field, std::size_t /*at*/) {
        type = field.info->name == "type" ? field.name : std::string_view();
        return !type.empty();
    });
    return type;
}

}  // namespace vutrace::virtio
