#include "scenarios.h"

#include <vutrace/protocol/features.h>
#include <vutrace/protocol/testing/messages.h>
#include <vutrace/session/testing/session_builder.h>
#include <vutrace/virtio/devices/configuration.h>
#include <vutrace/virtio/split_ring.h>
#include <vutrace/virtio/testing/device_samples.h>

#include <algorithm>
#include <map>
#include <set>

namespace vutrace::fuzz {
namespace {

using protocol::RequestInfo;
using session::testing::BlockSession;
using session::testing::SessionBuilder;
using Request = protocol::FrontEndRequest;
using Part = trace::MemoryRecord::Part;
namespace sample = protocol::sample;
namespace feature = protocol::feature;
namespace protocol_feature = protocol::protocol_feature;

constexpr std::uint32_t file_system = 26;  // virtio device type
constexpr std::int64_t second = 1'000'000'000;

constexpr std::uint64_t bit(unsigned number) {
    return std::uint64_t{1} << number;
}

trace::MessageRecord as_record(const sample::Message& message) {
    trace::MessageRecord record;
    record.channel = message.channel;
    record.sender = message.sender;
    record.bytes = sample::wire_bytes(message);
    record.descriptors.resize(message.descriptors);
    for (std::uint32_t id = 1; trace::Descriptor & descriptor : record.descriptors) {
        descriptor.id = id++;
    }
    return record;
}

// A message of any channel as the catalogue has it, with the payload that is given.
void say(SessionBuilder& builder, Channel channel, std::string_view request, const Bytes& payload) {
    sample::Message message = sample::valid_request(*protocol::find_request(channel, request));
    message.payload = payload;
    message.header.size = static_cast<std::uint32_t>(payload.size());
    builder.add(as_record(message));
}

trace::MemoryRecord memory(Part part, const Bytes& bytes) {
    trace::MemoryRecord record{part, trace::Proof::late, trace::no_queue, 0, {}};
    record.content.add_literal(bytes);
    return record;
}

void notify(SessionBuilder& builder, trace::EventRecord::Kind kind) {
    builder.add(trace::EventRecord{kind, 0, 1});
}

void write_blocks(SessionBuilder& builder, std::uint16_t first, std::uint16_t count) {
    for (std::uint16_t i = 0; i < count; ++i) {
        const auto index = static_cast<std::uint16_t>(first + i);
        const auto head = static_cast<std::uint16_t>(i * 3);
        builder.chains(0, {BlockSession::write_request(head, index, index, 0x100000, Bytes(512, std::byte{0x5a}))});
        notify(builder, trace::EventRecord::Kind::kick);
        builder.chains(0, {session::testing::used_entry(head, index, session::testing::literal(Bytes(1)))});
        notify(builder, trace::EventRecord::Kind::call);
    }
}

void close(SessionBuilder& builder) {
    builder.add(trace::SessionRecord{trace::SessionRecord::Kind::half_closed, {{"side", "back-end"}}});
    builder.add(trace::SessionRecord{trace::SessionRecord::Kind::closed, {{"reason", "back-end closed"}}});
}

void block(SessionBuilder& builder) {
    BlockSession::start(builder);
    write_blocks(builder, 0, 4);
    BlockSession::stop_queue(builder, 0, 4);
    close(builder);
}

// The QEMU of 2017: no protocol features, polling without a kick or call, a dirty log, an announcement.
void before_protocol_features(SessionBuilder& builder) {
    builder.request(Request::GET_FEATURES);
    builder.reply(Request::GET_FEATURES, protocol::serialise_u64(BlockSession::features & ~bit(30)));
    builder.request(Request::SET_OWNER);
    builder.set(Request::SET_FEATURES, 0x44);
    builder.request(Request::SET_MEM_TABLE, protocol::serialise_regions(BlockSession::regions(), false), {1, 2});
    BlockSession::start_queue(builder);
    builder.set(Request::SET_VRING_KICK, bit(8));
    builder.set(Request::SET_VRING_CALL, bit(8));
    builder.request(Request::SET_LOG_BASE, protocol::serialise(protocol::Log{4096, 0}), {3});
    builder.reply(Request::SET_LOG_BASE);
    builder.request(Request::SEND_RARP, sample::valid_payload(protocol::PayloadKind::mac));
    builder.set(Request::NET_SET_MTU, 1500);
    builder.request(Request::RESET_OWNER);
}

void migration(SessionBuilder& builder) {
    BlockSession::start(builder);
    builder.request(Request::SET_LOG_BASE, protocol::serialise(protocol::Log{4096, 0}), {30});
    builder.reply(Request::SET_LOG_BASE, protocol::serialise_u64(0));
    builder.set(Request::SET_FEATURES, BlockSession::features | bit(feature::LOG_ALL));
    builder.request(Request::SET_LOG_BASE, protocol::serialise(protocol::Log{8192, 4096}), {31});
    write_blocks(builder, 0, 1);
    builder.add(memory(Part::log, Bytes{std::byte{0x0c}, std::byte{0x80}}));
    BlockSession::stop_queue(builder, 0, 1);
    builder.request(Request::SET_DEVICE_STATE_FD, sample::valid_payload(protocol::PayloadKind::device_state_transfer),
                    {32});
    builder.reply(Request::SET_DEVICE_STATE_FD, protocol::serialise_u64(0x100));
    builder.request(Request::CHECK_DEVICE_STATE);
    builder.reply(Request::CHECK_DEVICE_STATE, protocol::serialise_u64(0));
}

void postcopy(SessionBuilder& builder) {
    BlockSession::connect(builder);
    builder.request(Request::POSTCOPY_ADVISE);
    builder.reply(Request::POSTCOPY_ADVISE);
    builder.request(Request::POSTCOPY_LISTEN);
    builder.request_with_reply(Request::SET_MEM_TABLE, protocol::serialise_regions(BlockSession::regions(), false),
                               {10, 11});
    builder.reply(Request::SET_MEM_TABLE, protocol::serialise_regions(BlockSession::regions(), false));
    builder.set(Request::SET_MEM_TABLE, 0);
    BlockSession::start_queue(builder);
    builder.request(Request::POSTCOPY_END);
    builder.reply(Request::POSTCOPY_END, protocol::serialise_u64(0));
}

Bytes inflight_area(std::size_t header, std::size_t entry) {
    Bytes area(header + 4 * entry);
    store<std::uint16_t>(area, 8, 1);
    store<std::uint16_t>(area, 10, 4);
    for (std::size_t i = 0; i < 2; ++i) {
        store<std::uint8_t>(area, header + i * entry, 1);
        store<std::uint64_t>(area, header + i * entry + 8, 7 + i);
    }
    return area;
}

void inflight(SessionBuilder& builder, bool packed) {
    const Bytes area = packed ? inflight_area(32, 32) : inflight_area(16, 16);
    const Bytes shape = protocol::serialise(protocol::Inflight{area.size(), 0, 1, 4});
    BlockSession::connect(builder);
    builder.set(Request::SET_FEATURES, BlockSession::features | (packed ? bit(feature::RING_PACKED) : 0));
    builder.request(Request::GET_INFLIGHT_FD, protocol::serialise(protocol::Inflight{0, 0, 1, 4}));
    builder.reply(Request::GET_INFLIGHT_FD, shape);
    builder.request(Request::SET_INFLIGHT_FD, shape, {40});
    BlockSession::add_regions(builder);
    BlockSession::start_queue(builder);
    write_blocks(builder, 0, 1);
    builder.add(memory(Part::inflight, area));
    close(builder);
}

// Each side waits on its own channel.
void deadlock(SessionBuilder& builder) {
    BlockSession::start(builder);
    builder.set(Request::SET_FEATURES, BlockSession::features | bit(feature::ACCESS_PLATFORM));
    builder.request(Request::SET_BACKEND_REQ_FD, {}, {50});
    say(builder, Channel::back_end, "IOTLB_MSG", protocol::serialise(protocol::Iotlb{0x1000, 4096, 0, 1, 1}));
    builder.request(Request::IOTLB_MSG, protocol::serialise(protocol::Iotlb{0x1000, 4096, 0x7f0000000000, 3, 2}));
    say(builder, Channel::back_end, "IOTLB_MSG", protocol::serialise(protocol::Iotlb{0x5000, 4096, 0, 1, 1}));
    builder.set(Request::GET_VRING_BASE, 0, 0);
    builder.pass(5 * second);
    builder.add(trace::NoteRecord{trace::NoteRecord::Severity::warning, 0, "still waiting"});
}

void shared_memory(SessionBuilder& builder) {
    BlockSession::connect(builder);
    builder.request(Request::SET_BACKEND_REQ_FD, {}, {50});
    builder.request(Request::GET_SHMEM_CONFIG);
    builder.reply(Request::GET_SHMEM_CONFIG, sample::valid_payload(protocol::PayloadKind::shmem_config));
    say(builder, Channel::back_end, "SHMEM_MAP", protocol::serialise(protocol::SharedMap{1, 0, 0x1000, 0x2000, 1}));
    say(builder, Channel::back_end, "SHMEM_MAP", protocol::serialise(protocol::SharedMap{1, 0, 0x2000, 0x2000, 1}));
    say(builder, Channel::back_end, "SHMEM_UNMAP", protocol::serialise(protocol::SharedMap{1, 0, 0x9000, 0x2000, 0}));
    say(builder, Channel::back_end, "VRING_HOST_NOTIFIER_MSG", protocol::serialise(protocol::VringArea{{0}, 4096, 0}));
}

void wrong_chains(SessionBuilder& builder) {
    BlockSession::start(builder);
    for (std::uint16_t problem = 0; problem < 16; ++problem) {
        trace::ChainEntry entry = BlockSession::write_request(problem, problem, 8, 0x100000, Bytes(32));
        entry.problem = problem;
        entry.proof = static_cast<trace::Proof>(problem % 4);
        entry.descriptors.push_back({0x9000, 48, 4, 0});
        builder.chains(0, {entry, entry}, {1, 2, 3, 4, 5, 6});
    }
    trace::ChainEntry never_seen = session::testing::used_entry(77, 9, session::testing::literal(Bytes(600)));
    never_seen.used_length = UINT32_MAX;
    builder.chains(1, {never_seen, never_seen});
}

void losses(SessionBuilder& builder) {
    BlockSession::connect(builder);
    builder.add(trace::GapRecord{0, 1, 2, 3, "queue full"});
    builder.add(
        trace::NoteRecord{trace::NoteRecord::Severity::error, trace::no_queue, "gr\xc3\xb6\xc3\x9f\x65r\n\t\x1b"});
    trace::MessageRecord message;
    message.bytes = Bytes(5, std::byte{0xab});
    message.incomplete = message.descriptors_truncated = true;
    builder.add(message);
    message.offset = trace::max_message_piece;
    builder.add(message);
    trace::MemoryRecord region{Part::region, trace::Proof::partial, 0, 0x1000, {}};
    region.content.add_zeros(4096);
    region.content.add_missing(10);
    region.content.add_literal(Bytes(20, std::byte{1}));
    for (const Part part : {Part::region, Part::descriptor, Part::available, Part::used, Part::inflight, Part::log}) {
        region.part = part;
        builder.add(region);
    }
}

// What JSON and terminals must not be given as it is, wherever a record or a device has text.
void texts(SessionBuilder& builder) {
    constexpr std::uint32_t tag_size = 36;  // of a file system device
    for (const std::string text :
         {"say \"no\"", "back\\slash", "\x1b[31mred", "\xc2\x9b", "not \xff UTF-8", "cut \xe2\x82"}) {
        builder.add(trace::SessionRecord{trace::SessionRecord::Kind::opened, {{text, text}, {"front-end.pid", text}}});
        builder.add(trace::NoteRecord{trace::NoteRecord::Severity::info, trace::no_queue, text});
        builder.add(trace::GapRecord{trace::no_queue, 0, 1, 0, text});
        Bytes tag(as_bytes(text).begin(), as_bytes(text).end());
        tag.resize(tag_size);
        builder.request(Request::SET_CONFIG, protocol::serialise(protocol::Config{0, tag_size, 0, tag}));
    }
}

void gpu(SessionBuilder& builder) {
    builder.request(Request::GPU_SET_SOCKET, {}, {60});
    for (const RequestInfo& info : protocol::requests()) {
        if (info.channel == Channel::gpu) {
            builder.add(as_record(sample::valid_request(info)));
        }
    }
}

std::vector<trace::Record> built_by(void (*build)(SessionBuilder&)) {
    SessionBuilder builder;
    build(builder);
    return builder.records();
}

// A back-end that dies with requests in flight, and the next one that is given its in-flight area.
std::vector<trace::Record> reconnect() {
    std::vector<trace::Record> records;
    for (const std::uint32_t session : {1U, 2U}) {
        SessionBuilder builder(session);
        inflight(builder, false);
        for (trace::Record record : builder.records()) {
            record.sequence = records.size() + 1;  // no chain record here has more than one entry
            record.time =
                SessionBuilder::first_time + static_cast<std::int64_t>(records.size()) * SessionBuilder::time_step;
            records.push_back(std::move(record));
        }
    }
    return records;
}

// Requests of every kind that a device type has, as available and as used chains.
Session requests_of(std::uint32_t device) {
    SessionBuilder builder;
    std::uint16_t head = 0;
    for (const virtio::testing::DeviceSample& sample : virtio::testing::device_samples()) {
        if (sample.device != device) {
            continue;
        }
        if (head == 0) {
            builder.set(Request::SET_FEATURES, sample.features);
        }
        trace::ChainEntry entry;
        entry.proof = trace::Proof::verified;
        entry.head = head++;
        entry.descriptors = {{0x1000, static_cast<std::uint32_t>(sample.readable.size()), 0, 1},
                             {0x2000, static_cast<std::uint32_t>(sample.written.size()), virtio::descriptor_write, 0}};
        entry.content.add_literal(sample.readable);
        trace::ChainEntry used =
            session::testing::used_entry(entry.head, head, session::testing::literal(sample.written));
        used.used_length = static_cast<std::uint32_t>(sample.written.size());
        builder.chains(sample.queue, {entry, used});
    }
    return {device, builder.records()};
}

// A device with its configuration space.
Session configuration_of(std::uint32_t device) {
    SessionBuilder builder;
    Bytes data(256);
    for (std::size_t i = 0; i < data.size(); ++i) {
        data[i] = static_cast<std::byte>(i);
    }
    const Bytes payload = protocol::serialise(protocol::Config{0, 256, 0, data});
    builder.request(Request::GET_CONFIG, payload);
    builder.reply(Request::GET_CONFIG, payload);
    builder.request(Request::SET_CONFIG, payload);
    return {device, builder.records()};
}

// One request as it should be, with its answer.
Session one_request(const RequestInfo& info) {
    SessionBuilder builder;
    builder.add(trace::SessionRecord{trace::SessionRecord::Kind::opened, {{"datapath", "tap"}}});
    builder.set(Request::SET_PROTOCOL_FEATURES, UINT64_MAX);
    builder.add(as_record(sample::valid_request(info)));
    if (info.reply != protocol::ReplyRule::never) {
        builder.add(as_record(sample::valid_reply(info)));
    }
    return {std::nullopt, builder.records()};
}

// One request in every way in which it should not be. Long payloads would only slow the fuzzer down.
Session adverse_cases_of(const RequestInfo& info) {
    constexpr std::size_t longest = 1024;
    SessionBuilder builder;
    for (const sample::AdverseCase& adverse : sample::adverse_cases(info)) {
        if (adverse.message.payload.size() <= longest) {
            builder.add(as_record(adverse.message));
        }
    }
    return {std::nullopt, builder.records()};
}

Session random_messages(std::uint64_t seed) {
    sample::RandomMessages random(seed, {256, 4, true});
    SessionBuilder builder;
    BlockSession::connect(builder);
    for (unsigned i = 0; i < 32; ++i) {
        builder.add(as_record(random.next(static_cast<Channel>(i % 3), static_cast<Side>(i / 3 % 2))));
    }
    return {std::nullopt, builder.records()};
}

}  // namespace

std::vector<Scenario> scenarios() {
    std::vector<Scenario> out;
    const std::map<std::string, void (*)(SessionBuilder&)> built{
        {"block", block},
        {"before-protocol-features", before_protocol_features},
        {"migration", migration},
        {"postcopy", postcopy},
        {"inflight", [](SessionBuilder& builder) { inflight(builder, false); }},
        {"inflight-packed", [](SessionBuilder& builder) { inflight(builder, true); }},
        {"deadlock", deadlock},
        {"shared-memory", shared_memory},
        {"wrong-chains", wrong_chains},
        {"losses", losses},
        {"gpu", gpu},
    };
    for (const auto& [name, build] : built) {
        out.push_back({name, {std::nullopt, built_by(build)}});
    }
    out.push_back({"texts", {file_system, built_by(texts)}});
    out.push_back({"reconnect", {std::nullopt, reconnect()}});
    std::uint32_t last_device = 0;
    for (const virtio::ConfigurationField& field : virtio::configuration_fields()) {
        if (field.device != last_device) {
            last_device = field.device;
            out.push_back({"configuration-" + std::to_string(last_device), configuration_of(last_device)});
        }
    }
    std::set<std::uint32_t> decoded;
    for (const virtio::testing::DeviceSample& sample : virtio::testing::device_samples()) {
        if (decoded.insert(sample.device).second) {
            out.push_back({"requests-" + std::to_string(sample.device), requests_of(sample.device)});
        }
    }
    for (const RequestInfo& info : protocol::requests()) {
        const std::string name = std::string(name_of(info.channel)) + "-" + std::string(info.name);
        out.push_back({name, one_request(info)});
        out.push_back({name + "-adverse", adverse_cases_of(info)});
    }
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        out.push_back({"random-" + std::to_string(seed), random_messages(seed)});
    }
    return out;
}

}  // namespace vutrace::fuzz
