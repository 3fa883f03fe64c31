#include "requests.h"
#include "shared_areas.h"
#include "text_parts.h"

#include <vutrace/base/count_text.h>
#include <vutrace/render/phrases.h>
#include <vutrace/render/row.h>
#include <vutrace/render/text.h>

#include <fmt/format.h>

#include <algorithm>
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

std::string message_name(const explain::MessageAnnotation& message) {
    std::string name = message.header && message.header->is_reply() ? "↳ " : "";
    name += message.request;
    if (message.header && message.info == nullptr) {
        name += fmt::format(" {}", message.header->request);
    }
    return name;
}

// A line says all that there is, a cell of a table what has no column of its own.
enum class Place : std::uint8_t { line, cell };

void append_message(std::string& out, const Style& style, const trace::MessageRecord& record,
                    const explain::Annotation& annotation, Place place) {
    const explain::MessageAnnotation& message = annotation.message;
    if (place == Place::line) {
        std::string name = message_name(message);
        if (record.channel != Channel::front_end) {
            name += fmt::format(" [{}]", record.channel == Channel::gpu ? "gpu" : "back-end channel");
        }
        style.append(out, Tone::name, fmt::format("{:<25}", name));
    }
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
    if (place == Place::line) {
        append_latency(out, style, message.latency);
    }
    append_problems(out, style, message.problems);
}

void append_chain(std::string& out, const Style& style, const trace::ChainRecord& record, std::size_t index,
                  const explain::Annotation& annotation, Place place) {
    const trace::ChainEntry& entry = record.entries[index];
    const explain::EntryAnnotation& known = annotation.entries[index];
    const bool used = entry.state == trace::ChainEntry::State::used;
    if (place == Place::line) {
        fmt::format_to(end_of(out), "queue {:<3} {} {:<5} ", record.queue, known.packed ? "id  " : "head", entry.head);
        style.append(out, used ? Tone::good : Tone::strong, fmt::format("{:<9}", trace::name_of(entry.state)));
    } else {
        fmt::format_to(end_of(out), "{} {}", known.packed ? "id" : "head", entry.head);
    }
    if (known.request) {
        out += "  ";
        append_request(out, style, *known.request);
    } else if (known.descriptors_known) {
        if (!known.role.name.empty()) {
            fmt::format_to(end_of(out), "  {}", known.role.name);
        }
        fmt::format_to(end_of(out), "  {}: {} readable, {} writable", count_text(known.buffers.size(), "buffer"),
                       known.readable_total, known.writable_total);
    } else {
        style.append(out, Tone::doubtful,
                     used ? "  no such chain is open, as far as was seen" : "  no descriptors known");
    }
    if (used) {
        fmt::format_to(end_of(out), "  wrote {}", entry.used_length);
    }
    if (place == Place::line) {
        append_latency(out, style, known.latency);
    }
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

void append_session(std::string& out, const Style& style, const trace::SessionRecord& record, Place place) {
    if (place == Place::line) {
        style.append(out, Tone::strong, fmt::format("session {}", trace::name_of(record.kind)));
    }
    for (const auto& [key, value] : record.attributes) {
        if (record.kind != trace::SessionRecord::Kind::opened || is_headline(key)) {
            fmt::format_to(end_of(out), "  {}={}", printable(key), printable(value, 120));
        }
    }
}

void append_event(std::string& out, const Style& style, const trace::EventRecord& record, Place place) {
    const bool error = record.kind == trace::EventRecord::Kind::err;
    if (place == Place::cell) {
        style.append(out, error ? Tone::bad : Tone::plain, record.count == 1 ? "" : fmt::format("×{}", record.count));
        return;
    }
    if (record.queue != trace::no_queue) {
        fmt::format_to(end_of(out), "queue {:<3} ", record.queue);
    }
    style.append(out, error ? Tone::bad : Tone::strong, trace::name_of(record.kind));
    if (record.count != 1) {
        fmt::format_to(end_of(out), " ×{}", record.count);
    }
}

void append_memory(std::string& out, const Style& style, const trace::MemoryRecord& record,
                   const explain::SharedAreaAnnotation& area, Place place) {
    if (place == Place::line) {
        style.append(out, Tone::faint, "memory ");
    }
    fmt::format_to(end_of(out), "{} 0x{:x} +{}", trace::name_of(record.part), record.address,
                   size_text(record.content.size()));
    if (place == Place::line && record.queue != trace::no_queue) {
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

void append_gap(std::string& out, const Style& style, const trace::GapRecord& record, Place place) {
    std::string text = place == Place::line ? "gap" : "";
    if (place == Place::line && record.queue != trace::no_queue) {
        text += fmt::format(" in queue {}", record.queue);
    }
    std::string separator = place == Place::line ? ": lost " : "lost ";
    separator += record.at_least ? "at least " : "";
    const auto add = [&](std::uint64_t count, std::string_view noun) {
        if (count != 0) {
            text += separator + count_text(count, noun);
            separator = ", ";
        }
    };
    add(record.chains, "chain");
    add(record.records, "record");
    add(record.bytes, "byte");
    text += (text.empty() ? "" : ": ") + printable(record.reason);
    style.append(out, Tone::doubtful, text);
}

std::string_view note_name(const trace::NoteRecord& record) {
    return record.severity == trace::NoteRecord::Severity::info ? "note" : trace::name_of(record.severity);
}

void append_note(std::string& out, const Style& style, const trace::NoteRecord& record, Place place) {
    const Tone tone = record.severity == trace::NoteRecord::Severity::error     ? Tone::bad
                      : record.severity == trace::NoteRecord::Severity::warning ? Tone::doubtful
                                                                                : Tone::plain;
    if (place == Place::cell) {
        style.append(out, tone, printable(record.text));
        return;
    }
    std::string text(note_name(record));
    if (record.queue != trace::no_queue) {
        text += fmt::format(" on queue {}", record.queue);
    }
    style.append(out, tone, text + ": " + printable(record.text));
}

void append_what(std::string& out, const Style& style, const explain::Annotation& annotation, std::size_t entry,
                 Place place) {
    const trace::RecordBody& body = annotation.record->body;
    if (const auto* chain = std::get_if<trace::ChainRecord>(&body)) {
        append_chain(out, style, *chain, entry, annotation, place);
    } else if (const auto* message = std::get_if<trace::MessageRecord>(&body)) {
        append_message(out, style, *message, annotation, place);
    } else if (const auto* session = std::get_if<trace::SessionRecord>(&body)) {
        append_session(out, style, *session, place);
    } else if (const auto* event = std::get_if<trace::EventRecord>(&body)) {
        append_event(out, style, *event, place);
    } else if (const auto* memory = std::get_if<trace::MemoryRecord>(&body)) {
        append_memory(out, style, *memory, annotation.area, place);
    } else if (const auto* gap = std::get_if<trace::GapRecord>(&body)) {
        append_gap(out, style, *gap, place);
    } else if (const auto* note = std::get_if<trace::NoteRecord>(&body)) {
        append_note(out, style, *note, place);
    }
}

std::string_view sender_of(const trace::RecordBody& body, std::size_t entry) {
    if (const auto* message = std::get_if<trace::MessageRecord>(&body)) {
        return name_of(message->sender);
    }
    if (const auto* chain = std::get_if<trace::ChainRecord>(&body)) {
        return chain->entries[entry].state == trace::ChainEntry::State::used ? "device" : "driver";
    }
    if (const auto* event = std::get_if<trace::EventRecord>(&body)) {
        return event->kind == trace::EventRecord::Kind::kick   ? "driver"
               : event->kind == trace::EventRecord::Kind::call ? "device"
                                                               : "back-end";
    }
    return {};
}

std::string name_in_row(const explain::Annotation& annotation, std::size_t entry) {
    const trace::RecordBody& body = annotation.record->body;
    if (std::holds_alternative<trace::MessageRecord>(body)) {
        return message_name(annotation.message);
    }
    if (const auto* chain = std::get_if<trace::ChainRecord>(&body)) {
        return trace::name_of(chain->entries[entry].state);
    }
    if (const auto* event = std::get_if<trace::EventRecord>(&body)) {
        return trace::name_of(event->kind);
    }
    if (const auto* session = std::get_if<trace::SessionRecord>(&body)) {
        return fmt::format("session {}", trace::name_of(session->kind));
    }
    if (const auto* note = std::get_if<trace::NoteRecord>(&body)) {
        return std::string(note_name(*note));
    }
    return trace::name_of(trace::type_of(body));
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

Row row_of(const explain::Annotation& annotation, std::size_t entry) {
    const trace::Record& record = *annotation.record;
    Row row;
    row.sequence = record.sequence + entry;
    row.time = trace::time_of(record, entry);
    row.session = record.session;
    row.type = trace::type_of(record.body);
    row.sender = sender_of(record.body, entry);
    row.queue = annotation.queue;
    row.name = name_in_row(annotation, entry);
    append_what(row.summary, Style(false, &row.trouble), annotation, entry, Place::cell);
    row.summary.erase(0, std::min(row.summary.find_first_not_of(' '), row.summary.size()));
    if (const auto* message = std::get_if<trace::MessageRecord>(&record.body)) {
        row.channel = name_of(message->channel);
        row.latency = annotation.message.latency;
        row.partner = annotation.message.answers;
        row.answers = !annotation.message.asks;
    } else if (entry < annotation.entries.size()) {
        row.latency = annotation.entries[entry].latency;
        row.partner = annotation.entries[entry].context.available_sequence;
        row.answers = row.sender == "device";
    }
    return row;
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
    append_what(out, style_, annotation, entry, Place::line);
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
