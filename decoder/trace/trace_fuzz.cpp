// libFuzzer: the first byte chooses. 0: the rest is a trace file, read to its end and once more from its middle.
// Otherwise: a body of that record type, which must come back from its own encoding as it was.
#include <vutrace/system/file_descriptor.h>
#include <vutrace/trace/encode.h>
#include <vutrace/trace/reader.h>

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace {

using namespace vutrace;
using namespace vutrace::trace;

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

void read_to_end(Reader& reader, std::size_t size) {
    std::size_t records = 0;
    std::int64_t time = 0;
    for (;;) {
        auto record = reader.next();
        if (!record || !*record) {
            return;
        }
        require((*record)->time >= time && ++records <= size);
        time = (*record)->time;
    }
}

void read_file(ByteView bytes) {
    const FileDescriptor file(::memfd_create("trace", MFD_CLOEXEC));
    require(static_cast<bool>(file));
    require(::write(file.number(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
    auto reader = Reader::open("/proc/self/fd/" + std::to_string(file.number()));
    if (!reader) {
        return;
    }
    const bool any = reader->next().value().has_value();
    const Position second = reader->position();
    // What decompresses to more than it is may hold more records than it has bytes.
    const std::size_t limit = bytes.size() * 100'000;
    read_to_end(*reader, limit);
    if (any && reader->seek(second)) {
        require(reader->position() == second);
        read_to_end(*reader, limit);
    }
}

void decode(RecordType type, ByteView bytes) {
    const auto body = decode_body(type, format_version, bytes);
    if (!body) {
        return;
    }
    Bytes encoded(encoded_size(*body));
    encode_body(*body, encoded);
    const auto again = decode_body(type, format_version, encoded);
    require(again && *again == *body);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const ByteView bytes = std::as_bytes(std::span(data, size));
    if (data[0] == 0) {
        read_file(bytes.subspan(1));
    } else {
        decode(static_cast<RecordType>(data[0]), bytes.subspan(1));
    }
    return 0;
}
