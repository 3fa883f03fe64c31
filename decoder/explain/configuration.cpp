#include "vutrace/explain/configuration.h"

#include <vutrace/base/hex.h>
#include <vutrace/protocol/payloads.h>
#include <vutrace/virtio/devices/configuration.h>

#include <algorithm>
#include <iterator>
#include <string>

namespace vutrace::explain {
namespace {

using protocol::Field;
using protocol::FieldFormat;
using virtio::ConfigurationField;
using virtio::ConfigurationFormat;

std::string text_of(ByteView bytes) {
    const auto end = std::find(bytes.begin(), bytes.end(), std::byte{0});
    std::string text;
    std::transform(bytes.begin(), end, std::back_inserter(text),
                   [](std::byte byte) { return static_cast<char>(std::to_integer<unsigned char>(byte)); });
    return text;
}

std::uint64_t number_of(ByteView bytes) noexcept {
    std::uint64_t number = 0;
    for (std::size_t i = bytes.size(); i-- > 0;) {
        number = (number << 8U) | std::to_integer<std::uint64_t>(bytes[i]);
    }
    return number;
}

Field field_of(const ConfigurationField& row, std::uint32_t offset, ByteView bytes) {
    Field field{.name = row.name,
                .format = FieldFormat::number,
                .offset = offset,
                .size = row.size,
                .text = {},
                .children = {},
                .meaning = row.meaning};
    switch (row.format) {
        case ConfigurationFormat::number:
            field.number = number_of(bytes);
            break;
        case ConfigurationFormat::mask:
            field.format = FieldFormat::address;
            field.number = number_of(bytes);
            break;
        case ConfigurationFormat::mac:
            field.format = FieldFormat::text;
            field.text = hex(bytes, ":");
            break;
        case ConfigurationFormat::text:
            field.format = FieldFormat::text;
            field.text = text_of(bytes);
            break;
        case ConfigurationFormat::bytes:
            field.format = FieldFormat::bytes;
            field.text = hex(bytes);
            break;
    }
    return field;
}

}  // namespace

std::optional<Field> decode_configuration(std::uint32_t device, ByteView payload) {
    const auto config = protocol::parse_config(payload);
    if (!config) {
        return std::nullopt;
    }
    constexpr std::uint32_t data_offset = 12;
    const ByteView data = payload.subspan(data_offset, config->data.size());
    Field group{.name = "configuration",
                .format = FieldFormat::group,
                .offset = data_offset,
                .size = static_cast<std::uint32_t>(data.size()),
                .text = {},
                .children = {},
                .meaning = "fields of the device's configuration space"};
    for (const ConfigurationField& row : virtio::configuration_fields(device)) {
        const std::uint64_t end = std::uint64_t{config->offset} + data.size();
        if (row.offset >= config->offset && std::uint64_t{row.offset} + row.size <= end) {
            const std::uint32_t at = row.offset - config->offset;
            group.children.push_back(field_of(row, data_offset + at, data.subspan(at, row.size)));
        }
    }
    return group.children.empty() ? std::nullopt : std::optional(std::move(group));
}

}  // namespace vutrace::explain
