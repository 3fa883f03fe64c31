#include "../message_view.h"

#include <vutrace/protocol/testing/messages.h>

#include <array>

namespace vutrace::protocol::sample {
namespace {

constexpr std::uint32_t elements_of_lists = 2;

void fill_field(MutableByteView payload, std::size_t base, const FieldLayout& field) {
    const std::size_t offset = base + field.offset;
    if (field.role == FieldRole::reserved || field.role == FieldRole::padding || field.only_xen) {
        return;
    }
    if (field.bit_count != 0) {  // a queue or an error code below; no bits above, as they change what has to come along
        if (field.first_bit == 0) {
            store(payload, offset, std::uint64_t{3});
        }
        return;
    }
    const std::size_t named = field.values.empty() ? 0 : field.values.front().value;
    for (std::size_t byte = 0; byte < field.size; ++byte) {
        const std::size_t value = field.values.empty() ? offset + byte + 1 : (byte == 0 ? named : 0);
        payload[offset + byte] = static_cast<std::byte>(value & 0xff);
    }
}

std::size_t elements_of(const TailLayout& tail) {
    switch (tail.rule) {
        case CountRule::none:
            return 0;
        case CountRule::one:
            return 1;
        case CountRule::fixed:
            return tail.count;
        case CountRule::u32_field:
        case CountRule::rest:
            return elements_of_lists;
        case CountRule::pixel_area:
            return std::size_t{elements_of_lists} * elements_of_lists;
    }
    return 0;
}

Message message_of(const RequestInfo& info, bool reply) {
    const MessageShape shape = shape_of(info, reply);
    Message message;
    message.channel = info.channel;
    message.sender = reply ? other(requester(info.channel)) : requester(info.channel);
    message.payload = valid_payload(shape.payload);
    message.header = {.request = info.code,
                      .flags = version_1 | (reply ? reply_flag : 0),
                      .size = static_cast<std::uint32_t>(message.payload.size())};
    const bool expects_one = shape.payload == PayloadKind::vring_descriptor || shape.payload == PayloadKind::vring_area;
    message.descriptors = expects_one ? 1 : shape.descriptors_min;
    if (shape.payload == PayloadKind::memory_regions) {
        message.descriptors = elements_of_lists;
    }
    return message;
}

void resize_payload(Message& message, std::size_t size) {
    message.payload.resize(size, std::byte{0xa5});
    message.header.size = static_cast<std::uint32_t>(size);
}

constexpr std::array all_faults{
    Fault::none,           Fault::short_by_one,        Fault::long_by_one,
    Fault::empty,          Fault::too_few_descriptors, Fault::too_many_descriptors,
    Fault::wrong_version,  Fault::reserved_flags,      Fault::wrong_reply_flag,
    Fault::size_too_small, Fault::size_too_large,
};

// False where the fault makes no difference to this message.
bool apply(Fault fault, const MessageShape& shape, Message& message) {
    const std::size_t size = message.payload.size();
    switch (fault) {
        case Fault::none:
            return true;
        case Fault::short_by_one:
            resize_payload(message, size == 0 ? 0 : size - 1);
            return size > 1;
        case Fault::long_by_one:
            resize_payload(message, size + 1);
            return true;
        case Fault::empty:
            resize_payload(message, 0);
            return size > 0;
        case Fault::too_few_descriptors:
            if (message.descriptors == 0) {
                return false;
            }
            --message.descriptors;
            return true;
        case Fault::too_many_descriptors:
            message.descriptors = std::size_t{shape.descriptors_max} + 1;
            return true;
        case Fault::wrong_version:
            message.header.flags = (message.header.flags & ~version_mask) | 2;
            return true;
        case Fault::reserved_flags:
            message.header.flags |= 0x100;
            return true;
        case Fault::wrong_reply_flag:
            message.header.flags ^= reply_flag;
            return true;
        case Fault::size_too_small:
            message.header.size = static_cast<std::uint32_t>(size == 0 ? 0 : size - 1);
            return size > 0;
        case Fault::size_too_large:
            message.header.size = no_limit;
            return true;
    }
    return false;
}

bool problem_due(Fault fault, const MessageShape& shape) {
    switch (fault) {
        case Fault::none:
            return false;
        case Fault::empty:
            return shape.sizes.min > 0;
        case Fault::short_by_one:
        case Fault::long_by_one:
            return shape.payload != PayloadKind::any;
        default:
            return true;
    }
}

}  // namespace

Bytes wire_bytes(const Message& message) {
    Bytes bytes(header_size);
    serialise_header(message.header, bytes);
    bytes.insert(bytes.end(), message.payload.begin(), message.payload.end());
    return bytes;
}

Bytes valid_payload(PayloadKind kind) {
    const PayloadLayout& layout = *find_layout(kind);
    const TailLayout& tail = layout.tail;
    const std::size_t elements = elements_of(tail);
    Bytes payload(layout.fixed_size + elements * tail.element_size);
    for (const FieldLayout& field : layout.fields) {
        fill_field(payload, 0, field);
    }
    for (std::size_t element = 0; element < elements; ++element) {
        for (const FieldLayout& field : tail.element) {
            fill_field(payload, layout.fixed_size + element * tail.element_size, field);
        }
    }
    if (tail.rule == CountRule::u32_field || tail.rule == CountRule::pixel_area) {
        store(MutableByteView(payload), tail.count_offset, elements_of_lists);
    }
    if (tail.rule == CountRule::pixel_area) {
        store(MutableByteView(payload), tail.count_offset + sizeof(std::uint32_t), elements_of_lists);
    }
    if (kind == PayloadKind::crypto_session_asymmetric) {
        store(MutableByteView(payload), 0, crypto_asymmetric_session);
    }
    return payload;
}

Message valid_request(const RequestInfo& info) {
    return message_of(info, false);
}

Message valid_reply(const RequestInfo& info) {
    return message_of(info, true);
}

const char* name_of(Fault fault) noexcept {
    constexpr std::array<const char*, all_faults.size()> names{
        "valid",          "short by one",        "long by one",
        "empty",          "too few descriptors", "too many descriptors",
        "wrong version",  "reserved flags",      "wrong REPLY flag",
        "size too small", "size too large"};
    return names[static_cast<std::size_t>(fault)];
}

std::vector<AdverseCase> adverse_cases(const RequestInfo& info) {
    std::vector<AdverseCase> cases;
    for (const bool reply : {false, true}) {
        if (reply && info.reply == ReplyRule::never) {
            continue;
        }
        const MessageShape shape = shape_of(info, reply);
        for (const Fault fault : all_faults) {
            AdverseCase adverse{.name = std::string(info.name) + (reply ? " reply: " : " request: ") + name_of(fault),
                                .fault = fault,
                                .message = message_of(info, reply),
                                .problem_due = problem_due(fault, shape)};
            if (apply(fault, shape, adverse.message)) {
                cases.push_back(std::move(adverse));
            }
        }
    }
    return cases;
}

// splitmix64: small, and the same everywhere, which the distributions of <random> are not.
std::uint64_t RandomMessages::random() noexcept {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebU;
    return mixed ^ (mixed >> 31);
}

std::uint32_t RandomMessages::random_flags() {
    return one_in(4) ? static_cast<std::uint32_t>(random())
                     : version_1 | (static_cast<std::uint32_t>(random()) & (reply_flag | need_reply_flag));
}

Bytes RandomMessages::random_bytes(std::size_t size) {
    Bytes bytes(size);
    for (std::size_t offset = 0; offset < size; offset += sizeof(std::uint64_t)) {
        std::uint64_t eight = random();
        for (std::size_t i = offset; i < std::min(size, offset + sizeof(eight)); ++i, eight >>= 8) {
            bytes[i] = static_cast<std::byte>(eight & 0xff);
        }
    }
    return bytes;
}

Message RandomMessages::next(Channel channel, Side sender) {
    Message message{.channel = channel, .sender = sender, .header = {}, .payload = {}};
    std::size_t size = one_in(8) ? below(limits_.payload + 1) : below(std::min<std::size_t>(limits_.payload, 80) + 1);
    message.header.request = static_cast<std::uint32_t>(one_in(4) ? random() : below(64));
    if (one_in(2)) {
        const RequestInfo& info = protocol::requests()[below(protocol::requests().size())];
        message.header.request = info.code;
        size = std::min<std::size_t>(limits_.payload, info.size_min);
    }
    message.header.flags = random_flags();
    message.payload = random_bytes(size);
    const bool honest = limits_.honest_size || !one_in(4);
    message.header.size = honest ? static_cast<std::uint32_t>(size) : static_cast<std::uint32_t>(random());
    message.descriptors =
        one_in(2) ? 0 : below((one_in(8) ? limits_.descriptors : std::min<std::size_t>(limits_.descriptors, 2)) + 1);
    return message;
}

}  // namespace vutrace::protocol::sample
