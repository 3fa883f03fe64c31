#include "session_bytes.h"

#include <vutrace/protocol/header.h>
#include <vutrace/trace/encode.h>

#include <algorithm>

namespace vutrace::fuzz {
namespace {

constexpr std::uint8_t kinds = 9;
constexpr std::uint8_t channels = 3;
constexpr std::uint8_t any_record = 6, time_passes = 7, other_session = 8;
constexpr std::uint32_t sessions = 4;          // 0, the whole trace, among them
constexpr std::size_t most_descriptors = 253;  // SCM_MAX_FD of Linux
constexpr std::int64_t first_time = 1'700'000'000'000'000'000;
constexpr std::int64_t time_step = 1000;

class Parser {
  public:
    explicit Parser(ByteView bytes) : reader_(bytes) {}

    Session parse() {
        const auto device = reader_.read<std::uint8_t>();
        session_.device = device == 0 ? std::nullopt : std::optional<std::uint32_t>(device);
        while (reader_.remaining() > 0) {
            const auto kind = static_cast<std::uint8_t>(reader_.read<std::uint8_t>() % kinds);
            if (kind == any_record) {
                take_record();
            } else if (kind == time_passes) {
                time_ += std::int64_t{reader_.read<std::uint32_t>()} * 1000;
            } else if (kind == other_session) {
                number_ = reader_.read<std::uint8_t>() % sessions;
            } else {
                take_message(static_cast<Channel>(kind % channels), static_cast<Side>(kind / channels));
            }
        }
        return std::move(session_);
    }

  private:
    [[nodiscard]] ByteView take_at_most(std::uint64_t size) {
        return reader_.take(static_cast<std::size_t>(std::min<std::uint64_t>(size, reader_.remaining())));
    }
    void take_message(Channel channel, Side sender) {
        trace::MessageRecord message;
        message.channel = channel;
        message.sender = sender;
        const std::size_t descriptors = std::min<std::size_t>(reader_.read<std::uint8_t>(), most_descriptors);
        for (std::size_t i = 0; i < descriptors; ++i) {
            trace::Descriptor descriptor;
            descriptor.id = ++descriptors_;
            descriptor.description.kind = static_cast<DescriptorKind>(descriptor.id % 8);
            descriptor.description.inode = descriptor.id;
            message.descriptors.push_back(descriptor);
        }
        const ByteView header = take_at_most(protocol::header_size);
        message.bytes.assign(header.begin(), header.end());
        const auto parsed = protocol::parse_header(header);
        const ByteView payload = parsed ? take_at_most(parsed->size) : ByteView{};
        message.bytes.insert(message.bytes.end(), payload.begin(), payload.end());
        message.incomplete = !parsed || payload.size() < parsed->size;
        add_in_pieces(std::move(message));
    }
    void add_in_pieces(trace::MessageRecord message) {
        const Bytes bytes = std::move(message.bytes);
        for (std::size_t at = 0; at == 0 || at < bytes.size(); at += trace::max_message_piece) {
            const ByteView piece = ByteView(bytes).subspan(at, std::min(trace::max_message_piece, bytes.size() - at));
            message.offset = at;
            message.bytes.assign(piece.begin(), piece.end());
            add(message);
            message.descriptors.clear();
        }
    }
    void take_record() {
        const auto type = static_cast<trace::RecordType>(reader_.read<std::uint8_t>());
        const ByteView body = take_at_most(reader_.read<std::uint16_t>());
        if (auto decoded = trace::decode_body(type, trace::format_version, body)) {
            add(std::move(*decoded));
        }
    }
    void add(trace::RecordBody body) {
        trace::Record record{next_, time_, number_, std::move(body)};
        next_ += trace::sequence_count(record);
        time_ += time_step;
        session_.records.push_back(std::move(record));
    }

    ByteReader reader_;
    Session session_;
    std::uint64_t next_{1};
    std::int64_t time_{first_time};
    std::uint32_t number_{1};
    std::uint32_t descriptors_{0};
};

// Whether a relay that reads the header would cut the stream here.
bool is_whole(const trace::MessageRecord& message) {
    const auto header = protocol::parse_header(message.bytes);
    return header && message.offset == 0 && !message.incomplete && !message.descriptors_truncated &&
           message.bytes.size() == protocol::header_size + header->size;
}

void write_message(ByteWriter& writer, const trace::MessageRecord& message) {
    const auto kind = static_cast<unsigned>(message.channel) + channels * static_cast<unsigned>(message.sender);
    writer.write(static_cast<std::uint8_t>(kind));
    writer.write(static_cast<std::uint8_t>(std::min(message.descriptors.size(), most_descriptors)));
    writer.write(ByteView(message.bytes));
}

void write_record(ByteWriter& writer, const trace::RecordBody& body) {
    Bytes encoded(trace::encoded_size(body));
    if (encoded.size() > UINT16_MAX) {
        return;
    }
    trace::encode_body(body, encoded);
    writer.write(any_record);
    writer.write(static_cast<std::uint8_t>(trace::type_of(body)));
    writer.write(static_cast<std::uint16_t>(encoded.size()));
    writer.write(ByteView(encoded));
}

}  // namespace

Session parse_session(ByteView bytes) {
    return Parser(bytes).parse();
}

Bytes session_bytes(const Session& session) {
    Bytes out;
    ByteWriter writer(out);
    writer.write(static_cast<std::uint8_t>(session.device.value_or(0)));
    std::uint32_t number = 1;
    std::int64_t next_time = session.records.empty() ? 0 : session.records.front().time;
    for (const trace::Record& record : session.records) {
        if (record.session != number) {
            number = record.session;
            writer.write(other_session);
            writer.write(static_cast<std::uint8_t>(number));
        }
        if (const std::int64_t microseconds = (record.time - next_time) / 1000; microseconds > 0) {
            writer.write(time_passes);
            writer.write(static_cast<std::uint32_t>(std::min<std::int64_t>(microseconds, UINT32_MAX)));
        }
        next_time = record.time + time_step;
        const auto* message = std::get_if<trace::MessageRecord>(&record.body);
        if (message != nullptr && is_whole(*message)) {
            write_message(writer, *message);
        } else {
            write_record(writer, record.body);
        }
    }
    return out;
}

}  // namespace vutrace::fuzz
