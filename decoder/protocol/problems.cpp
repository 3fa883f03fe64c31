#include "message_view.h"

#include <vutrace/base/count_text.h>
#include <vutrace/protocol/fields.h>
#include <vutrace/protocol/other_meanings.h>
#include <vutrace/protocol/payloads.h>

#include <fmt/format.h>

namespace vutrace::protocol {
namespace {

using Problems = std::vector<Problem>;

void check_flags(Channel channel, const Header& header, bool reply, Problems& problems) {
    // The gpu socket knows no version and no NEED_REPLY: its senders write 0 where others write 1.
    const bool gpu = channel == Channel::gpu;
    if (header.version() != version_1 && !(gpu && header.version() == 0)) {
        problems.push_back(
            {ProblemKind::version, fmt::format("version is {}, expected {}", header.version(), version_1)});
    }
    const std::uint32_t reserved = header.flags & ~(gpu ? known_flags & ~need_reply_flag : known_flags);
    if (reserved != 0) {
        problems.push_back({ProblemKind::reserved_flags, fmt::format("reserved flags 0x{:x} are set", reserved)});
    }
    if (header.is_reply() && !reply) {
        problems.push_back({ProblemKind::reply_flags, "REPLY is set in a request"});
    }
    if (!header.is_reply() && reply) {
        problems.push_back({ProblemKind::reply_flags, "REPLY is not set in a reply"});
    }
    if (header.needs_reply() && reply && !gpu) {
        problems.push_back({ProblemKind::reply_flags, "NEED_REPLY is set in a reply"});
    }
}

std::string range_text(std::uint64_t min, std::uint64_t max) {
    if (min == max) {
        return fmt::format("{}", min);
    }
    return max == no_limit ? fmt::format("at least {}", min) : fmt::format("{} to {}", min, max);
}

void check_size(std::string_view name, const MessageShape& shape, std::uint64_t size, const PayloadContext& context,
                Problems& problems) {
    if (!shape.sizes.holds(size)) {
        problems.push_back(
            {ProblemKind::payload_size, fmt::format("payload has {}, {} takes {}", count_text(size, "byte"), name,
                                                    range_text(shape.sizes.min, shape.sizes.max))});
        return;
    }
    if (size == 0) {
        return;
    }
    const PayloadLayout& layout = layout_by_size(shape.payload, size);
    if (size < layout.size_min || size > layout.size_max || !whole_elements(layout, size, context)) {
        problems.push_back({ProblemKind::payload_size,
                            fmt::format("payload has {}, which no layout of {} has", count_text(size, "byte"), name)});
    }
}

void check_descriptors(std::string_view name, const MessageShape& shape, std::uint64_t size, std::size_t descriptors,
                       const PayloadContext& context, Problems& problems) {
    if (descriptors < shape.descriptors_min || descriptors > shape.descriptors_max) {
        problems.push_back(
            {ProblemKind::descriptors, fmt::format("{}, {} takes {}", count_text(descriptors, "descriptor"), name,
                                                   range_text(shape.descriptors_min, shape.descriptors_max))});
        return;
    }
    const PayloadLayout& layout = layout_by_size(shape.payload, size);
    if (shape.payload != PayloadKind::memory_regions || size <= layout.fixed_size) {
        return;
    }
    const std::uint64_t regions = (size - layout.fixed_size) / element_size(layout.tail, context);
    if (regions != descriptors) {
        problems.push_back({ProblemKind::descriptors, fmt::format("{} for {}", count_text(descriptors, "descriptor"),
                                                                  count_text(regions, "memory region"))});
    }
}

MessageShape shape_of_message(const RequestInfo& info, const Header& header, bool reply, std::uint64_t size,
                              const PayloadContext& context) {
    return is_postcopy_acknowledgement(info.channel, header, reply, size, context) ? postcopy_acknowledgement
                                                                                   : shape_of(info, reply);
}

// A payload whose bit 8 says "no descriptor" carries none, any other one: eventfds of vrings, notifier pages and the
// reply to SET_DEVICE_STATE_FD.
void check_no_descriptor_bit(PayloadKind kind, ByteView payload, std::size_t descriptors, Problems& problems) {
    const bool has_bit = kind == PayloadKind::vring_descriptor || kind == PayloadKind::vring_area ||
                         kind == PayloadKind::device_state_reply;
    const auto value = parse_vring_descriptor(payload);
    if (!has_bit || !value) {
        return;
    }
    // A failed transfer has no descriptor, whatever the bit says.
    const bool failed = kind == PayloadKind::device_state_reply && value->queue() != 0;
    if (value->no_descriptor() && descriptors != 0) {
        problems.push_back({ProblemKind::no_descriptor_bit,
                            fmt::format("bit 8 says that no descriptor comes along, {} came", descriptors)});
    }
    if (!value->no_descriptor() && descriptors == 0 && !failed) {
        problems.push_back({ProblemKind::no_descriptor_bit, "bit 8 is clear: a descriptor comes along, none came"});
    }
}

}  // namespace

std::vector<Problem> find_problems(Channel channel, Side sender, const Header& header, std::uint64_t payload_size,
                                   std::size_t descriptors, const PayloadContext& context) {
    Problems problems;
    const bool reply = is_reply(channel, sender);
    check_flags(channel, header, reply, problems);
    if (header.size != payload_size) {
        problems.push_back({ProblemKind::cut_off, fmt::format("header announces {} of payload, {} came",
                                                              count_text(header.size, "byte"), payload_size)});
    }
    const RequestInfo* info = find_request(channel, header.request);
    if (info == nullptr) {
        const std::string_view other = other_meaning_of_request(channel, header.request);
        problems.push_back(
            {ProblemKind::unknown_request, fmt::format("no request {} is known on this channel{}{}", header.request,
                                                       other.empty() ? "" : "; it is ", other)});
        return problems;
    }
    if (reply && info->reply == ReplyRule::never) {
        problems.push_back({ProblemKind::no_reply, fmt::format("{} has no reply", info->name)});
        return problems;
    }
    const MessageShape shape = shape_of_message(*info, header, reply, payload_size, context);
    check_size(info->name, shape, payload_size, context, problems);
    check_descriptors(info->name, shape, payload_size, descriptors, context, problems);
    return problems;
}

std::vector<Problem> find_problems(Channel channel, Side sender, const Header& header, ByteView payload,
                                   std::size_t descriptors, const PayloadContext& context) {
    Problems problems = find_problems(channel, sender, header, payload.size(), descriptors, context);
    if (const RequestInfo* info = find_request(channel, header.request)) {
        const PayloadKind kind = shape_of(*info, is_reply(channel, sender)).payload;
        check_no_descriptor_bit(kind, payload, descriptors, problems);
    }
    return problems;
}

}  // namespace vutrace::protocol
