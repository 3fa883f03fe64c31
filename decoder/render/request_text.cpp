#include "requests.h"

#include <vutrace/base/hex.h>
#include <vutrace/render/phrases.h>

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace vutrace::render {
namespace {

using virtio::FieldKind;
using virtio::RequestField;
using virtio::Show;
using Fields = std::vector<RequestField>;

constexpr std::size_t shown_elements = 4;  // of a list, on a line

struct Limits {
    std::size_t bytes, text;
};
constexpr Limits on_a_line{16, 64};
constexpr Limits all{SIZE_MAX, SIZE_MAX};

// Of what has no parts.
void append_value(std::string& out, const RequestField& field, Limits limits) {
    const auto end = std::back_inserter(out);
    switch (field.info->kind) {
        case FieldKind::number:
            fmt::format_to(end, "{}", field.number);
            break;
        case FieldKind::hex:
            fmt::format_to(end, "0x{:x}", field.number);
            break;
        case FieldKind::flags:
            field.text.empty() ? fmt::format_to(end, "0x{:x}", field.number) : fmt::format_to(end, "{}", field.text);
            break;
        case FieldKind::name:
            field.name == virtio::unknown_value ? fmt::format_to(end, "0x{:x}", field.number)
                                                : fmt::format_to(end, "{}", field.name);
            break;
        case FieldKind::boolean:
            out += field.number != 0 ? "yes" : "no";
            break;
        case FieldKind::text:
            out += printable(field.text, limits.text);
            break;
        case FieldKind::bytes:
            out += hex(as_bytes(std::string_view(field.text).substr(0, limits.bytes)));
            out += field.text.size() > limits.bytes ? "…" : "";
            break;
        case FieldKind::group:
        case FieldKind::list:
            break;
    }
}

// The name and the status stand before and behind the others.
bool is_headline(const RequestField& field) {
    return field.info->name == "type" || field.info->name == "status";
}

class Line {
  public:
    explicit Line(const Fields& fields) noexcept : fields_(fields) {}

    void parts(std::string& out, std::size_t first, std::size_t last) const {
        (void)virtio::any_field(fields_, first, last, [&](const RequestField& field, std::size_t at) {
            const Show show = field.info->show;
            if (!is_headline(field) && show != Show::details && (show != Show::unless_zero || field.number != 0)) {
                part(out, field, at);
            }
            return false;
        });
    }

  private:
    // Nothing of a group whose parts are all for details.
    void part(std::string& out, const RequestField& field, std::size_t at) const {
        const std::size_t before = out.size();
        if (!out.empty() && out.back() != '{' && out.back() != ' ') {
            out += ' ';
        }
        out.append(field.info->name).append("=");
        if (field.info->kind == FieldKind::group) {
            out += '{';
            const std::size_t inner = out.size();
            parts(out, at + 1, at + 1 + field.inside);
            out.size() == inner ? out.resize(before) : out.push_back('}');
        } else if (field.info->kind == FieldKind::list) {
            elements(out, at + 1, at + 1 + field.inside);
        } else {
            append_value(out, field, on_a_line);
        }
    }
    void elements(std::string& out, std::size_t first, std::size_t last) const {
        std::size_t count = 0;
        out += '[';
        (void)virtio::any_field(fields_, first, last, [&](const RequestField& element, std::size_t at) {
            if (++count <= shown_elements) {
                out += count == 1 ? "" : " ";
                if (element.info->kind == FieldKind::group) {
                    out += '{';
                    parts(out, at + 1, at + 1 + element.inside);
                    out += '}';
                } else {
                    append_value(out, element, on_a_line);
                }
            }
            return false;
        });
        if (count > shown_elements) {
            fmt::format_to(std::back_inserter(out), " … ({})", count);
        }
        out += ']';
    }

    const Fields& fields_;
};

const RequestField* find(const Fields& fields, std::string_view name) {
    const RequestField* found = nullptr;
    (void)virtio::any_field(fields, 0, fields.size(), [&](const RequestField& field, std::size_t /*at*/) {
        found = field.info->name == name ? &field : nullptr;
        return found != nullptr;
    });
    return found;
}

}  // namespace

void append_request(std::string& out, const Style& style, const virtio::DeviceRequest& request) {
    if (const RequestField* type = find(request.fields, "type")) {
        const bool unknown = type->name == virtio::unknown_value;
        style.append(out, Tone::name, unknown ? fmt::format("type {}", type->number) : std::string(type->name));
        out += ' ';
    }
    Line(request.fields).parts(out, 0, request.fields.size());
    if (const RequestField* status = find(request.fields, "status")) {
        std::string text = out.empty() || out.back() == ' ' ? "" : " ";
        append_value(text, *status, on_a_line);
        style.append(out, request.failed ? Tone::bad : Tone::good, text);
    }
}

std::vector<RequestLine> request_lines(const virtio::DeviceRequest& request) {
    std::vector<RequestLine> lines;
    std::vector<std::size_t> ends;  // of the fields that are open
    for (std::size_t i = 0; i < request.fields.size(); ++i) {
        const RequestField& field = request.fields[i];
        while (!ends.empty() && ends.back() <= i) {
            ends.pop_back();
        }
        std::string value;
        append_value(value, field, all);
        if (!field.info->code.empty() || (field.info->kind == FieldKind::flags && !field.text.empty())) {
            value += fmt::format(" (0x{:x})", field.number);
        }
        lines.push_back(
            {field.info->name.empty() ? "-" : std::string(field.info->name), std::move(value), ends.size()});
        if (field.inside > 0) {
            ends.push_back(i + 1 + field.inside);
        }
    }
    return lines;
}

}  // namespace vutrace::render
