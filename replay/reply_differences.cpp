#include "reply_differences.h"

#include <vutrace/protocol/features.h>
#include <vutrace/protocol/fields.h>
#include <vutrace/protocol/requests.h>
#include <vutrace/virtio/devices/block.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace vutrace::replay {
namespace {

using protocol::Field;
using protocol::FieldFormat;

constexpr std::size_t shown_digits = 64;  // of opaque bytes

std::string value_text(const Field& field) {
    switch (field.format) {
        case FieldFormat::bytes:
        case FieldFormat::text:
            return field.text.empty()                 ? "nothing"
                   : field.text.size() > shown_digits ? field.text.substr(0, shown_digits) + "…"
                                                      : field.text;
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

// One reply as it should be and as it is.
class Comparer {
  public:
    Comparer(ByteView expected, ByteView actual, bool block_configuration, std::uint32_t device_type)
        : expected_(expected),
          actual_(actual),
          is_block_configuration_(block_configuration),
          device_type_(device_type) {}

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
    // False where no field of the configuration space tells what differs.
    [[nodiscard]] bool compare_configuration(const Field& expected, const Field& actual);

    ByteView expected_;
    ByteView actual_;
    bool is_block_configuration_;
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
    } else if (expected.format != FieldFormat::bytes || !is_block_configuration_ ||
               !compare_configuration(expected, actual)) {
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

bool Comparer::compare_configuration(const Field& expected, const Field& actual) {
    const std::size_t before = found_.size();
    const auto value_of = [](ByteView payload, const Field& data, const virtio::block::ConfigurationField& field) {
        const ByteView space = payload.subspan(data.offset, data.size);
        const auto value = virtio::block::read_configuration(space, load<std::uint32_t>(payload, 0), field);
        return value ? fmt::to_string(*value) : std::string("nothing");
    };
    for (const virtio::block::ConfigurationField& field : virtio::block::configuration_fields()) {
        const std::string wanted = value_of(expected_, expected, field);
        const std::string got = value_of(actual_, actual, field);
        if (wanted != got) {
            add(std::string(field.name), fmt::format("expected {}, got {}", wanted, got));
        }
    }
    return found_.size() != before;
}

}  // namespace

std::vector<std::string> describe_differences(const protocol::Header& expected, ByteView expected_payload,
                                              const protocol::Header& actual, ByteView actual_payload,
                                              std::uint32_t device_type) {
    const auto get_config = static_cast<std::uint32_t>(protocol::FrontEndRequest::GET_CONFIG);
    const bool block_configuration = expected.request == get_config && device_type == virtio::block::device_id;
    Comparer comparer(expected_payload, actual_payload, block_configuration, device_type);
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
    comparer.compare(fields_of(expected, expected_payload), fields_of(actual, actual_payload));
    return comparer.take();
}

}  // namespace vutrace::replay
