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

constexpr std::size_t shown_bytes = 16;    // on a line
constexpr std::size_t shown_elements = 4;  // of a list, on a line
constexpr std::size_t shown_text = 64;

std::string plain_value(const RequestField& field, std::size_t most_bytes, std::size_t most_text) {
    switch (field.info->kind) {
        case FieldKind::number:
            return fmt::format("{}", field.number);
        case FieldKind::hex:
            return fmt::format("0x{:x}", field.number);
        case FieldKind::flags:
            return field.text.empty() ? fmt::format("0x{:x}", field.number) : field.text;
        case FieldKind::name:
            return field.name == virtio::unknown_value ? fmt::format("0x{:x}", field.number) : std::string(field.name);
        case FieldKind::boolean:
            return field.number != 0 ? "yes" : "no";
        case FieldKind::text:
            return printable(field.text, most_text);
        case FieldKind::bytes:
            return hex(as_bytes(std::string_view(field.text).substr(0, most_bytes))) +
                   (field.text.size() > most_bytes ? "…" : "");
        case FieldKind::group:
        case FieldKind::list:
            break;
    }
    return {};
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
    void part(std::string& out, const RequestField& field, std::size_t at) const {
        const std::string_view blank = out.empty() || out.back() == '{' ? "" : " ";
        if (field.info->kind == FieldKind::group) {
            std::string inner;
            parts(inner, at + 1, at + 1 + field.inside);
            out += inner.empty() ? std::string() : fmt::format("{}{}={{{}}}", blank, field.info->name, inner);
        } else {
            fmt::format_to(std::back_inserter(out), "{}{}={}", blank, field.info->name, value(field, at));
        }
    }
    [[nodiscard]] std::string value(const RequestField& field, std::size_t at) const {
        if (field.info->kind != FieldKind::list) {
            return plain_value(field, shown_bytes, shown_text);
        }
        std::string out;
        std::size_t elements = 0;
        (void)virtio::any_field(fields_, at + 1, at + 1 + field.inside,
                                [&](const RequestField& element, std::size_t i) {
                                    if (++elements <= shown_elements) {
                                        out += out.empty() ? "" : " ";
                                        if (element.info->kind == FieldKind::group) {
                                            std::string inner;
                                            parts(inner, i + 1, i + 1 + element.inside);
                                            out += '{' + inner + '}';
                                        } else {
                                            out += plain_value(element, shown_bytes, shown_text);
                                        }
                                    }
                                    return false;
                                });
        return elements > shown_elements ? fmt::format("[{} … ({})]", out, elements) : fmt::format("[{}]", out);
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
    std::string parts;
    Line(request.fields).parts(parts, 0, request.fields.size());
    out += parts;
    if (const RequestField* status = find(request.fields, "status")) {
        out += parts.empty() ? "" : " ";
        style.append(out, request.failed ? Tone::bad : Tone::good, plain_value(*status, shown_bytes, shown_text));
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
        std::string value = plain_value(field, SIZE_MAX, SIZE_MAX);
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
