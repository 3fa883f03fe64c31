#include "requests.h"
#include "shared_areas.h"
#include "text_parts.h"

#include <vutrace/render/phrases.h>
#include <vutrace/render/text.h>

#include <fmt/format.h>

#include <iterator>

namespace vutrace::render {
namespace {

constexpr std::string_view to_back_end = "front-end → back-end";
constexpr std::string_view to_front_end = "front-end ← back-end";
constexpr std::string_view to_device = "driver → device     ";
constexpr std::string_view to_driver = "driver ← device     ";
constexpr std::string_view nobody = "                    ";
constexpr std::size_t shown_bytes = 16;  // of an opaque field, on a line

auto end_of(std::string& out) {
    return std::back_inserter(out);
}

std::string_view direction_of(const explain::Annotation& annotation, std::size_t entry) {
    const trace::RecordBody& body = annotation.record->body;
    if (const auto* message = std::get_if<trace::MessageRecord>(&body)) {
        return message->sender == Side::front_end ? to_back_end : to_front_end;
    }
    if (const auto* chain = std::get_if<trace::ChainRecord>(&body)) {
        return chain->entries[entry].state == trace::ChainEntry::State::used ? to_driver : to_device;
    }
    if (const auto* event = std::get_if<trace::EventRecord>(&body)) {
        return event->kind == trace::EventRecord::Kind::kick   ? to_device
               : event->kind == trace::EventRecord::Kind::call ? to_driver
                                                               : to_front_end;
    }
    return nobody;
}

void append_fields(std::string& out, const std::vector<protocol::Field>& fields) {
    // A payload of one value needs no name.
    if (fields.size() == 1 && fields.front().format != protocol::FieldFormat::group) {
        out += ' ';
        append_field_value(out, fields.front());
        return;
    }
    for (const protocol::Field& field : fields) {
        if (field.number == 0 && (field.name == "padding" || field.name == "no_descriptor")) {
            continue;  // says nothing
        }
        fmt::format_to(end_of(out), " {}=", field.name);
        append_field_value(out, field);
    }
}

void append_descriptors(std::string& out, const Style& style, const std::vector<trace::Descriptor>& descriptors) {
    if (descriptors.empty()) {
        return;
    }
    std::string text = "  fd:";
    for (const trace::Descriptor& descriptor : descriptors) {
        text += ' ';
        text += name_of(descriptor.description.kind);
        if (descriptor.description.size != 0) {
            text += '(' + size_text(descriptor.description.size) + ')';
        }
    }
    style.append(out, Tone::good, text);
}

void append_problems(std::string& out, const Style& style, const std::vector<protocol::Problem>& problems) {
    for (const protocol::Problem& problem : problems) {
        out += "  ";
        style.append(out, Tone::bad, "!! " + printable(problem.text));
    }
}

void append_latency(std::string& out, const Style& style, const std::optional<std::int64_t>& latency) {
    if (latency) {
        out += "  ";
        style.append(out, Tone::faint, '(' + duration_text(*latency) + ')');
    }
}

void append_message(std::string& out, const Style& style, const trace::MessageRecord& record,
                    const explain::Annotation& annotation) {
    const explain::MessageAnnotation& message = annotation.message;
    std::string name = message.header && message.header->is_reply() ? "↳ " : "";
    name += message.request;
    if (message.header && message.info == nullptr) {
        name += fmt::format(" {}", message.header->request);
    }
    if (record.channel != Channel::front_end) {
        name += fmt::format(" [{}]", record.channel == Channel::gpu ? "gpu" : "back-end channel");
    }
    style.append(out, Tone::name, fmt::format("{:<25}", name));
    if (record.offset != 0) {
        fmt::format_to(end_of(out), "  … bytes {}-{} of the message", record.offset,
                       record.offset + record.bytes.size());
    } else if (!message.fields.empty()) {
        out += ' ';
        append_fields(out, message.fields);
    } else if (!message.payload.empty()) {
        fmt::format_to(end_of(out), "  {}", count_text(message.payload.size(), "byte"));
    }
    if (message.header && message.header->needs_reply()) {
        style.append(out, Tone::faint, "  need-reply");
    }
    append_descriptors(out, style, record.descriptors);
    append_latency(out, style, message.latency);
    append_problems(out, style, message.problems);
}

void append_chain(std::string& out, const Style& style, const trace::ChainRecord& record, std::size_t index,
                  const explain::Annotation& annotation) {
    const trace::ChainEntry& entry = record.entries[index];
    const explain::EntryAnnotation& known = annotation.entries[index];
    const bool used = entry.state == trace::ChainEntry::State::used;
    fmt::format_to(end_of(out), "queue {:<3} {} {:<5} ", record.queue, known.packed ? "id  " : "head", entry.head);
    style.append(out, used ? Tone::good : Tone::strong, fmt::format("{:<9}", trace::name_of(entry.state)));
    if (known.request) {
        out += "  ";
        append_request(out, style, *known.request);
    } else if (known.descriptors_known) {
        if (!known.role.name.empty()) {
            fmt::format_to(end_of(out), "  {}", known.role.name);
        }
        fmt::format_to(end_of(out), "  {} buffers: {} readable, {} writable", known.buffers.size(),
                       known.readable_total, known.writable_total);
    } else {
        style.append(out, Tone::doubtful, used ? "  made available before the trace saw it" : "  no descriptors known");
    }
    if (used) {
        fmt::format_to(end_of(out), "  wrote {}", entry.used_length);
    }
    append_latency(out, style, known.latency);
    if (entry.proof != trace::Proof::verified) {
        out += "  ";
        style.append(out, Tone::doubtful, fmt::format("[{}]", trace::name_of(entry.proof)));
    }
    if (used && known.descriptors_known && known.context.proof != trace::Proof::verified) {
        out += "  ";
        style.append(out, Tone::doubtful, fmt::format("[request {}]", trace::name_of(known.context.proof)));
    }
    if (entry.problem != 0) {
        out += "  ";
        style.append(out, Tone::bad,
                     fmt::format("!! {}", virtio::name_of(static_cast<virtio::ChainProblem>(entry.problem))));
    }
}

// Of what is known of a new session, what identifies it: the command lines alone would fill a screen.
bool is_headline(std::string_view key) {
    return key == "front-end.endpoint" || key == "back-end.endpoint" || key == "datapath" || key == "memory";
}

void append_session(std::string& out, const Style& style, const trace::SessionRecord& record) {
    style.append(out, Tone::strong, fmt::format("session {}", trace::name_of(record.kind)));
    for (const auto& [key, value] : record.attributes) {
        if (record.kind != trace::SessionRecord::Kind::opened || is_headline(key)) {
            fmt::format_to(end_of(out), "  {}={}", printable(key), printable(value, 120));
        }
    }
}

void append_event(std::string& out, const Style& style, const trace::EventRecord& record) {
    if (record.queue != trace::no_queue) {
        fmt::format_to(end_of(out), "queue {:<3} ", record.queue);
    }
    style.append(out, record.kind == trace::EventRecord::Kind::err ? Tone::bad : Tone::strong,
                 trace::name_of(record.kind));
    if (record.count != 1) {
        fmt::format_to(end_of(out), " ×{}", record.count);
    }
}

void append_memory(std::string& out, const Style& style, const trace::MemoryRecord& record,
                   const explain::SharedAreaAnnotation& area) {
    style.append(out, Tone::faint, "memory");
    fmt::format_to(end_of(out), " {} 0x{:x} +{}", trace::name_of(record.part), record.address,
                   size_text(record.content.size()));
    if (record.queue != trace::no_queue) {
        fmt::format_to(end_of(out), "  queue {}", record.queue);
    }
    if (record.content.missing() != 0) {
        style.append(out, Tone::doubtful, fmt::format("  {} missing", size_text(record.content.missing())));
    }
    if (record.proof != trace::Proof::verified) {
        style.append(out, Tone::doubtful, fmt::format("  [{}]", trace::name_of(record.proof)));
    }
    if (const std::string text = shared_area_text(area); !text.empty()) {
        fmt::format_to(end_of(out), "  {}", text);
    }
}

void append_gap(std::string& out, const Style& style, const trace::GapRecord& record) {
    std::string text = "gap";
    if (record.queue != trace::no_queue) {
        text += fmt::format(" in queue {}", record.queue);
    }
    const char* separator = record.at_least ? ": lost at least " : ": lost ";
    const auto add = [&](std::uint64_t count, std::string_view noun) {
        if (count != 0) {
            text += separator + count_text(count, noun);
            separator = ", ";
        }
    };
    add(record.chains, "chain");
    add(record.records, "record");
    add(record.bytes, "byte");
    text += ": " + printable(record.reason);
    style.append(out, Tone::doubtful, text);
}

void append_note(std::string& out, const Style& style, const trace::NoteRecord& record) {
    const Tone tone = record.severity == trace::NoteRecord::Severity::error     ? Tone::bad
                      : record.severity == trace::NoteRecord::Severity::warning ? Tone::doubtful
                                                                                : Tone::plain;
    std::string text = record.severity == trace::NoteRecord::Severity::info
                           ? std::string("note")
                           : std::string(trace::name_of(record.severity));
    if (record.queue != trace::no_queue) {
        text += fmt::format(" on queue {}", record.queue);
    }
    style.append(out, tone, text + ": " + printable(record.text));
}

void append_what(std::string& out, const Style& style, const explain::Annotation& annotation, std::size_t entry) {
    const trace::RecordBody& body = annotation.record->body;
    if (const auto* chain = std::get_if<trace::ChainRecord>(&body)) {
        append_chain(out, style, *chain, entry, annotation);
    } else if (const auto* message = std::get_if<trace::MessageRecord>(&body)) {
        append_message(out, style, *message, annotation);
    } else if (const auto* session = std::get_if<trace::SessionRecord>(&body)) {
        append_session(out, style, *session);
    } else if (const auto* event = std::get_if<trace::EventRecord>(&body)) {
        append_event(out, style, *event);
    } else if (const auto* memory = std::get_if<trace::MemoryRecord>(&body)) {
        append_memory(out, style, *memory, annotation.area);
    } else if (const auto* gap = std::get_if<trace::GapRecord>(&body)) {
        append_gap(out, style, *gap);
    } else if (const auto* note = std::get_if<trace::NoteRecord>(&body)) {
        append_note(out, style, *note);
    }
}

}  // namespace

void append_field_value(std::string& out, const protocol::Field& field) {
    switch (field.format) {
        case protocol::FieldFormat::number:
            fmt::format_to(end_of(out), "{}", field.number);
            break;
        case protocol::FieldFormat::address:
        case protocol::FieldFormat::features:
        case protocol::FieldFormat::protocol_features:
            fmt::format_to(end_of(out), "0x{:x}", field.number);
            break;
        case protocol::FieldFormat::bytes:
            out += std::string_view(field.text).substr(0, 2 * shown_bytes);
            if (field.text.size() > 2 * shown_bytes) {
                fmt::format_to(end_of(out), "… ({})", count_text(field.text.size() / 2, "byte"));
            }
            return;
        case protocol::FieldFormat::text:
            out += printable(field.text, 64);
            return;
        case protocol::FieldFormat::group: {
            out += '{';
            const char* separator = "";
            for (const protocol::Field& child : field.children) {
                out += separator;
                if (!child.name.empty()) {
                    fmt::format_to(end_of(out), "{}=", child.name);
                }
                append_field_value(out, child);
                separator = " ";
            }
            out += '}';
            return;
        }
    }
    if (!field.text.empty()) {
        fmt::format_to(end_of(out), " ({})", printable(field.text, 64));
    }
}

void TextRenderer::append_prefix(std::string& out, const explain::Annotation& annotation, std::size_t entry) {
    const trace::Record& record = *annotation.record;
    const std::int64_t time = trace::time_of(record, entry);
    if (!start_) {
        start_ = time;
    }
    std::string shown;
    switch (options_.time) {
        case TimeFormat::relative:
            shown = seconds_text(explain::elapsed(*start_, time));
            break;
        case TimeFormat::absolute:
            shown = absolute_time_text(time);
            break;
        case TimeFormat::delta:
            shown = seconds_text(explain::elapsed(previous_.value_or(time), time));
            break;
    }
    previous_ = time;
    fmt::format_to(end_of(out), "{:>6}  ", record.sequence + entry);
    style_.append(out, Tone::faint, fmt::format("{:>14}", shown));
    fmt::format_to(end_of(out), "  {:<4}", record.session == 0 ? "-" : fmt::format("#{}", record.session));
    style_.append(out, Tone::faint, direction_of(annotation, entry));
    out += "  ";
}

void TextRenderer::append(std::string& out, const explain::Annotation& annotation, std::size_t entry) {
    append_prefix(out, annotation, entry);
    append_what(out, style_, annotation, entry);
    while (out.back() == ' ') {
        out.pop_back();
    }
    out += '\n';
    if (options_.verbose) {
        append_details(out, style_, annotation, entry);
    }
    if (options_.raw) {
        append_raw(out, style_, annotation, entry);
    } else if (options_.verbose) {
        append_unknown_request(out, style_, annotation, entry);
    }
}

}  // namespace vutrace::render
