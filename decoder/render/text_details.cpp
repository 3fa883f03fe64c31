#include "requests.h"
#include "shared_areas.h"
#include "text_parts.h"

#include <vutrace/base/count_text.h>
#include <vutrace/base/hex.h>
#include <vutrace/protocol/features.h>
#include <vutrace/protocol/other_meanings.h>
#include <vutrace/render/details.h>
#include <vutrace/render/hexdump.h>
#include <vutrace/render/phrases.h>
#include <vutrace/render/state_view.h>
#include <vutrace/virtio/descriptor_flags.h>
#include <vutrace/virtio/packed_ring.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>
#include <utility>

namespace vutrace::render {
namespace {

constexpr std::size_t base_indent = 24;
constexpr std::size_t name_width = 22;
constexpr std::size_t most_unknown_bytes = 256;  // of a chain that no device's decoder knows

class Details {
  public:
    Detail& line(std::string_view name, std::string_view value, std::size_t depth = 0) {
        Detail& detail = lines_.emplace_back();
        detail.name = name;
        detail.value = value;
        detail.depth = depth;
        return detail;
    }
    void marked(Tone tone, std::string_view text) { line({}, text).tone = tone; }
    void field(const protocol::Field& field, const explain::Annotation& annotation, std::size_t depth);
    [[nodiscard]] std::vector<Detail> take() && { return std::move(lines_); }

  private:
    using OtherMeaning = std::string_view (*)(unsigned bit) noexcept;
    static std::string_view no_other_meaning(unsigned /*bit*/) noexcept { return {}; }
    void bits(FeatureKind kind, std::uint64_t mask, const explain::Annotation& annotation, std::size_t depth);

    std::vector<Detail> lines_;
};

void Details::field(const protocol::Field& field, const explain::Annotation& annotation, std::size_t depth) {
    std::string value;
    if (field.format == protocol::FieldFormat::bytes) {
        value = field.text.empty() ? "(no bytes)" : field.text;
    } else if (field.format != protocol::FieldFormat::group) {
        append_field_value(value, field);
    }
    Detail& detail = line(field.name.empty() ? "-" : field.name, value, depth);
    detail.meaning = field.meaning == field.name ? std::string_view() : field.meaning;
    detail.section = annotation.message.info == nullptr ? "" : annotation.message.info->section;
    if (field.size != 0) {
        detail.bytes = {protocol::header_size + std::uint64_t{field.offset}, field.size};
    }
    if (field.format == protocol::FieldFormat::features) {
        bits(FeatureKind::virtio, field.number, annotation, depth + 1);
    } else if (field.format == protocol::FieldFormat::protocol_features) {
        bits(FeatureKind::vhost_user, field.number, annotation, depth + 1);
    }
    for (const protocol::Field& child : field.children) {
        this->field(child, annotation, depth + 1);
    }
}

// With what the other side said of each bit: of an offer whether it was accepted before, of what is accepted whether it
// was offered, and what was offered and is not accepted.
void Details::bits(FeatureKind kind, std::uint64_t mask, const explain::Annotation& annotation, std::size_t depth) {
    const bool is_virtio = kind == FeatureKind::virtio;
    const OtherMeaning other = is_virtio ? no_other_meaning : protocol::other_meaning_of_protocol_feature;
    const session::DeviceState nothing;
    const session::DeviceState& known = annotation.state == nullptr ? nothing : annotation.state->device;
    const bool asks = annotation.message.asks;
    const auto offered = !asks ? mask : is_virtio ? known.offered_features() : known.offered_protocol_features();
    const auto before = is_virtio                         ? known.features()
                        : known.protocol_features_given() ? std::optional(known.protocol_features())
                                                          : std::nullopt;
    for (const FeatureBit& bit : compare_features(kind, offered, asks ? mask : before, annotation.device)) {
        if (!asks && !protocol::has(mask, bit.bit)) {
            continue;
        }
        const std::string number = fmt::format("bit {}", bit.bit);
        std::string text = bit.name == number ? "unknown" : bit.name;
        if (!other(bit.bit).empty()) {
            text += fmt::format("  (elsewhere {})", other(bit.bit));
        }
        const bool noted =
            asks && bit.standing != FeatureStanding::accepted && bit.standing != FeatureStanding::offer_unknown;
        if (noted) {
            text += fmt::format("  ({})", name_of(bit.standing));
        }
        Detail& detail = line(number, text, depth);
        detail.section = is_virtio ? "" : "Protocol features";
        detail.tone = noted ? tone_of(bit.standing) : Tone::plain;
        detail.meaning = noted ? "" : name_of(bit.standing);
    }
}

// What it was passed for, and what became of it.
void life_details(Details& details, const session::DescriptorLife& life) {
    details.line("for", use_text(life), 1);
    details.line("life", end_text(life), 1).record = life.ended;
}

void message_details(Details& details, const trace::MessageRecord& record, const explain::Annotation& annotation,
                     const session::History* history) {
    const explain::MessageAnnotation& message = annotation.message;
    details.line("channel", name_of(record.channel));
    if (message.header) {
        const protocol::Header& header = *message.header;
        Detail& line =
            details.line("header", fmt::format("code {}  flags 0x{:x} (version {}{}{})  size {}", header.request,
                                               header.flags, header.version(), header.is_reply() ? ", reply" : "",
                                               header.needs_reply() ? ", need-reply" : "", header.size));
        if (message.info != nullptr) {
            line.meaning = message.info->meaning;
            line.section = message.info->section;
        }
        line.bytes = {0, record.offset == 0 ? protocol::header_size : 0};
    }
    if (const auto other = message.header ? protocol::other_meaning_of_request(record.channel, message.header->request)
                                          : std::string_view();
        !other.empty()) {
        details.line("elsewhere", other);
    }
    if (message.answers != 0) {
        details.line("answers", fmt::format("record {}", message.answers)).record = message.answers;
    }
    for (const protocol::Field& field : message.fields) {
        details.field(field, annotation, 0);
    }
    if (!message.parsed && !message.payload.empty() && record.offset == 0) {
        details.line("payload", hex(message.payload)).bytes = {protocol::header_size, message.payload.size()};
    }
    for (const trace::Descriptor& descriptor : record.descriptors) {
        details.line("fd", descriptor_text(descriptor));
        const session::DescriptorLife* life =
            history == nullptr ? nullptr : history->find(annotation.record->session, descriptor.id);
        if (life != nullptr) {
            life_details(details, *life);
        }
    }
    for (const protocol::Problem& problem : message.problems) {
        details.marked(Tone::bad, "!! " + printable(problem.text));
    }
}

// What a proof that is none means for what is shown, by trace::Proof.
constexpr std::array<std::string_view, 3> request_doubts{
    "nothing of it was captured when it was made available: the request is not known",
    "only part of it was captured when it was made available: the request may lack what is missing",
    "it was read after the device could have been done with it: descriptors and request may be a later chain's"};
constexpr std::array<std::string_view, 3> written_doubts{
    "none of the bytes that the device wrote were captured", "only part of what the device wrote was captured",
    "what the device wrote was read after the driver could have reused the buffers: it may be something else"};

void doubt(Details& details, const std::array<std::string_view, 3>& doubts, trace::Proof proof) {
    if (const auto index = static_cast<std::size_t>(proof); index < doubts.size()) {
        details.marked(Tone::doubtful, fmt::format("doubtful: {}", doubts[index]));
    }
}

std::string index_text(std::uint16_t index, bool packed) {
    return packed ? position_text(index) : fmt::format("{}", index);
}

// Each with the bytes of its buffer, as far as the entry's content is of that side's buffers.
void descriptor_details(Details& details, const std::vector<trace::ChainDescriptor>& descriptors,
                        const trace::ChainEntry& entry, bool packed) {
    virtio::DescriptorPlaces places(packed);
    const bool written = entry.state == trace::ChainEntry::State::used;
    std::uint64_t offset = 0;
    for (const trace::ChainDescriptor& descriptor : descriptors) {
        Detail& line = details.line(
            "descriptor", fmt::format("0x{:x} +{}  {}", descriptor.address, descriptor.length,
                                      virtio::descriptor_flags_text(descriptor.flags, places.next(descriptor.flags))));
        const bool writable = (descriptor.flags & virtio::descriptor_write) != 0;
        const bool buffer = (descriptor.flags & virtio::descriptor_indirect) == 0;
        if (buffer && writable == written && offset < entry.content.size()) {
            line.bytes = {offset, std::min<std::uint64_t>(descriptor.length, entry.content.size() - offset)};
            offset += line.bytes.size;
        }
    }
}

void chain_details(Details& details, const trace::ChainRecord& record, std::size_t index,
                   const explain::Annotation& annotation) {
    const trace::ChainEntry& entry = record.entries[index];
    const explain::EntryAnnotation& known = annotation.entries[index];
    const bool used = entry.state == trace::ChainEntry::State::used;
    details.line(known.packed ? "ring position" : "ring index", index_text(entry.index, known.packed));
    details.line("content", fmt::format("{} of {} captured, {}", entry.content.size() - entry.content.missing(),
                                        count_text(entry.content.size(), "byte"), trace::name_of(entry.proof)));
    if (used) {
        doubt(details, written_doubts, entry.content.empty() ? trace::Proof::verified : entry.proof);
        details.line("used length", fmt::format("{}", entry.used_length));
        const std::uint64_t available = known.context.available_sequence;
        details
            .line("made available", available == 0 ? std::string("not seen, or used by an earlier record")
                                                   : fmt::format("record {}", available))
            .record = available;
    }
    if (known.descriptors_known) {
        doubt(details, request_doubts, known.context.proof);
    }
    if (!known.role.name.empty()) {
        details.line("role", known.role.name);
    }
    if (entry.problem != 0) {
        details.marked(Tone::bad, "!! " + chain_problem_text(entry.problem));
    }
    if (known.request) {
        for (const RequestLine& line : request_lines(*known.request)) {
            details.line(line.name, line.value, line.depth);
        }
    }
    descriptor_details(details, entry.descriptors.empty() ? known.context.descriptors : entry.descriptors, entry,
                       known.packed);
    if (index == 0 && known.packed) {
        const trace::RingFields& fields = record.fields;
        details.line("driver", fmt::format("at {}  event area: flags {}, {}", index_text(fields.available_index, true),
                                           fields.available_flags, index_text(fields.used_event, true)));
        details.line("device", fmt::format("at {}  event area: flags {}, {}", index_text(fields.used_index, true),
                                           fields.used_flags, index_text(fields.available_event, true)));
    } else if (index == 0) {
        const trace::RingFields& fields = record.fields;
        details.line("available ring", fmt::format("index {}  flags 0x{:x}  used_event {}", fields.available_index,
                                                   fields.available_flags, fields.used_event));
        details.line("used ring", fmt::format("index {}  flags 0x{:x}  available_event {}", fields.used_index,
                                              fields.used_flags, fields.available_event));
    }
}

void queue_line(Details& details, std::uint16_t queue) {
    if (queue != trace::no_queue) {
        details.line("queue", fmt::format("{}", queue));
    }
}

void memory_details(Details& details, const trace::MemoryRecord& memory) {
    details.line("part", trace::name_of(memory.part));
    queue_line(details, memory.queue);
    Detail& address = details.line("address", fmt::format("0x{:x}", memory.address));
    address.meaning = trace::is_guest_memory(memory.part) ? "guest physical" : "offset in that part";
    const std::uint64_t length = memory.content.size();
    details.line("length", count_text(length, "byte")).bytes = {0, length};
    details.line("captured", count_text(length - memory.content.missing(), "byte"));
    details.line("content", trace::name_of(memory.proof)).meaning = "how sure it is that it is the owner's";
}

// At most `most` bytes as bytes.
void append_content(std::string& out, const Style& style, const trace::Content& content, std::size_t most = SIZE_MAX) {
    std::size_t at = 0;
    std::uint64_t offset = 0;
    for (const trace::Run& run : content.runs()) {
        if (run.kind == trace::RunKind::literal) {
            const std::size_t shown = std::min(static_cast<std::size_t>(run.length), most - std::min(most, at));
            Hexdump part(offset, base_indent);
            part.append(out, content.literal().subspan(at, shown));
            if (shown < run.length) {
                out.append(base_indent, ' ');
                style.append(out, Tone::faint,
                             fmt::format("{:08x}  {} more, all with --raw", offset + shown,
                                         count_text(run.length - shown, "byte")));
                out += '\n';
            }
            at += static_cast<std::size_t>(run.length);
        } else {
            out.append(base_indent, ' ');
            style.append(out, run.kind == trace::RunKind::zeros ? Tone::faint : Tone::doubtful,
                         fmt::format("{:08x}  {} {}", offset, count_text(run.length, "byte"),
                                     run.kind == trace::RunKind::zeros ? "of zeros" : "not captured"));
            out += '\n';
        }
        offset += run.length;
    }
}

// As on paper: the name in a column, marked where it is a remark, and of a message which bytes of the payload it is.
void append_line(std::string& out, const Style& style, const Detail& detail, bool of_message) {
    out.append(base_indent + 2 * detail.depth, ' ');
    if (detail.name.empty()) {
        style.append(out, detail.tone, detail.value);
    } else {
        const std::size_t column = name_width > 2 * detail.depth ? name_width - 2 * detail.depth : 0;
        const std::size_t width = std::max(column, detail.name.size() + 1);
        style.append(out, Tone::faint, fmt::format("{:<{}}", detail.name, width));
        out += detail.value;
    }
    if (of_message && detail.bytes.size != 0 && detail.bytes.offset >= protocol::header_size) {
        const std::uint64_t first = detail.bytes.offset - protocol::header_size;
        const std::uint64_t last = first + detail.bytes.size - 1;
        style.append(out, Tone::faint,
                     first == last ? fmt::format("  [{}]", last) : fmt::format("  [{}..{}]", first, last));
    }
    out += '\n';
}

// At most the first `limit` bytes.
void copy_content(const trace::Content& content, std::size_t limit, RawBytes& out) {
    out.size = content.size();
    out.bytes.resize(static_cast<std::size_t>(std::min<std::uint64_t>(out.size, limit)));
    std::uint64_t offset = 0;
    if (content.missing() != 0) {
        out.known.assign(out.bytes.size(), true);
    }
    (void)content.read(0, out.bytes);
    for (const trace::Run& run : content.runs()) {
        if (run.kind == trace::RunKind::missing && offset < out.bytes.size()) {
            const std::uint64_t end = std::min<std::uint64_t>(offset + run.length, out.bytes.size());
            std::fill(out.known.begin() + static_cast<std::ptrdiff_t>(offset),
                      out.known.begin() + static_cast<std::ptrdiff_t>(end), false);
        }
        offset += run.length;
    }
}

}  // namespace

std::vector<Detail> details_of(const explain::Annotation& annotation, std::size_t entry,
                               const session::History* history) {
    const trace::RecordBody& body = annotation.record->body;
    Details details;
    details.line("time", absolute_time_text(trace::time_of(*annotation.record, entry)));
    if (const auto* chain = std::get_if<trace::ChainRecord>(&body)) {
        chain_details(details, *chain, entry, annotation);
    } else if (const auto* message = std::get_if<trace::MessageRecord>(&body)) {
        message_details(details, *message, annotation, history);
    } else if (const auto* session = std::get_if<trace::SessionRecord>(&body)) {
        for (const auto& [key, value] : session->attributes) {
            details.line(printable(key), printable(value));
        }
    } else if (const auto* event = std::get_if<trace::EventRecord>(&body)) {
        details.line("notification", trace::name_of(event->kind));
        queue_line(details, event->queue);
        details.line("count", fmt::format("{}", event->count)).meaning = "notifications seen as one";
    } else if (const auto* memory = std::get_if<trace::MemoryRecord>(&body)) {
        memory_details(details, *memory);
        for (const auto& [label, text] : shared_area_lines(annotation.area)) {
            details.line(label, text);
        }
    } else if (const auto* gap = std::get_if<trace::GapRecord>(&body)) {
        queue_line(details, gap->queue);
        const std::string_view least = gap->at_least ? "at the least" : "";
        details.line("chains", grouped(gap->chains)).meaning = least;
        details.line("records", grouped(gap->records)).meaning = least;
        details.line("bytes", grouped(gap->bytes)).meaning = least;
        details.line("reason", printable(gap->reason));
    } else if (const auto* note = std::get_if<trace::NoteRecord>(&body)) {
        details.line("severity", trace::name_of(note->severity));
        queue_line(details, note->queue);
        details.line("text", printable(note->text));
    }
    return std::move(details).take();
}

RawBytes raw_bytes_of(const explain::Annotation& annotation, std::size_t entry, std::size_t limit) {
    const trace::RecordBody& body = annotation.record->body;
    const trace::Content* content = nullptr;
    RawBytes raw;
    if (const auto* message = std::get_if<trace::MessageRecord>(&body)) {
        raw.address = message->offset;
        raw.size = message->bytes.size();
        raw.bytes.assign(message->bytes.begin(), message->bytes.end());
        raw.bytes.resize(std::min(raw.bytes.size(), limit));
    } else if (const auto* chain = std::get_if<trace::ChainRecord>(&body)) {
        content = &chain->entries[entry].content;
    } else if (const auto* memory = std::get_if<trace::MemoryRecord>(&body)) {
        raw.address = memory->address;
        content = &memory->content;
    }
    if (content != nullptr) {
        copy_content(*content, limit, raw);
    }
    return raw;
}

RawBytes readable_bytes_of(const explain::Annotation& annotation, std::size_t entry, std::size_t limit) {
    RawBytes raw;
    if (const auto* chain = std::get_if<trace::ChainRecord>(&annotation.record->body)) {
        const bool used = chain->entries[entry].state == trace::ChainEntry::State::used;
        copy_content(used ? annotation.entries[entry].context.readable : chain->entries[entry].content, limit, raw);
    }
    return raw;
}

std::vector<Detail> request_details(const explain::Annotation& annotation, std::size_t entry) {
    Details details;
    if (entry < annotation.entries.size() && annotation.entries[entry].request) {
        for (const RequestLine& line : request_lines(*annotation.entries[entry].request)) {
            details.line(line.name, line.value, line.depth);
        }
    }
    return std::move(details).take();
}

void append_details(std::string& out, const Style& style, const explain::Annotation& annotation, std::size_t entry) {
    const bool of_message = std::holds_alternative<trace::MessageRecord>(annotation.record->body);
    for (const Detail& detail : details_of(annotation, entry)) {
        append_line(out, style, detail, of_message);
    }
}

void append_unknown_request(std::string& out, const Style& style, const explain::Annotation& annotation,
                            std::size_t entry) {
    const auto* chain = std::get_if<trace::ChainRecord>(&annotation.record->body);
    if (chain != nullptr && !annotation.entries[entry].request) {
        append_content(out, style, chain->entries[entry].content, most_unknown_bytes);
    }
}

void append_raw(std::string& out, const Style& style, const explain::Annotation& annotation, std::size_t entry) {
    const trace::RecordBody& body = annotation.record->body;
    if (const auto* chain = std::get_if<trace::ChainRecord>(&body)) {
        append_content(out, style, chain->entries[entry].content);
    } else if (const auto* memory = std::get_if<trace::MemoryRecord>(&body)) {
        append_content(out, style, memory->content);
    } else if (const auto* message = std::get_if<trace::MessageRecord>(&body)) {
        Hexdump(message->offset, base_indent).append(out, message->bytes);
    }
}

}  // namespace vutrace::render
