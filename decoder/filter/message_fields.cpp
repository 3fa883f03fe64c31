// The fields of messages, but for what their payloads hold.
#include "getters.h"

#include <vutrace/protocol/other_meanings.h>
#include <vutrace/protocol/requests.h>

#include <algorithm>

namespace vutrace::filter {
namespace {

// Only where the message's header is known.
template <class Give>
constexpr FieldRow::Getter header_number(Give) {
    return [](const Subject& subject, const FieldRow&, Probe& probe) noexcept {
        if (known_message(subject).header) {
            probe.number(Give{}(*known_message(subject).header));
        }
    };
}
// Each descriptor that came with a message, until the outcome is known.
template <class Give>
constexpr FieldRow::Getter each_descriptor(Give) {
    return [](const Subject& subject, const FieldRow&, Probe& probe) noexcept {
        (void)std::any_of(message(subject).descriptors.begin(), message(subject).descriptors.end(),
                          [&](const trace::Descriptor& descriptor) { return Give{}(descriptor, probe); });
    };
}
// Of a message its name; of a chain what the device's decoder made of it, which has parts.
void get_request(const Subject& subject, const FieldRow&, Probe& probe) noexcept {
    if (is_chain(subject)) {
        if (known_chain(subject).request) {
            (void)probe.element();
        }
        return;
    }
    const protocol::RequestInfo* info = known_message(subject).info;
    const auto rows = protocol::requests();
    probe.number(info == nullptr ? rows.size() : static_cast<std::uint64_t>(info - rows.data()));
}

void get_raw(const Subject& subject, const FieldRow&, Probe& probe) noexcept {
    const explain::MessageAnnotation& known = known_message(subject);
    if (!known.parsed && !known.payload.empty() && message(subject).offset == 0) {
        probe.bytes(known.payload);
    }
}

std::vector<FieldRow> descriptor_rows() {
    using T = FieldType;
    using D = const trace::Descriptor&;
    FieldRow seals = list(row("fds.seals", T::names, message_kind, each_descriptor([](D d, Probe& probe) {
                                  return d.description.seals != 0 && probe.mask(d.description.seals);
                              }),
                              "seals of a memfd"));
    seals.mask_names = MaskNames::seals;
    return {
        list(row("fds", T::group, message_kind, each_descriptor([](D, Probe& probe) { return probe.element(); }),
                 "descriptors that came along")),
        list(named("fds.kind", message_kind,
                   each_descriptor([](D d, Probe& probe) { return probe.number(as_number(d.description.kind)); }),
                   descriptor_kind_names(), "what a descriptor is")),
        list(row("fds.id", T::number, message_kind,
                 each_descriptor([](D d, Probe& probe) { return probe.number(d.id); }),
                 "number of a descriptor in its session")),
        list(row("fds.inode", T::number, message_kind,
                 each_descriptor([](D d, Probe& probe) { return probe.number(d.description.inode); }), "st_ino")),
        list(row("fds.device", T::number, message_kind,
                 each_descriptor([](D d, Probe& probe) { return probe.number(d.description.device); }), "st_dev")),
        list(row("fds.size", T::number, message_kind,
                 each_descriptor([](D d, Probe& probe) { return probe.number(d.description.size); }),
                 "bytes of the file")),
        std::move(seals),
    };
}

}  // namespace

std::vector<FieldRow> message_rows() {
    using T = FieldType;
    using H = const protocol::Header&;
    std::vector<FieldRow> rows{
        named("channel", message_kind, number_of([](S s) { return as_number(message(s).channel); }), channel_names(),
              "socket it went over"),
        named("sender", message_kind, number_of([](S s) { return as_number(message(s).sender); }), side_names(),
              "who sent it"),
        row("code", T::number, message_kind, header_number([](H h) { return h.request; }), "request number"),
        named("request", message_kind | chain_kind, get_request, request_names(),
              "request of a message; has parts in a chain"),
        row(
            "elsewhere", T::text, message_kind,
            [](S s, const FieldRow&, Probe& probe) noexcept {
                const auto& header = known_message(s).header;
                const auto other = header ? protocol::other_meaning_of_request(message(s).channel, header->request)
                                          : std::string_view();
                if (!other.empty()) {
                    probe.text(other);
                }
            },
            "what the request's number means in other projects, where it does"),
        row("version", T::number, message_kind, header_number([](H h) { return h.version(); }),
            "version in the header's flags"),
        row("reply", T::boolean, message_kind, header_number([](H h) { return h.is_reply() ? 1U : 0U; }),
            "is a reply by its flags"),
        row("need_reply", T::boolean, message_kind, header_number([](H h) { return h.needs_reply() ? 1U : 0U; }),
            "asks for an acknowledgement"),
        row("size", T::number, message_kind, header_number([](H h) { return h.size; }),
            "payload bytes that the header announces"),
        row(
            "offset", T::number, message_kind,
            [](S s, const FieldRow&, Probe& probe) noexcept {
                if (message(s).offset != 0) {
                    probe.number(message(s).offset);
                }
            },
            "where a later piece of a long message begins"),
        row(
            "answers", T::number, message_kind,
            [](S s, const FieldRow&, Probe& probe) noexcept {
                if (known_message(s).answers != 0) {
                    probe.number(known_message(s).answers);
                }
            },
            "seq of the request that a reply answers"),
        row("raw", T::bytes, message_kind, get_raw, "payload that could not be parsed"),
    };
    append(rows, descriptor_rows());
    return rows;
}

}  // namespace vutrace::filter
