#include "message_view.h"

#include <vutrace/base/count_text.h>
#include <vutrace/base/hex.h>
#include <vutrace/protocol/fields.h>

#include <fmt/format.h>

#include <array>

namespace vutrace::protocol {
namespace {

// A MAC address is grouped by bytes, a UUID by its five parts (RFC 4122).
std::string grouped(ByteView bytes) {
    constexpr std::array<std::size_t, 6> mac{1, 1, 1, 1, 1, 1};
    constexpr std::array<std::size_t, 5> uuid{4, 2, 2, 2, 6};
    const bool is_mac = bytes.size() == mac.size();
    std::string text;
    for (const std::size_t part : is_mac ? std::span<const std::size_t>(mac) : std::span<const std::size_t>(uuid)) {
        const std::size_t size = std::min(part, bytes.size());
        if (!text.empty()) {
            text.push_back(is_mac ? ':' : '-');
        }
        append_hex(text, bytes.first(size));
        bytes = bytes.subspan(size);
    }
    return text;
}

std::uint64_t load_number(ByteView bytes) {
    std::uint64_t number = 0;
    std::memcpy(&number, bytes.data(), std::min(bytes.size(), sizeof(number)));
    return number;
}

std::uint64_t bits_of(std::uint64_t number, const FieldLayout& layout) {
    const std::uint64_t mask = layout.bit_count == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << layout.bit_count) - 1;
    return layout.bit_count == 0 ? number : (number >> layout.first_bit) & mask;
}

std::string value_name(const FieldLayout& layout, std::uint64_t number) {
    for (const ValueName& value : layout.values) {
        if (value.value == number) {
            return std::string(value.name);
        }
    }
    return std::string(layout.otherwise);
}

// Names of the masks set, and what is left over as a number: nothing that is set goes unseen.
std::string mask_names(const FieldLayout& layout, std::uint64_t number) {
    std::string text;
    const auto append = [&text](std::string_view name) { text.append(text.empty() ? "" : " ").append(name); };
    for (const ValueName& mask : layout.values) {
        if ((number & mask.value) != 0) {
            append(mask.name);
            number &= ~mask.value;
        }
    }
    if (number != 0) {
        append(fmt::format("0x{:x}", number));
    }
    return text;
}

// Decodes one payload. Elements of lists are decoded only as far as bytes for them are there, so that a count from the
// payload never bounds a loop.
class PayloadDecoder {
  public:
    PayloadDecoder(const PayloadLayout& layout, ByteView payload, const PayloadContext& context)
        : layout_(layout), payload_(payload), context_(context) {}

    DecodedPayload decode() {
        decode_fields(layout_.fields, 0, out_.fields);
        if (layout_.tail.rule != CountRule::none && payload_.size() >= layout_.fixed_size) {
            decode_tail();
        }
        check_end();
        return std::move(out_);
    }

  private:
    void decode_fields(std::span<const FieldLayout> fields, std::size_t base, std::vector<Field>& out) {
        for (const FieldLayout& field : fields) {
            const std::size_t offset = base + field.offset;
            if (field.only_xen && !context_.xen_mmap) {
                continue;
            }
            if (offset + field.size <= payload_.size()) {
                decode_field(field, offset, out);
            } else if (offset < payload_.size()) {
                out_.problems.push_back(
                    {ProblemKind::payload_size, fmt::format("payload ends inside `{}`: {} of its {} bytes are there",
                                                            field.name, payload_.size() - offset, field.size)});
                return;
            }
        }
    }

    void decode_field(const FieldLayout& layout, std::size_t offset, std::vector<Field>& out) {
        const ByteView bytes = payload_.subspan(offset, layout.size);
        Field field{.name = layout.name,
                    .format = layout.format,
                    .offset = static_cast<std::uint32_t>(offset),
                    .size = layout.bit_count == 0 ? layout.size : 0,
                    .text = {},
                    .children = {},
                    .meaning = layout.meaning};
        if (layout.format == FieldFormat::bytes) {
            field.text = hex(bytes);
        } else if (layout.format == FieldFormat::text) {
            field.text = grouped(bytes);
        } else {
            field.number = bits_of(load_number(bytes), layout);
            field.text =
                layout.role == FieldRole::flags ? mask_names(layout, field.number) : value_name(layout, field.number);
        }
        if (is_shown(layout, bytes, field)) {
            out.push_back(std::move(field));
        }
    }

    bool is_shown(const FieldLayout& layout, ByteView bytes, const Field& field) {
        if (layout.role == FieldRole::reserved && field.number != 0) {
            out_.problems.push_back(
                {ProblemKind::reserved_field, fmt::format("`{}` is 0x{:x}, must be 0", layout.name, field.number)});
        }
        switch (layout.role) {
            case FieldRole::reserved:
                return field.number != 0;
            case FieldRole::padding:
                return !all_zero(bytes);
            case FieldRole::value:
            case FieldRole::flags:
                return true;
        }
        return true;
    }

    static bool all_zero(ByteView bytes) {
        return std::all_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte == std::byte{0}; });
    }

    // The number of elements that the payload announces, where it announces one.
    [[nodiscard]] std::uint64_t announced(std::size_t available) const {
        const TailLayout& tail = layout_.tail;
        const auto first = load<std::uint32_t>(payload_, tail.count_offset);
        switch (tail.rule) {
            case CountRule::none:
                return 0;
            case CountRule::one:
                return 1;
            case CountRule::fixed:
                return tail.count;
            case CountRule::u32_field:
                return first;
            case CountRule::pixel_area:  // below 2^64, as the product of two 32-bit numbers
                return std::uint64_t{first} * load<std::uint32_t>(payload_, tail.count_offset + sizeof(first));
            case CountRule::rest:
                return available;
        }
        return 0;
    }

    void decode_tail() {
        const TailLayout& tail = layout_.tail;
        const std::size_t size = payload_.size() - layout_.fixed_size;
        const std::size_t one = element_size(tail, context_);
        const std::size_t available = size / one;
        const std::uint64_t count = announced(available);
        if (count != available || size % one != 0) {
            out_.problems.push_back(
                {ProblemKind::payload_size,
                 fmt::format("`{}` has {} of {}, {} there for them", tail.name, count_text(count, "element"),
                             count_text(one, "byte"), size == 1 ? "1 byte is" : fmt::format("{} bytes are", size))});
        }
        const std::size_t present = static_cast<std::size_t>(std::min<std::uint64_t>(count, available));
        if (tail.element.empty()) {
            add_opaque(present * one);
            return;
        }
        const std::size_t listed = tail.rule == CountRule::one ? 1 : present;
        Field list{.name = tail.name,
                   .format = FieldFormat::group,
                   .offset = layout_.fixed_size,
                   .size = static_cast<std::uint32_t>(std::min(size, listed * one)),
                   .text = {},
                   .children = {},
                   .meaning = tail.meaning};
        if (tail.rule == CountRule::one) {
            decode_fields(tail.element, layout_.fixed_size, list.children);
        } else {
            decode_list(tail.rule == CountRule::fixed ? without_zeros(present, one) : present, one, list.children);
        }
        out_.fields.push_back(std::move(list));
    }

    std::size_t without_zeros(std::size_t count, std::size_t one) const {
        while (count > 0 && all_zero(payload_.subspan(layout_.fixed_size + (count - 1) * one, one))) {
            --count;
        }
        return count;
    }

    void decode_list(std::size_t count, std::size_t one, std::vector<Field>& out) {
        const std::span<const FieldLayout> element = layout_.tail.element;
        const bool plain = element.size() == 1 && element.front().name.empty();
        for (std::size_t index = 0; index < count; ++index) {
            const std::size_t offset = layout_.fixed_size + index * one;
            if (plain) {
                decode_fields(element, offset, out);
                continue;
            }
            Field& group = out.emplace_back();
            group.format = FieldFormat::group;
            group.offset = static_cast<std::uint32_t>(offset);
            group.size = static_cast<std::uint32_t>(one);
            decode_fields(element, offset, group.children);
        }
    }

    void add_opaque(std::size_t size) {
        out_.fields.push_back({.name = layout_.tail.name,
                               .format = FieldFormat::bytes,
                               .offset = layout_.fixed_size,
                               .size = static_cast<std::uint32_t>(size),
                               .text = hex(payload_.subspan(layout_.fixed_size, size)),
                               .children = {},
                               .meaning = layout_.tail.meaning});
    }

    void check_end() {
        if (payload_.size() < layout_.size_min) {
            out_.problems.push_back(
                {ProblemKind::payload_size, fmt::format("payload has {}, its fields need {}",
                                                        count_text(payload_.size(), "byte"), layout_.size_min)});
        } else if (layout_.tail.rule == CountRule::none && payload_.size() > layout_.size_max) {
            out_.problems.push_back(
                {ProblemKind::payload_size,
                 fmt::format("{} behind the last field", count_text(payload_.size() - layout_.size_max, "byte"))});
        }
    }

    const PayloadLayout& layout_;
    ByteView payload_;
    const PayloadContext& context_;
    DecodedPayload out_;
};

void name_meanings(const RequestInfo& info, bool reply, std::vector<Field>& fields) {
    for (const MeaningByRequest& row : meanings_by_request) {
        if (row.channel != info.channel || row.request != info.code || row.reply != reply) {
            continue;
        }
        for (Field& field : fields) {
            field.meaning = field.name == row.field ? row.meaning : field.meaning;
        }
    }
}

}  // namespace

DecodedPayload decode_payload(Channel channel, Side sender, const Header& header, ByteView payload,
                              const PayloadContext& context) {
    const RequestInfo* info = find_request(channel, header.request);
    const bool reply = is_reply(channel, sender);
    if (info == nullptr || (reply && info->reply == ReplyRule::never)) {
        return {};
    }
    const MessageShape shape = is_postcopy_acknowledgement(channel, header, reply, payload.size(), context)
                                   ? postcopy_acknowledgement
                                   : shape_of(*info, reply);
    if (payload.empty() && shape.sizes.holds(0)) {
        return {};
    }
    DecodedPayload decoded = PayloadDecoder(layout_of(shape.payload, payload), payload, context).decode();
    name_meanings(*info, reply, decoded.fields);
    return decoded;
}

}  // namespace vutrace::protocol
