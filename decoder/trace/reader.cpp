#include "vutrace/trace/reader.h"

#include "framing.h"
#include "input.h"
#include "vutrace/trace/encode.h"

#include <fmt/format.h>
#include <pcap/pcap.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

namespace vutrace::trace {
namespace {

constexpr std::int64_t nanoseconds_per_second = 1'000'000'000;
constexpr std::size_t max_kept_errors = 100;

struct ClosePcap {
    void operator()(pcap_t* pcap) const noexcept { pcap_close(pcap); }
};

// A packet as libpcap gives it: valid until the next one is read.
struct Packet {
    std::uint64_t offset{0};  // where it begins in the file
    std::int64_t time{0};
    bool cut{false};  // an editor of pcap files has cut its end off
    ByteView bytes;
};

// Whether two pieces can belong to one record.
bool same_record(const RecordHeader& a, const RecordHeader& b) noexcept {
    return a.version == b.version && a.type == b.type && a.session == b.session && a.body_length == b.body_length;
}

// The record that is being put together from its fragments. The bytes grow as they arrive: the announced
// length is only a claim.
struct Assembly {
    RecordHeader header;
    std::uint64_t offset{0};
    std::int64_t time{0};
    Bytes bytes;
    bool active{false};

    [[nodiscard]] bool continues(const RecordHeader& piece, const Packet& packet) const noexcept {
        return active && same_record(piece, header) && packet.time == time && piece.fragment_offset == bytes.size();
    }
};

Error torn_header(std::uint64_t size) {
    return {ErrorCode::torn, size == 0 ? "the file is empty" : "the file ends inside its header", size, 0};
}

Error not_a_trace(const std::string& what) {
    return {ErrorCode::bad_input, fmt::format("this is no trace of vutrace: {}", what), 0, 0};
}

std::string name_of_link_type(int type) {
    const char* const name = pcap_datalink_val_to_name(type);
    return name == nullptr ? fmt::format("link type {}", type) : fmt::format("link type {}, {}", type, name);
}

}  // namespace

struct Reader::State {
    std::unique_ptr<Input> input;
    std::unique_ptr<pcap_t, ClosePcap> pcap;  // reads from `input`; null where the file has not even a header
    std::FILE* stream{nullptr};               // belongs to `pcap`
    ReadProblems problems;
    std::uint64_t position{0};  // where the next packet begins
    std::uint64_t next_sequence{1};
    std::int64_t last_time{0};
    Assembly assembly;
    std::optional<RecordHeader> passed_over;  // the rest of this record's fragments is of no interest
    Reader::PassedOver tell_passed_over;      // may be empty

    Status open();
    Result<std::optional<Packet>> next_packet();
    void end_of_packets();
    // Where libpcap goes on reading: behind the packet that it gave last.
    [[nodiscard]] std::uint64_t tell() const noexcept { return static_cast<std::uint64_t>(::ftello(stream)); }
    std::optional<Record> take(const Packet& packet);
    std::optional<Record> take_first(const RecordHeader& header, const Packet& packet, ByteView piece);
    std::optional<Record> take_more(const RecordHeader& header, const Packet& packet, ByteView piece);
    std::optional<Record> decode(const RecordHeader& header, std::uint64_t offset, std::int64_t time, ByteView body);
    void abandon_assembly(const char* why);
    void pass_over(const RecordHeader& header, const Error& error);
};

Status Reader::State::open() {
    const ByteView start = input->start();
    position = start.size();
    if (start.empty() && input->problem()) {  // compressed, and broken or cut off before its first byte
        if (input->problem()->code != ErrorCode::torn) {
            return tl::unexpected(not_a_trace(input->problem()->text));
        }
        problems.torn = *input->problem();
        return {};
    }
    if (start.size() < file_header_size && std::equal(start.begin(), start.end(), file_header().begin())) {
        problems.torn = torn_header(start.size());
        return {};
    }
    stream = input->stream();
    if (stream == nullptr) {
        return fail_errno("cannot set up libpcap");
    }
    std::array<char, PCAP_ERRBUF_SIZE> text{};
    pcap.reset(pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_NANO, text.data()));
    if (!pcap) {
        std::fclose(stream);
        return input->problem() ? Status(tl::unexpected(*input->problem()))
                                : Status(tl::unexpected(not_a_trace(fmt::format("not even pcap ({})", text.data()))));
    }
    if (pcap_datalink(pcap.get()) != link_type) {
        return tl::unexpected(not_a_trace(
            fmt::format("a pcap file of something else ({})", name_of_link_type(pcap_datalink(pcap.get())))));
    }
    position = tell();
    return {};
}

Result<std::optional<Packet>> Reader::State::next_packet() {
    pcap_pkthdr* header = nullptr;
    const u_char* data = nullptr;
    if (!pcap || problems.torn) {
        return std::nullopt;
    }
    if (pcap_next_ex(pcap.get(), &header, &data) != 1) {
        if (input->problem() && input->problem()->code == ErrorCode::system) {
            return tl::unexpected(*input->problem());
        }
        end_of_packets();
        return std::nullopt;
    }
    Packet packet;
    packet.offset = std::exchange(position, tell());
    // The seconds are unsigned in the file; libpcap extends their sign.
    packet.time = std::int64_t{static_cast<std::uint32_t>(header->ts.tv_sec)} * nanoseconds_per_second +
                  std::clamp<std::int64_t>(header->ts.tv_usec, 0, nanoseconds_per_second - 1);
    packet.cut = header->caplen < header->len;
    packet.bytes = {reinterpret_cast<const std::byte*>(data), header->caplen};
    return packet;
}

// Tells a whole end from a torn one. Once a packet's header makes no sense, nothing says where the next one begins.
void Reader::State::end_of_packets() {
    if (input->problem()) {
        problems.torn = input->problem();
    } else if (assembly.active) {
        problems.torn = Error{ErrorCode::torn, "the file ends between the fragments of a record", assembly.offset, 0};
    } else if (tell() != position) {
        const auto code = std::feof(stream) != 0 ? ErrorCode::torn : ErrorCode::bad_input;
        problems.torn = Error{code, fmt::format("no whole packet here: {}", pcap_geterr(pcap.get())), position, 0};
    }
    if (std::exchange(assembly.active, false)) {
        position = assembly.offset;  // where the record will be read again, should the rest of it come
    }
    std::clearerr(stream);  // the file may grow, and `seek` may go back: an end is not for ever
}

std::optional<Record> Reader::State::take(const Packet& packet) {
    const auto header = parse_prefix(packet.bytes);
    if (!header) {
        ++problems.foreign_packets;
        return std::nullopt;
    }
    const ByteView piece = packet.bytes.subspan(prefix_size);
    return header->fragment_offset == 0 ? take_first(*header, packet, piece) : take_more(*header, packet, piece);
}

std::optional<Record> Reader::State::take_first(const RecordHeader& header, const Packet& packet, ByteView piece) {
    abandon_assembly("another record begins");
    passed_over.reset();
    if (packet.cut || header.body_length > max_body_size || piece.size() > header.body_length) {
        pass_over(header, {ErrorCode::bad_input,
                           fmt::format("a body of {} bytes with {} in its first packet{}", header.body_length,
                                       piece.size(), packet.cut ? ", which was cut" : ""),
                           packet.offset, 0});
        return std::nullopt;
    }
    if (piece.size() == header.body_length) {
        return decode(header, packet.offset, packet.time, piece);
    }
    assembly.header = header;
    assembly.offset = packet.offset;
    assembly.time = packet.time;
    assembly.bytes.assign(piece.begin(), piece.end());
    assembly.active = true;
    return std::nullopt;
}

std::optional<Record> Reader::State::take_more(const RecordHeader& header, const Packet& packet, ByteView piece) {
    if (packet.cut || !assembly.continues(header, packet) || piece.empty() ||
        piece.size() > assembly.header.body_length - assembly.bytes.size()) {
        abandon_assembly("another fragment follows");
        if (!passed_over || !same_record(*passed_over, header)) {
            pass_over(header,
                      {ErrorCode::bad_input,
                       fmt::format("a fragment from byte {} without what belongs before it", header.fragment_offset),
                       packet.offset, 0});
        }
        return std::nullopt;
    }
    assembly.bytes.insert(assembly.bytes.end(), piece.begin(), piece.end());
    if (assembly.bytes.size() < assembly.header.body_length) {
        return std::nullopt;
    }
    assembly.active = false;
    return decode(assembly.header, assembly.offset, assembly.time, assembly.bytes);
}

std::optional<Record> Reader::State::decode(const RecordHeader& header, std::uint64_t offset, std::int64_t time,
                                            ByteView body) {
    auto decoded = decode_body(static_cast<RecordType>(header.type), header.version, body);
    if (!decoded) {
        Error error = std::move(decoded.error());
        error.text += fmt::format(", byte {} of the body", error.offset.value_or(0));
        error.offset = offset;
        pass_over(header, error);
        return std::nullopt;
    }
    last_time = std::max(last_time, time);
    Record record{next_sequence, last_time, header.session, std::move(*decoded)};
    next_sequence += sequence_count(record);
    return record;
}

void Reader::State::abandon_assembly(const char* why) {
    if (assembly.active) {
        assembly.active = false;
        pass_over(assembly.header, {ErrorCode::bad_input,
                                    fmt::format("only {} of {} bytes of a record: {}", assembly.bytes.size(),
                                                assembly.header.body_length, why),
                                    assembly.offset, 0});
    }
}

void Reader::State::pass_over(const RecordHeader& header, const Error& error) {
    if (tell_passed_over) {
        tell_passed_over(next_sequence, error);
    }
    ++next_sequence;
    passed_over = header;
    if (error.code == ErrorCode::unsupported) {
        ++problems.unknown_records;
        return;
    }
    ++problems.bad_record_count;
    if (problems.bad_records.size() < max_kept_errors) {
        problems.bad_records.push_back(error);
    }
}

Reader::Reader(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;
Reader::~Reader() = default;

Result<Reader> Reader::open(const std::string& path) {
    auto input = Input::open(path);
    if (!input) {
        return tl::unexpected(input.error());
    }
    auto state = std::make_unique<State>();
    state->input = std::move(*input);
    if (Status opened = state->open(); !opened) {
        return tl::unexpected(opened.error());
    }
    return Reader(std::move(state));
}

Result<std::optional<Record>> Reader::next() {
    for (;;) {
        auto packet = state_->next_packet();
        if (!packet) {
            return tl::unexpected(packet.error());
        }
        if (!*packet) {
            return std::nullopt;
        }
        if (auto record = state_->take(**packet)) {
            return record;
        }
    }
}

void Reader::watch_passed_over(PassedOver told) {
    state_->tell_passed_over = std::move(told);
}

Position Reader::position() const noexcept {
    return {state_->position, state_->next_sequence, state_->last_time};
}

Status Reader::seek(const Position& position) {
    State& state = *state_;
    if (!state.pcap || !state.input->can_seek()) {
        return fail(ErrorCode::usage, "this trace can only be read from front to back");
    }
    if (position.offset < file_header_size || position.offset > state.input->file_size()) {
        return fail(ErrorCode::usage, "the trace is shorter than when a record began here", position.offset);
    }
    if (::fseeko(state.stream, static_cast<off_t>(position.offset), SEEK_SET) != 0) {
        return fail_errno("cannot go to another place in the trace");
    }
    state.position = position.offset;
    state.problems.torn.reset();
    state.assembly.active = false;
    state.passed_over.reset();
    state.next_sequence = position.next_sequence;
    state.last_time = position.time;
    return {};
}

const ReadProblems& Reader::problems() const noexcept {
    return state_->problems;
}

std::uint64_t Reader::file_size() const noexcept {
    return state_->input->file_size();
}

}  // namespace vutrace::trace
