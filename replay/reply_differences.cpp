#include "reply_differences.h"

#include <vutrace/explain/configuration.h>
#include <vutrace/protocol/features.h>
#include <vutrace/protocol/fields.h>
#include <vutrace/protocol/requests.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace vutrace::replay {
namespace {

using protocol::Field;
using protocol::FieldFormat;

constexpr std::size_t shown_digits = 64;  // of opaque bytes and text

// A back-end's text: whatever it is, it does not steer a terminal.
std::string harmless(std::string_view text) {
    std::string out;
    for (const char character : text.substr(0, shown_digits)) {
        out += character >= 0x20 && character < 0x7f ? std::string(1, character)
                                                     : fmt::format("\\x{:02x}", static_cast<unsigned char>(character));
    }
    return text.size() > shown_digits ? out + "…" : out;
}

std::string value_text(const Field& field) {
    switch (field.format) {
        case FieldFormat::bytes:
        case FieldFormat::text:
            return field.text.empty() ? "nothing" : harmless(field.text);
        case FieldFormat::address:
        case FieldFormat::features:
        case FieldFormat::protocol_features:
            return fmt::format("{:#x}", field.number);
        case FieldFormat::group:
            return fmt::format("{} values", field.children.size());
        case FieldFormat::number:
            break;
    }
    return field.text.empty() ? fmt::format("{}", field.number) : fmt::format("{} ({})", field.number, field.text);
}

// The fields of a reply as they should be and as they are.
class Comparer {
  public:
    explicit Comparer(std::uint32_t device_type) noexcept : device_type_(device_type) {}

    void compare(const std::vector<Field>& expected, const std::vector<Field>& actual, const std::string& path = {}) {
        for (std::size_t i = 0; i < std::min(expected.size(), actual.size()); ++i) {
            compare(expected[i], actual[i], path);
        }
        if (expected.size() != actual.size()) {
            add(path, fmt::format("expected {} fields, got {}", expected.size(), actual.size()));
        }
    }
    void add(const std::string& path, const std::string& text) {
        found_.push_back(path.empty() ? text : path + ": " + text);
    }
    [[nodiscard]] std::vector<std::string> take() { return std::move(found_); }

  private:
    void compare(const Field& expected, const Field& actual, const std::string& path);
    void compare_features(const Field& expected, std::uint64_t actual, const std::string& path);

    std::uint32_t device_type_;
    std::vector<std::string> found_;
};

void Comparer::compare(const Field& expected, const Field& actual, const std::string& path) {
    const std::string name = path + (path.empty() || expected.name.empty() ? "" : ".") + std::string(expected.name);
    if (expected.format == FieldFormat::group || actual.format == FieldFormat::group) {
        compare(expected.children, actual.children, name);
    } else if (expected.number == actual.number && expected.text == actual.text) {
        return;
    } else if (expected.format == FieldFormat::features || expected.format == FieldFormat::protocol_features) {
        compare_features(expected, actual.number, name);
    } else {
        add(name, fmt::format("expected {}, got {}", value_text(expected), value_text(actual)));
    }
}

void Comparer::compare_features(const Field& expected, std::uint64_t actual, const std::string& path) {
    const auto names = [&](std::uint64_t mask) {
        return fmt::to_string(fmt::join(expected.format == FieldFormat::features
                                            ? protocol::feature_names(mask, device_type_)
                                            : protocol::protocol_feature_names(mask),
                                        ", "));
    };
    const std::uint64_t missing = expected.number & ~actual;
    const std::uint64_t extra = actual & ~expected.number;
    std::string text = missing == 0 ? "" : "missing " + names(missing);
    text += missing != 0 && extra != 0 ? "; " : "";
    add(path, text + (extra == 0 ? "" : "extra " + names(extra)));
}

// Puts the fields of the configuration space in place of its bytes, where they tell what differs.
void name_configuration(std::uint32_t device_type, ByteView expected_payload, ByteView actual_payload,
                        std::vector<Field>& expected, std::vector<Field>& actual) {
    auto wanted = explain::decode_configuration(device_type, expected_payload);
    auto got = explain::decode_configuration(device_type, actual_payload);
    if (!wanted || !got) {
        return;
    }
    Comparer comparer(device_type);
    comparer.compare(wanted->children, got->children);
    if (comparer.take().empty()) {
        return;
    }
    const auto is_bytes = [](const Field& field) { return field.format == FieldFormat::bytes; };
    std::erase_if(expected, is_bytes);
    std::erase_if(actual, is_bytes);
    expected.push_back(std::move(*wanted));
    actual.push_back(std::move(*got));
}

}  // namespace

std::vector<std::string> describe_differences(const protocol::Header& expected, ByteView expected_payload,
                                              const protocol::Header& actual, ByteView actual_payload,
                                              std::uint32_t device_type) {
    Comparer comparer(device_type);
    if (expected.request != actual.request) {
        comparer.add("request",
                     fmt::format("expected {}, got {}", protocol::request_name(Channel::front_end, expected.request),
                                 protocol::request_name(Channel::front_end, actual.request)));
        return comparer.take();
    }
    if (expected.flags != actual.flags) {
        comparer.add("flags", fmt::format("expected {:#x}, got {:#x}", expected.flags, actual.flags));
    }
    if (expected_payload.size() != actual_payload.size()) {
        comparer.add("size", fmt::format("expected {}, got {}", expected_payload.size(), actual_payload.size()));
    }
    const auto fields_of = [](const protocol::Header& header, ByteView payload) {
        return protocol::decode_payload(Channel::front_end, Side::back_end, header, payload, {}).fields;
    };
    std::vector<Field> expected_fields = fields_of(expected, expected_payload);
    std::vector<Field> actual_fields = fields_of(actual, actual_payload);
    if (expected.request == static_cast<std::uint32_t>(protocol::FrontEndRequest::GET_CONFIG)) {
        name_configuration(device_type, expected_payload, actual_payload, expected_fields, actual_fields);
    }
    comparer.compare(expected_fields, actual_fields);
    return comparer.take();
}

}  // namespace vutrace::replay
