#include "vutrace/trace/encode.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

namespace vutrace::trace {
namespace {

// Sizes of the parts that repeat. A later version may make them longer: the bodies carry them, so that a
// reader steps over what it does not know.
constexpr std::uint16_t descriptor_size = 40;
constexpr std::uint64_t no_translations = UINT64_MAX;
constexpr std::uint16_t entry_header_size = 20;
constexpr std::size_t chain_descriptor_size = 16;
constexpr std::size_t smallest_attribute = 8;
constexpr std::size_t smallest_content = 4;

constexpr std::uint16_t message_incomplete = 1U << 0U;
constexpr std::uint16_t message_descriptors_truncated = 1U << 1U;

constexpr unsigned run_kind_shift = 56;

// The layout is written down once, as `put` over a sink: one that counts and one that stores.
class CountingSink {
  public:
    template <PlainInteger T>
    void integer(T /*value*/) noexcept {
        size_ += sizeof(T);
    }
    void bytes(ByteView piece) noexcept { size_ += piece.size(); }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

  private:
    std::size_t size_{0};
};

class StoringSink {
  public:
    explicit StoringSink(MutableByteView out) noexcept : rest_(out) {}
    template <PlainInteger T>
    void integer(T value) noexcept {
        store(rest_, 0, value);
        rest_ = rest_.subspan(std::min(sizeof(T), rest_.size()));
    }
    void bytes(ByteView piece) noexcept {
        const std::size_t count = std::min(piece.size(), rest_.size());
        if (count != 0) {
            std::memcpy(rest_.data(), piece.data(), count);
        }
        rest_ = rest_.subspan(count);
    }

  private:
    MutableByteView rest_;
};

template <class Enum>
std::uint8_t number(Enum value) noexcept {
    return static_cast<std::uint8_t>(value);
}

template <class Size>
std::uint32_t count32(Size size) noexcept {
    return static_cast<std::uint32_t>(size);
}

template <class Sink>
void put_text(Sink& sink, std::string_view text) noexcept {
    sink.integer(count32(text.size()));
    sink.bytes(as_bytes(text));
}

template <class Sink>
void put_content(Sink& sink, const Content& content) noexcept {
    sink.integer(count32(content.runs().size()));
    ByteView literal = content.literal();
    for (const Run& run : content.runs()) {
        sink.integer((std::uint64_t{number(run.kind)} << run_kind_shift) | run.length);
        if (run.kind == RunKind::literal) {
            const auto length = static_cast<std::size_t>(run.length);
            sink.bytes(literal.first(length));
            literal = literal.subspan(length);
        }
    }
}

template <class Sink>
void put(Sink& sink, const SessionRecord& body) noexcept {
    sink.integer(number(body.kind));
    sink.integer(std::uint8_t{0});
    sink.integer(std::uint16_t{0});
    sink.integer(count32(body.attributes.size()));
    for (const auto& [key, value] : body.attributes) {
        put_text(sink, key);
        put_text(sink, value);
    }
}

template <class Sink>
void put_descriptor(Sink& sink, const Descriptor& descriptor) noexcept {
    sink.integer(descriptor.id);
    sink.integer(number(descriptor.description.kind));
    sink.integer(std::uint8_t{0});
    sink.integer(std::uint16_t{0});
    sink.integer(descriptor.description.seals);
    sink.integer(descriptor.description.status_flags);
    sink.integer(descriptor.description.device);
    sink.integer(descriptor.description.inode);
    sink.integer(descriptor.description.size);
}

template <class Sink>
void put(Sink& sink, const MessageRecord& body) noexcept {
    const unsigned flags =
        (body.incomplete ? message_incomplete : 0U) | (body.descriptors_truncated ? message_descriptors_truncated : 0U);
    sink.integer(number(body.channel));
    sink.integer(number(body.sender));
    sink.integer(static_cast<std::uint16_t>(flags));
    sink.integer(count32(body.descriptors.size()));
    sink.integer(body.offset);
    sink.integer(count32(body.bytes.size()));
    sink.integer(descriptor_size);
    sink.integer(std::uint16_t{0});
    for (const Descriptor& descriptor : body.descriptors) {
        put_descriptor(sink, descriptor);
    }
    sink.bytes(body.bytes);
}

template <class Sink>
void put(Sink& sink, const EventRecord& body) noexcept {
    sink.integer(number(body.kind));
    sink.integer(std::uint8_t{0});
    sink.integer(body.queue);
    sink.integer(body.count);
}

template <class Sink>
void put_entry(Sink& sink, const ChainEntry& entry) noexcept {
    sink.integer(number(entry.state));
    sink.integer(number(entry.proof));
    sink.integer(entry.head);
    sink.integer(entry.index);
    sink.integer(entry.problem);
    sink.integer(entry.time_offset);
    sink.integer(entry.used_length);
    sink.integer(count32(entry.descriptors.size()));
    for (const ChainDescriptor& descriptor : entry.descriptors) {
        sink.integer(descriptor.address);
        sink.integer(descriptor.length);
        sink.integer(descriptor.flags);
        sink.integer(descriptor.next);
    }
    put_content(sink, entry.content);
}

template <class Sink>
void put(Sink& sink, const ChainRecord& body) noexcept {
    sink.integer(body.queue);
    sink.integer(body.fields.available_index);
    sink.integer(body.fields.available_flags);
    sink.integer(body.fields.used_event);
    sink.integer(body.fields.used_index);
    sink.integer(body.fields.used_flags);
    sink.integer(body.fields.available_event);
    sink.integer(entry_header_size);
    sink.integer(count32(body.entries.size()));
    for (const ChainEntry& entry : body.entries) {
        put_entry(sink, entry);
    }
    if (body.translations) {
        sink.integer(*body.translations);
    }
}

template <class Sink>
void put(Sink& sink, const MemoryRecord& body) noexcept {
    sink.integer(number(body.part));
    sink.integer(number(body.proof));
    sink.integer(body.queue);
    sink.integer(body.address);
    put_content(sink, body.content);
}

template <class Sink>
void put(Sink& sink, const GapRecord& body) noexcept {
    sink.integer(body.queue);
    sink.integer(static_cast<std::uint16_t>(body.at_least ? GapRecord::at_least_flag : 0));
    sink.integer(body.chains);
    sink.integer(body.records);
    sink.integer(body.bytes);
    put_text(sink, body.reason);
}

template <class Sink>
void put(Sink& sink, const NoteRecord& body) noexcept {
    sink.integer(number(body.severity));
    sink.integer(std::uint8_t{0});
    sink.integer(body.queue);
    put_text(sink, body.text);
}

// Reads one body. The first thing wrong is kept; everything after it reads as zeros and is thrown away.
class BodyReader {
  public:
    explicit BodyReader(ByteView bytes) noexcept : reader_(bytes) {}

    template <PlainInteger T>
    T integer() noexcept {
        return reader_.read<T>();
    }
    ByteView bytes(std::size_t size) noexcept { return reader_.take(size); }
    void skip(std::size_t size) noexcept { reader_.skip(size); }
    [[nodiscard]] std::size_t remaining() const noexcept { return reader_.remaining(); }

    // An enumerator from 0 or `first` to `last`; others mean something that this version does not know.
    template <class Enum>
    Enum enumerator(const char* what, Enum last, std::uint8_t first = 0) {
        const auto value = integer<std::uint8_t>();
        if (value < first || value > number(last)) {
            note(ErrorCode::unsupported, fmt::format("unknown {} {}", what, value));
            return last;
        }
        return static_cast<Enum>(value);
    }

    // A count of things of at least `smallest` bytes each: bounds what is allocated for them by what is there.
    std::size_t count(const char* what, std::size_t smallest) {
        const auto value = integer<std::uint32_t>();
        if (value > reader_.remaining() / smallest) {
            note(ErrorCode::bad_input,
                 fmt::format("{} {} do not fit into the {} bytes left", value, what, reader_.remaining()));
            return 0;
        }
        return value;
    }

    // The size of a repeated part, at least what this version knows of it.
    std::size_t part_size(const char* what, std::uint16_t known) {
        const auto value = integer<std::uint16_t>();
        if (value < known) {
            note(ErrorCode::bad_input, fmt::format("{} of {} bytes instead of {} or more", what, value, known));
            return known;
        }
        return value;
    }

    std::string text() {
        const ByteView piece = reader_.take(integer<std::uint32_t>());
        return {reinterpret_cast<const char*>(piece.data()), piece.size()};
    }

    void note(ErrorCode code, std::string text) {
        if (ok()) {
            error_ = Error{code, std::move(text), reader_.offset(), 0};
        }
    }
    [[nodiscard]] bool ok() const noexcept { return !error_ && reader_.ok(); }
    [[nodiscard]] Error error() const {
        return error_ ? *error_ : Error{ErrorCode::bad_input, "the body is too short", reader_.offset(), 0};
    }

  private:
    ByteReader reader_;
    std::optional<Error> error_;
};

void get_content(BodyReader& reader, Content& content) {
    const std::size_t runs = reader.count("runs", sizeof(std::uint64_t));
    for (std::size_t i = 0; i < runs && reader.ok(); ++i) {
        const auto word = reader.integer<std::uint64_t>();
        const auto kind = static_cast<RunKind>(word >> run_kind_shift);
        const std::uint64_t length = word & max_content_size;
        if (length == 0 || length > max_content_size - content.size()) {
            reader.note(ErrorCode::bad_input, fmt::format("a run of {} bytes after {}", length, content.size()));
            return;
        }
        switch (kind) {
            case RunKind::literal:
                content.add_literal(reader.bytes(static_cast<std::size_t>(length)));
                break;
            case RunKind::zeros:
                content.add_zeros(length);
                break;
            case RunKind::missing:
                content.add_missing(length);
                break;
            default:
                reader.note(ErrorCode::unsupported, fmt::format("unknown run kind {}", number(kind)));
        }
    }
}

void get(BodyReader& reader, SessionRecord& body) {
    body.kind = reader.enumerator("kind of session record", SessionRecord::Kind::closed, 1);
    reader.skip(3);
    const std::size_t attributes = reader.count("attributes", smallest_attribute);
    body.attributes.reserve(attributes);
    for (std::size_t i = 0; i < attributes && reader.ok(); ++i) {
        auto& [key, value] = body.attributes.emplace_back();
        key = reader.text();
        value = reader.text();
    }
}

Descriptor get_descriptor(BodyReader& reader) {
    Descriptor descriptor;
    DescriptorDescription& description = descriptor.description;
    descriptor.id = reader.integer<std::uint32_t>();
    const auto kind = reader.integer<std::uint8_t>();
    // A kind that is not known yet is what `other` is for.
    description.kind =
        kind <= number(DescriptorKind::userfaultfd) ? static_cast<DescriptorKind>(kind) : DescriptorKind::other;
    reader.skip(3);
    description.seals = reader.integer<std::uint32_t>();
    description.status_flags = reader.integer<std::uint32_t>();
    description.device = reader.integer<std::uint64_t>();
    description.inode = reader.integer<std::uint64_t>();
    description.size = reader.integer<std::uint64_t>();
    return descriptor;
}

void get(BodyReader& reader, MessageRecord& body) {
    body.channel = reader.enumerator("channel", Channel::gpu);
    body.sender = reader.enumerator("sender", Side::back_end);
    const auto flags = reader.integer<std::uint16_t>();
    body.incomplete = (flags & message_incomplete) != 0;
    body.descriptors_truncated = (flags & message_descriptors_truncated) != 0;
    const std::size_t descriptors = reader.count("descriptors", descriptor_size);
    body.offset = reader.integer<std::uint64_t>();
    const auto byte_count = reader.integer<std::uint32_t>();
    const std::size_t size = reader.part_size("a descriptor", descriptor_size);
    reader.skip(2);
    for (std::size_t i = 0; i < descriptors && reader.ok(); ++i) {
        body.descriptors.push_back(get_descriptor(reader));
        reader.skip(size - descriptor_size);
    }
    const ByteView bytes = reader.bytes(byte_count);
    body.bytes.assign(bytes.begin(), bytes.end());
}

void get(BodyReader& reader, EventRecord& body) {
    body.kind = reader.enumerator("kind of event", EventRecord::Kind::err);
    reader.skip(1);
    body.queue = reader.integer<std::uint16_t>();
    body.count = reader.integer<std::uint64_t>();
}

void get_entry(BodyReader& reader, std::size_t header_size, ChainEntry& entry) {
    entry.state = reader.enumerator("state of a chain", ChainEntry::State::used);
    entry.proof = reader.enumerator("proof", Proof::verified);
    entry.head = reader.integer<std::uint16_t>();
    entry.index = reader.integer<std::uint16_t>();
    entry.problem = reader.integer<std::uint16_t>();
    entry.time_offset = reader.integer<std::uint32_t>();
    entry.used_length = reader.integer<std::uint32_t>();
    const std::size_t descriptors = reader.count("descriptors", chain_descriptor_size);
    reader.skip(header_size - entry_header_size);
    entry.descriptors.reserve(descriptors);
    for (std::size_t i = 0; i < descriptors && reader.ok(); ++i) {
        ChainDescriptor& descriptor = entry.descriptors.emplace_back();
        descriptor.address = reader.integer<std::uint64_t>();
        descriptor.length = reader.integer<std::uint32_t>();
        descriptor.flags = reader.integer<std::uint16_t>();
        descriptor.next = reader.integer<std::uint16_t>();
    }
    get_content(reader, entry.content);
}

void get(BodyReader& reader, ChainRecord& body) {
    body.queue = reader.integer<std::uint16_t>();
    body.fields.available_index = reader.integer<std::uint16_t>();
    body.fields.available_flags = reader.integer<std::uint16_t>();
    body.fields.used_event = reader.integer<std::uint16_t>();
    body.fields.used_index = reader.integer<std::uint16_t>();
    body.fields.used_flags = reader.integer<std::uint16_t>();
    body.fields.available_event = reader.integer<std::uint16_t>();
    const std::size_t header_size = reader.part_size("an entry", entry_header_size);
    const std::size_t entries = reader.count("entries", header_size + smallest_content);
    if (entries == 0) {
        reader.note(ErrorCode::bad_input, "a chain record without entries");
    }
    body.entries.reserve(reader.ok() ? entries : 0);
    for (std::size_t i = 0; i < entries && reader.ok(); ++i) {
        get_entry(reader, header_size, body.entries.emplace_back());
    }
    if (reader.remaining() >= sizeof(std::uint64_t)) {
        const auto translations = reader.integer<std::uint64_t>();
        body.translations = translations == no_translations ? std::nullopt : std::optional(translations);
    }
}

void get(BodyReader& reader, MemoryRecord& body) {
    body.part = reader.enumerator("part of memory", MemoryRecord::last_part);
    body.proof = reader.enumerator("proof", Proof::verified);
    body.queue = reader.integer<std::uint16_t>();
    body.address = reader.integer<std::uint64_t>();
    get_content(reader, body.content);
}

void get(BodyReader& reader, GapRecord& body) {
    body.queue = reader.integer<std::uint16_t>();
    body.at_least = (reader.integer<std::uint16_t>() & GapRecord::at_least_flag) != 0;
    body.chains = reader.integer<std::uint64_t>();
    body.records = reader.integer<std::uint64_t>();
    body.bytes = reader.integer<std::uint64_t>();
    body.reason = reader.text();
}

void get(BodyReader& reader, NoteRecord& body) {
    body.severity = reader.enumerator("severity", NoteRecord::Severity::error);
    reader.skip(1);
    body.queue = reader.integer<std::uint16_t>();
    body.text = reader.text();
}

template <class Body>
Result<RecordBody> decode_as(ByteView bytes) {
    RecordBody body{std::in_place_type<Body>};
    BodyReader reader(bytes);
    get(reader, *std::get_if<Body>(&body));
    if (!reader.ok()) {
        return tl::unexpected(reader.error());
    }
    return body;
}

// By record type, from 1: in the order of the variant's alternatives.
constexpr std::array decoders{&decode_as<SessionRecord>, &decode_as<MessageRecord>, &decode_as<EventRecord>,
                              &decode_as<ChainRecord>,   &decode_as<MemoryRecord>,  &decode_as<GapRecord>,
                              &decode_as<NoteRecord>};
static_assert(decoders.size() == std::variant_size_v<RecordBody>);

}  // namespace

std::size_t encoded_size(const RecordBody& body) noexcept {
    CountingSink sink;
    std::visit([&sink](const auto& alternative) { put(sink, alternative); }, body);
    return sink.size();
}

void encode_body(const RecordBody& body, MutableByteView out) noexcept {
    StoringSink sink(out);
    std::visit([&sink](const auto& alternative) { put(sink, alternative); }, body);
}

Result<RecordBody> decode_body(RecordType type, std::uint8_t version, ByteView bytes) {
    const auto index = static_cast<std::size_t>(type) - 1;
    if (index >= decoders.size()) {
        return fail(ErrorCode::unsupported, fmt::format("unknown record type {}", number(type)), 0);
    }
    if (version == 0 || version > format_version) {
        const auto code = version == 0 ? ErrorCode::bad_input : ErrorCode::unsupported;
        return fail(
            code, fmt::format("version {} of a {} record, known up to {}", version, name_of(type), format_version), 0);
    }
    return decoders[index](bytes);
}

}  // namespace vutrace::trace
