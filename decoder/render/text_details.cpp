#include "requests.h"
#include "shared_areas.h"
#include "text_parts.h"

#include <vutrace/base/hex.h>
#include <vutrace/protocol/features.h>
#include <vutrace/protocol/other_meanings.h>
#include <vutrace/render/details.h>
#include <vutrace/render/hexdump.h>
#include <vutrace/render/phrases.h>
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
    void field(const protocol::Field& field, std::uint32_t device, std::size_t depth);
    [[nodiscard]] std::vector<Detail> take() && { return std::move(lines_); }

  private:
    using OtherMeaning = std::string_view (*)(unsigned bit) noexcept;
    static std::string_view no_other_meaning(unsigned /*bit*/) noexcept { return {}; }
    void bits(std::uint64_t mask, const std::vector<std::string>& names, std::size_t depth, OtherMeaning other);

    std::vector<Detail> lines_;
};

void Details::field(const protocol::Field& field, std::uint32_t device, std::size_t depth) {
    std::string value;
    if (field.format == protocol::FieldFormat::bytes) {
        value = field.text.empty() ? "(no bytes)" : field.text;
    } else if (field.format != protocol::FieldFormat::group) {
        append_field_value(value, field);
    }
    Detail& detail = line(field.name.empty() ? "-" : field.name, value, depth);
    detail.meaning = field.meaning;
    if (field.size != 0) {
        detail.bytes = {protocol::header_size + std::uint64_t{field.offset}, field.size};
    }
    if (field.format == protocol::FieldFormat::features) {
        bits(field.number, protocol::feature_names(field.number, device), depth + 1, no_other_meaning);
    } else if (field.format == protocol::FieldFormat::protocol_features) {
        bits(field.number, protocol::protocol_feature_names(field.number), depth + 1,
             protocol::other_meaning_of_protocol_feature);
    }
    for (const protocol::Field& child : field.children) {
        this->field(child, device, depth + 1);
    }
}

void Details::bits(std::uint64_t mask, const std::vector<std::string>& names, std::size_t depth, OtherMeaning other) {
    std::size_t next = 0;
    for (unsigned bit = 0; bit < 64 && next < names.size(); ++bit) {
        if (((mask >> bit) & 1U) != 0) {
            const std::string number = fmt::format("bit {}", bit);
            const std::string& name = names[next++];
            const std::string elsewhere = other(bit).empty() ? "" : fmt::format("  (elsewhere {})", other(bit));
            line(number, (name == number ? "unknown" : name) + elsewhere, depth);
        }
    }
}

std::string joined(const std::vector<std::string>& parts) {
    return fmt::format("{}", fmt::join(parts, ", "));
}

void message_details(Details& details, const trace::MessageRecord& record, const explain::Annotation& annotation) {
    const explain::MessageAnnotation& message = annotation.message;
    details.line("channel", name_of(record.channel));
    if (message.header) {
        const protocol::Header& header = *message.header;
        Detail& line =
            details.line("header", fmt::format("code {}  flags 0x{:x} (version {}{}{})  size {}", header.request,
                                               header.flags, header.version(), header.is_reply() ? ", reply" : "",
                                               header.needs_reply() ? ", need-reply" : "", header.size));
        if (message.info != nullptr) {
            line.meaning = fmt::format("{} (specification: {})", message.info->meaning, message.info->section);
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
        details.field(field, annotation.device, 0);
    }
    if (!message.parsed && !message.payload.empty() && record.offset == 0) {
        details.line("payload", hex(message.payload)).bytes = {protocol::header_size, message.payload.size()};
    }
    for (const trace::Descriptor& descriptor : record.descriptors) {
        const DescriptorDescription& what = descriptor.description;
        std::string text = fmt::format("{}  id {}  inode {}  device {}:{}", name_of(what.kind), descriptor.id,
                                       what.inode, what.device >> 8U, what.device & 0xffU);
        if (what.size != 0) {
            text += fmt::format("  size {} ({})", what.size, size_text(what.size));
        }
        if (what.seals != 0) {
            text += "  seals " + joined(seal_names(what.seals));
        }
        details.line("fd", text);
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
    if (!packed) {
        return fmt::format("{}", index);
    }
    const auto at = virtio::PackedPosition::parse(index);
    return fmt::format("{}, wrap counter {}", at.offset, at.wrap ? 1 : 0);
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
            .line("made available",
                  available == 0 ? std::string("before the trace saw it") : fmt::format("record {}", available))
            .record = available;
    }
    if (known.descriptors_known) {
        doubt(details, request_doubts, known.context.proof);
    }
    if (!known.role.name.empty()) {
        details.line("role", known.role.name);
    }
    if (known.request) {
        for (const RequestLine& line : request_lines(*known.request)) {
            details.line(line.name, line.value, line.depth);
        }
    }
    for (const trace::ChainDescriptor& descriptor :
         entry.descriptors.empty() ? known.context.descriptors : entry.descriptors) {
        details.line("descriptor", fmt::format("0x{:x} +{}  {}", descriptor.address, descriptor.length,
                                               descriptor_flags_text(descriptor.flags)));
    }
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

// As on paper: the name in a column, marked where it is a remark, and which bytes of the payload it is.
void append_line(std::string& out, const Style& style, const Detail& detail) {
    out.append(base_indent + 2 * detail.depth, ' ');
    if (detail.name.empty()) {
        style.append(out, detail.tone, detail.value);
    } else {
        const std::size_t column = name_width > 2 * detail.depth ? name_width - 2 * detail.depth : 0;
        const std::size_t width = std::max(column, detail.name.size() + 1);
        style.append(out, Tone::faint, fmt::format("{:<{}}", detail.name, width));
        out += detail.value;
    }
    if (detail.bytes.size != 0 && detail.bytes.offset >= protocol::header_size) {
        const std::uint64_t first = detail.bytes.offset - protocol::header_size;
        const std::uint64_t last = first + detail.bytes.size - 1;
        style.append(out, Tone::faint,
                     first == last ? fmt::format("  [{}]", last) : fmt::format("  [{}..{}]", first, last));
    }
    out += '\n';
}

void copy_content(const trace::Content& content, RawBytes& out) {
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

std::vector<Detail> details_of(const explain::Annotation& annotation, std::size_t entry) {
    const trace::RecordBody& body = annotation.record->body;
    Details details;
    details.line("time", absolute_time_text(trace::time_of(*annotation.record, entry)));
    if (const auto* chain = std::get_if<trace::ChainRecord>(&body)) {
        chain_details(details, *chain, entry, annotation);
    } else if (const auto* message = std::get_if<trace::MessageRecord>(&body)) {
        message_details(details, *message, annotation);
    } else if (const auto* session = std::get_if<trace::SessionRecord>(&body)) {
        for (const auto& [key, value] : session->attributes) {
            details.line(printable(key), printable(value));
        }
    } else if (std::holds_alternative<trace::MemoryRecord>(body)) {
        for (const auto& [label, text] : shared_area_lines(annotation.area)) {
            details.line(label, text);
        }
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
        raw.size = content->size();
        raw.bytes.resize(static_cast<std::size_t>(std::min<std::uint64_t>(raw.size, limit)));
        copy_content(*content, raw);
    }
    return raw;
}

void append_details(std::string& out, const Style& style, const explain::Annotation& annotation, std::size_t entry) {
    for (const Detail& detail : details_of(annotation, entry)) {
        append_line(out, style, detail);
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
