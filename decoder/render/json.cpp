#include "json_writer.h"
#include "requests.h"
#include "shared_areas.h"

#include <vutrace/protocol/features.h>
#include <vutrace/protocol/other_meanings.h>
#include <vutrace/render/json.h>
#include <vutrace/virtio/packed_ring.h>

#include <algorithm>

namespace vutrace::render {
namespace {

using protocol::Field;
using protocol::FieldFormat;

void write_strings(JsonWriter& json, const std::vector<std::string>& strings) {
    json.begin_array();
    for (const std::string& string : strings) {
        json.text(string);
    }
    json.end_array();
}

void write_content(JsonWriter& json, const trace::Content& content) {
    json.begin_array();
    std::size_t at = 0;
    for (const trace::Run& run : content.runs()) {
        json.begin_object();
        if (run.kind == trace::RunKind::literal) {
            const auto length = static_cast<std::size_t>(run.length);
            json.key("bytes").bytes(content.literal().subspan(at, length));
            at += length;
        } else {
            json.key(run.kind == trace::RunKind::zeros ? "zeros" : "missing").number(run.length);
        }
        json.end_object();
    }
    json.end_array();
}

void write_fields(JsonWriter& json, const std::vector<Field>& fields, std::uint32_t device);
void write_value(JsonWriter& json, const Field& field, std::uint32_t device);

void write_group(JsonWriter& json, const Field& field, std::uint32_t device) {
    const bool is_list = std::all_of(field.children.begin(), field.children.end(),
                                     [](const Field& child) { return child.name.empty(); });
    if (!is_list) {
        write_fields(json, field.children, device);
        return;
    }
    json.begin_array();
    for (const Field& child : field.children) {
        write_value(json, child, device);
    }
    json.end_array();
}

// Besides the value: its names or its meaning, in a field of their own so that the value's type stays the same.
void write_meaning(JsonWriter& json, const Field& field, std::uint32_t device) {
    std::string name(field.name);
    if (field.format == FieldFormat::features) {
        json.foreign_key(name + "_names");
        write_strings(json, protocol::feature_names(field.number, device));
    } else if (field.format == FieldFormat::protocol_features) {
        json.foreign_key(name + "_names");
        write_strings(json, protocol::protocol_feature_names(field.number));
    } else if (!field.text.empty() && (field.format == FieldFormat::number || field.format == FieldFormat::address)) {
        json.foreign_key(name + "_meaning").text(field.text);
    }
}

void write_value(JsonWriter& json, const Field& field, std::uint32_t device) {
    switch (field.format) {
        case FieldFormat::number:
            json.number(field.number);
            return;
        case FieldFormat::address:
        case FieldFormat::features:
        case FieldFormat::protocol_features:
            json.hex(field.number);
            return;
        case FieldFormat::bytes:
        case FieldFormat::text:
            json.text(field.text);
            return;
        case FieldFormat::group:
            write_group(json, field, device);
            return;
    }
}

void write_fields(JsonWriter& json, const std::vector<Field>& fields, std::uint32_t device) {
    json.begin_object();
    for (const Field& field : fields) {
        json.key(field.name);
        write_value(json, field, device);
        write_meaning(json, field, device);
    }
    json.end_object();
}

void write_descriptors(JsonWriter& json, const std::vector<trace::Descriptor>& descriptors) {
    json.key("fds").begin_array();
    for (const trace::Descriptor& descriptor : descriptors) {
        const DescriptorDescription& what = descriptor.description;
        json.begin_object();
        json.key("kind").text(name_of(what.kind));
        json.key("id").number(descriptor.id);
        json.key("inode").number(what.inode);
        json.key("device").number(what.device);
        json.key("size").number(what.size);
        if (what.seals != 0) {
            json.key("seals");
            write_strings(json, seal_names(what.seals));
        }
        json.end_object();
    }
    json.end_array();
}

void write_message(JsonWriter& json, const trace::MessageRecord& record, const explain::Annotation& annotation,
                   const JsonOptions& options) {
    const explain::MessageAnnotation& message = annotation.message;
    json.key("channel").text(name_of(record.channel));
    json.key("sender").text(name_of(record.sender));
    if (message.header) {
        json.key("code").number(message.header->request);
        json.key("request").text(message.request);
        if (const auto other = protocol::other_meaning_of_request(record.channel, message.header->request);
            !other.empty()) {
            json.key("elsewhere").text(other);
        }
        json.key("version").number(message.header->version());
        json.key("reply").boolean(message.header->is_reply());
        json.key("need_reply").boolean(message.header->needs_reply());
        json.key("size").number(message.header->size);
    } else {
        json.key("request").text(message.request);
    }
    if (record.offset != 0) {
        json.key("offset").number(record.offset);
    }
    if (annotation.queue) {
        json.key("queue").number(*annotation.queue);
    }
    if (!message.fields.empty()) {
        json.key("payload");
        write_fields(json, message.fields, annotation.device);
    }
    if (options.raw || (!message.parsed && !message.payload.empty() && record.offset == 0)) {
        json.key("raw").bytes(message.payload);
    }
    if (!record.descriptors.empty()) {
        write_descriptors(json, record.descriptors);
    }
    if (message.answers != 0) {
        json.key("answers").number(message.answers);
    }
    if (message.latency) {
        json.key("latency").signed_number(*message.latency);
    }
    if (!message.problems.empty()) {
        json.key("problems").begin_array();
        for (const protocol::Problem& problem : message.problems) {
            json.text(problem.text);
        }
        json.end_array();
    }
}

void write_ring_fields(JsonWriter& json, const trace::RingFields& fields) {
    json.key("ring").begin_object();
    json.key("available_index").number(fields.available_index);
    json.key("available_flags").number(fields.available_flags);
    json.key("used_event").number(fields.used_event);
    json.key("used_index").number(fields.used_index);
    json.key("used_flags").number(fields.used_flags);
    json.key("available_event").number(fields.available_event);
    json.end_object();
}

void write_buffers(JsonWriter& json, const std::vector<trace::ChainDescriptor>& buffers) {
    json.key("descriptors").begin_array();
    for (const trace::ChainDescriptor& buffer : buffers) {
        json.begin_object();
        json.key("address").hex(buffer.address);
        json.key("length").number(buffer.length);
        json.key("writable").boolean((buffer.flags & virtio::descriptor_write) != 0);
        json.end_object();
    }
    json.end_array();
}

void write_chain(JsonWriter& json, const trace::ChainRecord& record, std::size_t index,
                 const explain::Annotation& annotation, const JsonOptions& options) {
    const trace::ChainEntry& entry = record.entries[index];
    const explain::EntryAnnotation& known = annotation.entries[index];
    const bool used = entry.state == trace::ChainEntry::State::used;
    json.key("queue").number(record.queue);
    if (!known.role.name.empty()) {
        json.key("role").text(known.role.name);
    }
    json.key("head").number(entry.head);
    if (known.packed) {
        const auto at = virtio::PackedPosition::parse(entry.index);
        json.key("index").number(at.offset);
        json.key("wrap").boolean(at.wrap);
    } else {
        json.key("index").number(entry.index);
    }
    json.key("state").text(used ? "used" : "available");
    if (known.descriptors_known) {
        write_buffers(json, known.buffers);
    }
    if (known.indirect) {
        json.key("indirect").boolean(true);
    }
    if (used) {
        json.key("used_length").number(entry.used_length);
        if (known.context.available_sequence != 0) {
            json.key("available").number(known.context.available_sequence);
        }
    }
    if (known.latency) {
        json.key("latency").signed_number(*known.latency);
    }
    json.key("content").text(trace::name_of(entry.proof));
    json.key("captured").number(entry.content.size() - entry.content.missing());
    if (known.request) {
        if (used) {
            json.key("request_content").text(trace::name_of(known.context.proof));
        }
        json.key("request");
        write_request(json, *known.request);
    }
    if (entry.problem != 0) {
        json.key("problems").begin_array();
        json.text(virtio::name_of(static_cast<virtio::ChainProblem>(entry.problem)));
        json.end_array();
    }
    if (index == 0) {
        write_ring_fields(json, record.fields);
    }
    if (options.raw) {
        json.key("data");
        write_content(json, entry.content);
    }
}

void write_session(JsonWriter& json, const trace::SessionRecord& record) {
    json.key("event").text(trace::name_of(record.kind));
    json.key("attributes").begin_object();
    for (const auto& [key, value] : record.attributes) {
        json.foreign_key(key).text(value);
    }
    json.end_object();
}

void write_event(JsonWriter& json, const trace::EventRecord& record) {
    json.key("fd").text(trace::name_of(record.kind));
    json.key("count").number(record.count);
}

void write_memory(JsonWriter& json, const trace::MemoryRecord& record, const explain::SharedAreaAnnotation& area,
                  const JsonOptions& options) {
    json.key("part").text(trace::name_of(record.part));
    json.key("address").hex(record.address);
    json.key("length").number(record.content.size());
    json.key("captured").number(record.content.size() - record.content.missing());
    json.key("content").text(trace::name_of(record.proof));
    write_shared_area(json, area);
    if (options.raw) {
        json.key("data");
        write_content(json, record.content);
    }
}

void write_gap(JsonWriter& json, const trace::GapRecord& record) {
    json.key("chains").number(record.chains);
    json.key("records").number(record.records);
    json.key("bytes").number(record.bytes);
    json.key("at_least").boolean(record.at_least);
    json.key("reason").text(record.reason);
}

void write_note(JsonWriter& json, const trace::NoteRecord& record) {
    json.key("severity").text(trace::name_of(record.severity));
    json.key("text").text(record.text);
}

}  // namespace

void append_json(std::string& out, const explain::Annotation& annotation, std::size_t entry,
                 const JsonOptions& options) {
    const trace::Record& record = *annotation.record;
    JsonWriter json(out);
    json.begin_object();
    const auto* chain = std::get_if<trace::ChainRecord>(&record.body);
    json.key("seq").number(record.sequence + entry);
    json.key("time").signed_number(trace::time_of(record, entry));
    json.key("session").number(record.session);
    json.key("record").text(trace::name_of(trace::type_of(record.body)));
    if (annotation.queue && chain == nullptr && !std::holds_alternative<trace::MessageRecord>(record.body)) {
        json.key("queue").number(*annotation.queue);
    }
    if (chain != nullptr) {
        write_chain(json, *chain, entry, annotation, options);
    } else if (const auto* message = std::get_if<trace::MessageRecord>(&record.body)) {
        write_message(json, *message, annotation, options);
    } else if (const auto* session = std::get_if<trace::SessionRecord>(&record.body)) {
        write_session(json, *session);
    } else if (const auto* event = std::get_if<trace::EventRecord>(&record.body)) {
        write_event(json, *event);
    } else if (const auto* memory = std::get_if<trace::MemoryRecord>(&record.body)) {
        write_memory(json, *memory, annotation.area, options);
    } else if (const auto* gap = std::get_if<trace::GapRecord>(&record.body)) {
        write_gap(json, *gap);
    } else if (const auto* note = std::get_if<trace::NoteRecord>(&record.body)) {
        write_note(json, *note);
    }
    json.end_object();
    out.push_back('\n');
}

}  // namespace vutrace::render
