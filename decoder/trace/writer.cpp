#include "vutrace/trace/writer.h"

#include "framing.h"
#include "vutrace/trace/encode.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <limits>
#include <vector>

namespace vutrace::trace {
namespace {

constexpr std::size_t buffer_limit = std::size_t{1} << 20U;  // what waits before the kernel gets it
constexpr std::int64_t nanoseconds_per_second = 1'000'000'000;
constexpr std::int64_t latest_time =  // pcap has 32 bits for the seconds
    (std::int64_t{std::numeric_limits<std::uint32_t>::max()} + 1) * nanoseconds_per_second - 1;

struct ClosePcap {
    void operator()(pcap_t* pcap) const noexcept { pcap_close(pcap); }
};
struct CloseDumper {
    void operator()(pcap_dumper_t* dumper) const noexcept { pcap_dump_close(dumper); }
};

ssize_t append_to_cookie(void* cookie, const char* data, std::size_t size) {
    auto& bytes = *static_cast<Bytes*>(cookie);
    const auto piece = std::as_bytes(std::span(data, size));
    bytes.insert(bytes.end(), piece.begin(), piece.end());  // never allocates: the room was reserved before
    return static_cast<ssize_t>(size);
}

using Clock = std::chrono::steady_clock;

bool is_pipe(const std::string& path) noexcept {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 && S_ISFIFO(status.st_mode);
}

// Never blocks: a pipe that nobody reads is tried again until `patience` is over. Nothing tells when a reader comes.
FileDescriptor open_for_writing(const std::string& path, std::chrono::milliseconds patience) {
    constexpr int try_again_ms = 10;
    const auto deadline = Clock::now() + patience;
    while (true) {
        FileDescriptor file(
            ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, S_IRUSR | S_IWUSR));
        const int reason = errno;
        if (file || reason != ENXIO || Clock::now() >= deadline || !is_pipe(path)) {
            errno = reason;
            return file;
        }
        (void)::poll(nullptr, 0, try_again_ms);
    }
}

Result<FileDescriptor> create_private_file(const std::string& path, std::chrono::milliseconds patience, bool& regular) {
    FileDescriptor file = open_for_writing(path, patience);
    if (!file) {
        const int reason = errno;
        const bool nobody_reads = reason == ENXIO && is_pipe(path);
        return fail_errno(nobody_reads ? fmt::format("'{}' is a pipe that nobody reads", path)
                                       : fmt::format("cannot create '{}'", path),
                          reason);
    }
    struct stat status {};
    if (::fstat(file.number(), &status) != 0) {
        return fail_errno(fmt::format("cannot look at '{}'", path));
    }
    regular = S_ISREG(status.st_mode);
    // The mode before the first byte. Devices and pipes keep theirs: they are not ours.
    if (regular && (::fchmod(file.number(), S_IRUSR | S_IWUSR) != 0 || ::ftruncate(file.number(), 0) != 0)) {
        return fail_errno(fmt::format("cannot make '{}' an empty file for its owner only", path));
    }
    return file;
}

Status check_size(RecordType type, std::size_t size) {
    if (size > max_body_size) {
        return fail(ErrorCode::limit,
                    fmt::format("a {} record of {} bytes, the most is {}", name_of(type), size, max_body_size));
    }
    return {};
}

}  // namespace

// libpcap writes into `waiting` by way of an unbuffered stream, and only this class writes to the file: so a failed
// write loses nothing that was taken, which a FILE's own buffer could not promise.
struct Writer::State {
    FileDescriptor file;
    bool regular{true};                     // can be cut back
    std::chrono::milliseconds patience{0};  // with what is no file
    bool stuck{false};                      // the last drain waited for that long
    Bytes waiting;
    std::vector<std::size_t> ends;  // of the whole records in `waiting`
    std::uint64_t file_size{0};     // bytes in the file before `waiting`; a record's end
    std::uint64_t records{0};
    std::int64_t last_time{0};
    Bytes packet;
    Bytes body;  // of the record being appended
    std::unique_ptr<pcap_t, ClosePcap> pcap;
    std::unique_ptr<pcap_dumper_t, CloseDumper> dumper;  // refers to `waiting`

    ~State() {
        if (!stuck) {
            (void)drain();
        }
    }
    Status open_dumper();
    Status make_room(std::size_t body_size);
    void put(std::int64_t time, std::uint32_t session, RecordType type, ByteView body_bytes);
    void put_piece(const pcap_pkthdr& header, const RecordHeader& record, ByteView piece);
    Status drain();
    [[nodiscard]] Status wait_for_room();
    void keep_from(std::size_t written);
};

Status Writer::State::open_dumper() {
    pcap.reset(pcap_open_dead_with_tstamp_precision(link_type, max_packet, PCAP_TSTAMP_PRECISION_NANO));
    const cookie_io_functions_t functions{nullptr, append_to_cookie, nullptr, nullptr};
    std::FILE* stream = ::fopencookie(&waiting, "wb", functions);
    if (!pcap || stream == nullptr) {
        return fail_errno("cannot set up libpcap", ENOMEM);
    }
    std::setvbuf(stream, nullptr, _IONBF, 0);
    waiting.reserve(buffer_limit);
    packet.resize(max_packet);
    dumper.reset(pcap_dump_fopen(pcap.get(), stream));
    if (!dumper) {
        return fail(ErrorCode::system, fmt::format("libpcap: {}", pcap_geterr(pcap.get())));
    }
    ends.push_back(waiting.size());
    return drain();
}

// The only place that fails, and that allocates: what follows in an append does neither.
Status Writer::State::make_room(std::size_t body_size) {
    const std::size_t pieces = std::max<std::size_t>(1, (body_size + max_piece - 1) / max_piece);
    const std::size_t needed = body_size + pieces * (packet_header_size + prefix_size);
    if (waiting.size() + needed > buffer_limit && !waiting.empty()) {
        if (Status drained = drain(); !drained) {
            return drained;
        }
    }
    waiting.reserve(std::max(buffer_limit, waiting.size() + needed));
    ends.push_back(waiting.size() + needed);
    return {};
}

void Writer::State::put(std::int64_t time, std::uint32_t session, RecordType type, ByteView body_bytes) {
    last_time = std::clamp(time, last_time, latest_time);
    pcap_pkthdr header{};
    header.ts.tv_sec = static_cast<time_t>(last_time / nanoseconds_per_second);
    header.ts.tv_usec = static_cast<suseconds_t>(last_time % nanoseconds_per_second);
    RecordHeader record{format_version, static_cast<std::uint8_t>(type), session,
                        static_cast<std::uint32_t>(body_bytes.size()), 0};
    do {
        const ByteView piece =
            body_bytes.subspan(record.fragment_offset, std::min(max_piece, body_bytes.size() - record.fragment_offset));
        put_piece(header, record, piece);
        record.fragment_offset += static_cast<std::uint32_t>(piece.size());
    } while (record.fragment_offset < body_bytes.size());
    ++records;
}

void Writer::State::put_piece(const pcap_pkthdr& header, const RecordHeader& record, ByteView piece) {
    const auto prefix = make_prefix(record);
    std::copy(prefix.begin(), prefix.end(), packet.begin());
    std::copy(piece.begin(), piece.end(), packet.begin() + prefix_size);
    pcap_pkthdr whole = header;
    whole.caplen = whole.len = static_cast<bpf_u_int32>(prefix_size + piece.size());
    pcap_dump(reinterpret_cast<u_char*>(dumper.get()), &whole, reinterpret_cast<const u_char*>(packet.data()));
}

// A pipe that is full, or a device that takes nothing at the moment.
Status Writer::State::wait_for_room() {
    const auto deadline = Clock::now() + patience;
    pollfd entry{file.number(), POLLOUT, 0};
    while (true) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
        const int ready = ::poll(&entry, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX)));
        if (ready > 0) {
            return {};
        }
        if (ready == 0) {
            stuck = true;
            return fail(ErrorCode::system,
                        fmt::format("cannot write to the trace: its reader took nothing for {:.1f} s",
                                    std::chrono::duration<double>(patience).count()));
        }
        if (errno != EINTR) {
            return fail_errno("cannot wait for the trace's reader");
        }
    }
}

Status Writer::State::drain() {
    stuck = false;
    std::size_t written = 0;
    while (written < waiting.size()) {
        const ssize_t count = ::write(file.number(), waiting.data() + written, waiting.size() - written);
        if (count > 0) {
            written += static_cast<std::size_t>(count);
        } else if (count < 0 && errno == EAGAIN) {
            if (Status room = wait_for_room(); !room) {
                keep_from(written);
                return room;
            }
        } else if (count == 0 || errno != EINTR) {
            const int reason = count == 0 ? ENOSPC : errno;
            keep_from(written);
            return fail_errno("cannot write to the trace", reason);
        }
    }
    file_size += written;
    waiting.clear();
    ends.clear();
    return {};
}

// Of `written` bytes that reached the file, leaves the whole records there; the rest waits again.
void Writer::State::keep_from(std::size_t written) {
    const auto unwritten = std::upper_bound(ends.begin(), ends.end(), written);
    // What is no file cannot be cut back: its reader has the bytes already, so go on right behind them.
    const std::size_t whole = !regular ? written : unwritten == ends.begin() ? 0 : *(unwritten - 1);
    ends.erase(ends.begin(), unwritten);
    for (std::size_t& end : ends) {
        end -= whole;
    }
    waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(whole));
    file_size += whole;
    if (regular && written > whole) {
        // Failing here leaves half a record at the end, which readers take for torn and the next write covers.
        (void)::ftruncate(file.number(), static_cast<off_t>(file_size));
        (void)::lseek(file.number(), static_cast<off_t>(file_size), SEEK_SET);
    }
}

Writer::Writer(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
Writer::Writer(Writer&&) noexcept = default;
Writer& Writer::operator=(Writer&&) noexcept = default;
Writer::~Writer() = default;

Result<Writer> Writer::create(const std::string& path, PipePatience patience) {
    auto state = std::make_unique<State>();
    state->patience = patience.write;
    auto file = create_private_file(path, patience.open, state->regular);
    if (!file) {
        return tl::unexpected(file.error());
    }
    state->file = std::move(*file);
    if (Status opened = state->open_dumper(); !opened) {
        return tl::unexpected(opened.error());
    }
    return Writer(std::move(state));
}

Status Writer::append(std::int64_t time, std::uint32_t session, RecordType type, ByteView body) {
    if (Status checked = check_size(type, body.size()); !checked) {
        return checked;
    }
    if (Status room = state_->make_room(body.size()); !room) {
        return room;
    }
    state_->put(time, session, type, body);
    return {};
}

Status Writer::append(std::int64_t time, std::uint32_t session, const RecordBody& body) {
    const std::size_t size = encoded_size(body);
    if (Status checked = check_size(type_of(body), size); !checked) {
        return checked;
    }
    state_->body.resize(size);
    encode_body(body, state_->body);
    return append(time, session, type_of(body), state_->body);
}

Status Writer::flush() {
    return state_->drain();
}

std::uint64_t Writer::bytes_written() const noexcept {
    return state_->file_size + state_->waiting.size();
}

Writer::Waiting Writer::waiting() const noexcept {
    return {state_->ends.size(), state_->waiting.size()};
}

bool Writer::discard_waiting() noexcept {
    if (!state_->regular) {
        return false;
    }
    state_->records -= state_->ends.size();
    state_->waiting.clear();
    state_->ends.clear();
    return true;
}

std::uint64_t Writer::records_written() const noexcept {
    return state_->records;
}

}  // namespace vutrace::trace
