#include "render_fixture.h"

#include <vutrace/protocol/header.h>
#include <vutrace/render/json.h>
#include <vutrace/virtio/split_ring.h>

namespace vutrace::render::test {

using protocol::FrontEndRequest;

trace::Record& TraceBuilder::add(trace::RecordBody body, std::uint32_t session) {
    trace::Record record;
    record.sequence = next_sequence_;
    record.time = start_time + static_cast<std::int64_t>(next_sequence_) * 1000;
    record.session = session;
    record.body = std::move(body);
    next_sequence_ += trace::sequence_count(record);
    records.push_back(std::move(record));
    return records.back();
}

trace::Record& TraceBuilder::message(Side sender, std::uint32_t code, std::uint32_t flags, const Bytes& payload,
                                     std::vector<DescriptorKind> kinds) {
    trace::MessageRecord message;
    message.sender = sender;
    message.bytes.resize(protocol::header_size);
    protocol::serialise_header({code, flags, static_cast<std::uint32_t>(payload.size())}, message.bytes);
    message.bytes.insert(message.bytes.end(), payload.begin(), payload.end());
    for (const DescriptorKind kind : kinds) {
        trace::Descriptor descriptor;
        descriptor.id = next_descriptor_++;
        descriptor.description.kind = kind;
        descriptor.description.inode = 1000 + descriptor.id;
        descriptor.description.size = kind == DescriptorKind::memfd ? 1U << 20U : 0;
        message.descriptors.push_back(descriptor);
    }
    return add(std::move(message));
}

trace::Record& TraceBuilder::request(FrontEndRequest request, const Bytes& payload, std::vector<DescriptorKind> kinds) {
    return message(Side::front_end, static_cast<std::uint32_t>(request), protocol::version_1, payload,
                   std::move(kinds));
}

trace::Record& TraceBuilder::reply(FrontEndRequest request, const Bytes& payload) {
    return message(Side::back_end, static_cast<std::uint32_t>(request), protocol::version_1 | protocol::reply_flag,
                   payload);
}

trace::Record& TraceBuilder::chain(trace::ChainEntry entry, std::uint16_t queue) {
    trace::ChainRecord chain;
    chain.queue = queue;
    chain.fields.available_index = static_cast<std::uint16_t>(entry.index + 1);
    chain.entries.push_back(std::move(entry));
    return add(std::move(chain));
}

void TraceBuilder::start_block_device() {
    add(trace::SessionRecord{trace::SessionRecord::Kind::opened, {{"datapath", "tap"}, {"front-end.pid", "42"}}});
    request(FrontEndRequest::GET_FEATURES);
    reply(FrontEndRequest::GET_FEATURES, protocol::serialise_u64(0x140000046));
    request(FrontEndRequest::SET_FEATURES, protocol::serialise_u64(0x140000046));
    protocol::MemoryRegion region;
    region.size = 1U << 20U;
    region.user_address = user_base;
    request(FrontEndRequest::SET_MEM_TABLE, protocol::serialise_regions({region}, false), {DescriptorKind::memfd});
    request(FrontEndRequest::SET_VRING_NUM, protocol::serialise(protocol::VringState{0, 16}));
    request(FrontEndRequest::SET_VRING_BASE, protocol::serialise(protocol::VringState{0, 0}));
    protocol::VringAddress address;
    address.descriptor = user_base + 0x1000;
    address.available = user_base + 0x2000;
    address.used = user_base + 0x3000;
    request(FrontEndRequest::SET_VRING_ADDR, protocol::serialise(address));
    request(FrontEndRequest::SET_VRING_KICK, protocol::serialise_u64(0), {DescriptorKind::eventfd});
    request(FrontEndRequest::SET_VRING_ENABLE, protocol::serialise(protocol::VringState{0, 1}));
}

trace::ChainEntry block_write(std::uint16_t head, std::uint64_t sector, std::uint32_t data_length) {
    trace::ChainEntry entry;
    entry.head = head;
    entry.proof = trace::Proof::verified;
    const auto next = [&](int step) { return static_cast<std::uint16_t>(head + step); };
    entry.descriptors = {{0x10000, 16, virtio::descriptor_next, next(1)},
                         {0x20000, data_length, virtio::descriptor_next, next(2)},
                         {0x30000, 1, virtio::descriptor_write, 0}};
    Bytes header;
    ByteWriter writer(header);
    writer.write(std::uint32_t{1});
    writer.write(std::uint32_t{0});
    writer.write(sector);
    entry.content.add_literal(header);
    entry.content.add_zeros(data_length);
    return entry;
}

trace::ChainEntry block_write_done(std::uint16_t head, std::uint8_t status) {
    trace::ChainEntry entry;
    entry.state = trace::ChainEntry::State::used;
    entry.head = head;
    entry.proof = trace::Proof::verified;
    entry.used_length = 1;
    entry.content.add_literal(Bytes{std::byte{status}});
    return entry;
}

std::vector<std::string> json_lines(const std::vector<trace::Record>& records, bool raw) {
    explain::Annotator annotator;
    std::vector<std::string> lines;
    for (const trace::Record& record : records) {
        const explain::Annotation& annotation = annotator.annotate(record);
        for (std::size_t entry = 0; entry < trace::sequence_count(record); ++entry) {
            std::string line;
            append_json(line, annotation, entry, {raw});
            line.pop_back();
            lines.push_back(std::move(line));
        }
    }
    return lines;
}

std::string last_json(const std::vector<trace::Record>& records, bool raw) {
    return json_lines(records, raw).back();
}

}  // namespace vutrace::render::test
