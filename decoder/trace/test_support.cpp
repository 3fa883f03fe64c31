#include "test_support.h"

#include "vutrace/trace/encode.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>

namespace vutrace::trace::test {
namespace {

template <class T>
constexpr T most = std::numeric_limits<T>::max();

Content mixed_content() {
    Content content;
    content.add_literal(pattern(5));
    content.add_zeros(std::uint64_t{64} << 30U);
    content.add_missing(3);
    content.add_literal(pattern(4097, 9));
    return content;
}

MessageRecord full_message() {
    MessageRecord message{Channel::gpu, Side::back_end, true, true, most<std::uint64_t>, {}, pattern(300)};
    for (std::uint8_t kind = 0; kind <= 7; ++kind) {
        message.descriptors.push_back({kind + most<std::uint32_t> - 7,
                                       {static_cast<DescriptorKind>(kind), 0x1f, 0x8002, most<std::uint64_t>,
                                        most<std::uint64_t> - kind, std::uint64_t{64} << 30U}});
    }
    return message;
}

ChainRecord full_chain() {
    ChainRecord record{most<std::uint16_t>, {1, 2, 3, 4, 5, most<std::uint16_t>}, {}};
    ChainEntry available{ChainEntry::State::available, Proof::verified, 7, 65535, 0, 0, 13, {}, mixed_content()};
    available.time_offset = most<std::uint32_t>;
    available.descriptors = {{most<std::uint64_t>, most<std::uint32_t>, most<std::uint16_t>, most<std::uint16_t>},
                             {0x1000, 16, 1, 2},
                             {0, 0, 0, 0}};
    record.entries.push_back(available);
    record.entries.push_back({ChainEntry::State::used, Proof::partial, 7, 0, 1, most<std::uint32_t>, 0, {}, {}});
    record.entries.push_back({});
    return record;
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
    const char* parent = ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";  // thousands of small files: in memory
    path_ = std::string(parent) + "/vutraceXXXXXX";
    EXPECT_NE(::mkdtemp(path_.data()), nullptr);
}

TemporaryFolder::~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

Bytes read_file(const std::string& path) {
    std::ifstream stream(path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    const ByteView bytes = as_bytes(text);
    return {bytes.begin(), bytes.end()};
}

void write_file(const std::string& path, ByteView bytes) {
    std::ofstream stream(path, std::ios::binary | std::ios::trunc);
    stream.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    EXPECT_TRUE(stream.flush()) << path;
}

Bytes pattern(std::size_t size, std::uint8_t first) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) {
        bytes[i] = static_cast<std::byte>(first + i * 7 + i / 256);
    }
    return bytes;
}

std::vector<RecordBody> sample_bodies() {
    return {
        SessionRecord{},
        SessionRecord{SessionRecord::Kind::closed,
                      {{"reason", "reset"}, {"", ""}, {"detail", std::string(70000, 'x')}}},
        MessageRecord{},
        full_message(),
        EventRecord{},
        EventRecord{EventRecord::Kind::err, most<std::uint16_t> - 1, most<std::uint64_t>},
        full_chain(),
        MemoryRecord{},
        MemoryRecord{MemoryRecord::Part::inflight, Proof::verified, 3, most<std::uint64_t>, mixed_content()},
        MemoryRecord{MemoryRecord::Part::log, Proof::late, no_queue, 0x800, mixed_content()},
        MemoryRecord{MemoryRecord::Part::device_state, Proof::verified, no_queue, 0x10000, mixed_content()},
        GapRecord{},
        GapRecord{0, most<std::uint64_t>, most<std::uint64_t> - 1, most<std::uint64_t> - 2, std::string("a\0b", 3)},
        GapRecord{3, 7, 1, 0, "the ring may have gone round", true},
        NoteRecord{},
        NoteRecord{NoteRecord::Severity::error, 12, "text \xff that is no UTF-8"},
    };
}

Bytes encode(const RecordBody& body) {
    Bytes bytes(encoded_size(body));
    encode_body(body, bytes);
    return bytes;
}

void write_trace(const std::string& path, const std::vector<RecordBody>& bodies) {
    auto writer = Writer::create(path);
    ASSERT_TRUE(writer) << describe(writer.error());
    std::int64_t time = start_time;
    for (const RecordBody& body : bodies) {
        ASSERT_TRUE(writer->append(time, 1, body));
        time += 1000;
    }
    ASSERT_TRUE(writer->flush());
}

Contents read_trace(const std::string& path) {
    Contents contents;
    auto reader = Reader::open(path);
    if (!reader) {
        ADD_FAILURE() << describe(reader.error());
        return contents;
    }
    for (;;) {
        const Position position = reader->position();
        auto record = reader->next();
        if (!record) {
            ADD_FAILURE() << describe(record.error());
            break;
        }
        if (!*record) {
            break;
        }
        contents.positions.push_back(position);
        contents.records.push_back(std::move(**record));
    }
    contents.end = reader->position();
    contents.problems = reader->problems();
    return contents;
}

Bytes raw_file_header() {
    Bytes bytes;
    ByteWriter writer(bytes);
    for (const std::uint32_t word : {0xa1b23c4dU, 0x00040002U, 0U, 0U, 262144U, 252U}) {
        writer.write(word);
    }
    return bytes;
}

void append_packet(Bytes& file, ByteView packet, std::uint32_t seconds, std::uint32_t cut_from) {
    ByteWriter writer(file);
    const auto size = static_cast<std::uint32_t>(packet.size());
    for (const std::uint32_t word : {seconds, 0U, size, std::max(size, cut_from)}) {
        writer.write(word);
    }
    writer.write(packet);
}

void append_raw(Bytes& file, const RawRecord& record) {
    Bytes packet;
    ByteWriter writer(packet);
    writer.write(as_bytes(std::string_view("\0\x0c\0\x08vutrace\0\0\0\0\0", 16)));
    writer.write(record.version);
    writer.write(record.type);
    writer.write(std::uint16_t{0xbeef});  // flags, which nobody looks at
    writer.write(record.session);
    writer.write(record.body_length);
    writer.write(record.fragment_offset);
    writer.write(record.piece);
    append_packet(file, packet, record.seconds, record.cut_from);
}

}  // namespace vutrace::trace::test
