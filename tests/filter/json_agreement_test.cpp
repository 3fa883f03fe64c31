// Every scalar that the JSON shows can be asked for by its name and value, and nothing that it does not show is found:
// generated from the JSON of the samples and of built records of every kind, so that both cannot drift apart.
#include "render_fixture.h"

#include <vutrace/filter/filter.h>
#include <vutrace/protocol/features.h>
#include <vutrace/protocol/testing/messages.h>
#include <vutrace/render/json.h>
#include <vutrace/trace/reader.h>
#include <vutrace/virtio/devices/configuration.h>
#include <vutrace/virtio/packed_ring.h>
#include <vutrace/virtio/split_ring.h>
#include <vutrace/virtio/testing/device_samples.h>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <map>
#include <set>

namespace vutrace::filter {
namespace {

using nlohmann::json;
using render::test::TraceBuilder;
using Part = trace::MemoryRecord::Part;

// Fields that the filter has beyond the JSON: `elapsed` by design; `indirect` is in the JSON only where it is true.
const std::set<std::string> beyond_json{"elapsed", "indirect"};

struct Scalar {
    std::string path;
    std::string literal;
};
// What one object of the JSON shows. Elements of arrays have their array's path.
struct Shown {
    std::vector<Scalar> scalars;
    std::set<std::string> paths;                                 // of objects and arrays too
    std::vector<std::pair<std::string, std::size_t>> top_lists;  // arrays outside others, with their sizes
};

void flatten(const json& value, const std::string& path, bool in_list, Shown& out) {
    out.paths.insert(path);
    if (value.is_object()) {
        for (const auto& [key, inner] : value.items()) {
            flatten(inner, path.empty() ? key : path + "." + key, in_list, out);
        }
    } else if (value.is_array()) {
        if (!in_list) {
            out.top_lists.emplace_back(path, value.size());
        }
        for (const json& inner : value) {
            flatten(inner, path, true, out);
        }
    } else {
        out.scalars.push_back({path, value.dump()});
    }
}

class Agreement {
  public:
    Agreement() {
        for (const FieldDescription& field : fields()) {
            presence_.emplace_back(field.name, filter_of("has " + std::string(field.name)));
        }
    }

    void check(const explain::Annotation& annotation, std::size_t entry) {
        std::string line;
        render::append_json(line, annotation, entry, {});
        Shown shown;
        flatten(json::parse(line), "", false, shown);
        for (const Scalar& scalar : shown.scalars) {
            ++scalars_;
            seen_.insert(scalar.path);
            if (scalar.literal.size() > max_length / 2) {  // bytes without end: their beginning fits
                const std::string beginning = scalar.path + " contains " + scalar.literal.substr(0, 1001) + "\"";
                EXPECT_TRUE(filter_of(beginning).matches(annotation, entry)) << beginning;
                continue;
            }
            const bool equal = filter_of(scalar.path + " == " + scalar.literal).matches(annotation, entry);
            const bool different = filter_of(scalar.path + " != " + scalar.literal).matches(annotation, entry);
            const bool within = filter_of(scalar.path + " in {" + scalar.literal + "}").matches(annotation, entry);
            EXPECT_TRUE(equal && !different && within) << scalar.path << " == " << scalar.literal << " in " << line;
        }
        for (const auto& [path, size] : shown.top_lists) {
            const std::string count = "count(" + path + ") == " + std::to_string(size);
            EXPECT_TRUE(filter_of(count).matches(annotation, entry)) << count << " in " << line;
        }
        for (const auto& [name, has] : presence_) {
            if (beyond_json.count(name) == 0) {
                EXPECT_EQ(has.matches(annotation, entry), shown.paths.count(name) != 0)
                    << "has " << name << ": " << line;
            }
        }
    }

    void check(const std::vector<trace::Record>& records, std::optional<std::uint32_t> device) {
        explain::Annotator annotator(device);
        for (const trace::Record& record : records) {
            const explain::Annotation& annotation = annotator.annotate(record);
            for (std::size_t entry = 0; entry < trace::sequence_count(record); ++entry) {
                check(annotation, entry);
            }
        }
    }

    [[nodiscard]] std::uint64_t scalars() const noexcept { return scalars_; }
    [[nodiscard]] const std::set<std::string>& seen() const noexcept { return seen_; }

  private:
    const Filter& filter_of(const std::string& expression) {
        const auto known = filters_.find(expression);
        if (known != filters_.end()) {
            return known->second;
        }
        auto compiled = Filter::compile(expression);
        EXPECT_TRUE(compiled) << compiled.error().text;
        return filters_.emplace(expression, compiled ? *compiled : Filter()).first->second;
    }

    std::map<std::string, Filter> filters_;
    std::vector<std::pair<std::string, Filter>> presence_;
    std::uint64_t scalars_{0};
    std::set<std::string> seen_;
};

trace::RecordBody as_record(const protocol::sample::Message& message, std::uint32_t& next_id) {
    trace::MessageRecord record;
    record.channel = message.channel;
    record.sender = message.sender;
    record.bytes = protocol::sample::wire_bytes(message);
    for (std::size_t i = 0; i < message.descriptors; ++i) {
        trace::Descriptor descriptor;
        descriptor.id = next_id++;
        descriptor.description.kind = static_cast<DescriptorKind>(descriptor.id % 8);
        descriptor.description.seals = descriptor.id % 3 == 0 ? 0x10dU : 0;
        descriptor.description.size = UINT64_MAX - descriptor.id;
        descriptor.description.inode = descriptor.id;
        record.descriptors.push_back(descriptor);
    }
    return record;
}

// Every request and reply, right and wrong in every way.
TraceBuilder messages() {
    TraceBuilder trace;
    std::uint32_t next_id = 1;
    for (const protocol::RequestInfo& info : protocol::requests()) {
        trace.add(as_record(protocol::sample::valid_request(info), next_id));
        if (info.reply != protocol::ReplyRule::never) {
            trace.add(as_record(protocol::sample::valid_reply(info), next_id));
        }
        for (const auto& adverse : protocol::sample::adverse_cases(info)) {
            trace.add(as_record(adverse.message, next_id));
        }
    }
    return trace;
}

trace::ChainEntry block_chain(std::uint32_t type, std::uint16_t head) {
    trace::ChainEntry entry = render::test::block_write(head, UINT64_MAX - type, 512);
    entry.content.clear();
    Bytes header;
    ByteWriter writer(header);
    writer.write(type);
    writer.write(std::uint32_t{type % 3});
    writer.write(UINT64_MAX - type);
    for (std::uint32_t segment = 0; segment < 3; ++segment) {  // of those types that have some
        writer.write(std::uint64_t{segment} * 100);
        writer.write(segment);
        writer.write(segment & 1U);
    }
    entry.content.add_literal(header);
    entry.content.add_zeros(512);
    return entry;
}

// Block requests of every type and status, chains with every problem and proof.
TraceBuilder chains() {
    TraceBuilder trace;
    trace.start_block_device();
    for (std::uint32_t type = 0; type < 32; ++type) {
        trace::ChainRecord record;
        record.fields = {1, 2, 3, 4, 5, 6};
        record.entries.push_back(block_chain(type | (type % 5 == 0 ? virtio::block::barrier_flag : 0), 3));
        record.entries.push_back(render::test::block_write_done(3, static_cast<std::uint8_t>(type)));
        record.entries.push_back(render::test::block_write_done(9, 0));  // never seen available
        record.entries[1].time_offset = 12345;
        record.entries[0].problem = static_cast<std::uint16_t>(type % 16);
        record.entries[1].proof = static_cast<trace::Proof>(type % 4);
        if (type % 2 == 0) {
            record.entries[0].descriptors.insert(record.entries[0].descriptors.begin(),
                                                 {0x9000, 48, virtio::descriptor_indirect, 0});
        }
        trace.add(std::move(record));
    }
    return trace;
}

// What is shown only where bytes that nobody uses are not zero, where XEN_MMAP is negotiated, and what GET_ID answers.
TraceBuilder rare_fields() {
    using protocol::FrontEndRequest;
    TraceBuilder trace;
    std::uint32_t next_id = 1;
    for (const protocol::RequestInfo& info : protocol::requests()) {
        for (protocol::sample::Message message :
             {protocol::sample::valid_request(info), protocol::sample::valid_reply(info)}) {
            std::fill(message.payload.begin(), message.payload.end(), std::byte{0xff});
            trace.add(as_record(message, next_id));
        }
    }
    Bytes asymmetric(1072, std::byte{0xff});
    store<std::uint64_t>(asymmetric, 0, 0x404);  // VIRTIO_CRYPTO_AKCIPHER_CREATE_SESSION
    trace.request(FrontEndRequest::CREATE_CRYPTO_SESSION, asymmetric);
    const std::uint64_t xen = std::uint64_t{1} << protocol::protocol_feature::XEN_MMAP;
    trace.request(FrontEndRequest::SET_PROTOCOL_FEATURES, protocol::serialise_u64(xen));
    protocol::MemoryRegion region;
    region.size = 4096;
    region.xen_mmap_flags = 0x101;
    trace.request(FrontEndRequest::SET_MEM_TABLE, protocol::serialise_regions({region, region}, true));
    trace.request(FrontEndRequest::ADD_MEM_REG, protocol::serialise_region(region, true));
    trace.add(trace::SessionRecord{trace::SessionRecord::Kind::opened, {{"datapath", "tap"}}}, 2);
    trace::ChainEntry get_id = block_chain(static_cast<std::uint32_t>(virtio::block::RequestType::GET_ID), 0);
    get_id.descriptors = {
        {0, 16, 0, 1}, {0x100, 20, virtio::descriptor_write, 2}, {0x200, 1, virtio::descriptor_write, 0}};
    trace.chain(get_id);
    trace::ChainEntry answer = render::test::block_write_done(0, 0);
    answer.used_length = 21;
    answer.content.clear();
    answer.content.add_literal(as_bytes("disk number \"one\"  \0"));
    answer.content.add_zeros(1);
    trace.chain(answer);
    return trace;
}

trace::ChainEntry entry_of(const virtio::testing::DeviceSample& sample, bool used, std::uint16_t head) {
    trace::ChainEntry entry;
    entry.state = used ? trace::ChainEntry::State::used : trace::ChainEntry::State::available;
    entry.proof = trace::Proof::verified;
    entry.head = head;
    entry.content.add_literal(used ? sample.written : sample.readable);
    entry.used_length = used ? static_cast<std::uint32_t>(sample.written.size()) : 0;
    const auto room = static_cast<std::uint32_t>(sample.written.size());
    if (!used) {
        entry.descriptors = {{0x1000, static_cast<std::uint32_t>(sample.readable.size()), 0, 1},
                             {0x2000, room, virtio::descriptor_write, 0}};
    }
    return entry;
}

// Requests of one device type, whose session negotiated what they need.
TraceBuilder requests_of(std::uint32_t device) {
    using protocol::FrontEndRequest;
    TraceBuilder trace;
    std::uint16_t head = 0;
    for (const virtio::testing::DeviceSample& sample : virtio::testing::device_samples()) {
        if (sample.device != device) {
            continue;
        }
        if (head == 0) {
            trace.request(FrontEndRequest::SET_FEATURES, protocol::serialise_u64(sample.features));
            const auto size = static_cast<std::uint32_t>(sample.configuration.size());
            trace.request(FrontEndRequest::GET_CONFIG, protocol::serialise(protocol::Config{0, size, 0, Bytes(size)}));
            trace.reply(FrontEndRequest::GET_CONFIG,
                        protocol::serialise(protocol::Config{0, size, 0, sample.configuration}));
        }
        trace.chain(entry_of(sample, false, head), sample.queue);
        trace.chain(entry_of(sample, true, head++), sample.queue);
    }
    return trace;
}

std::set<std::uint32_t> decoded_devices() {
    std::set<std::uint32_t> devices;
    for (const virtio::RequestFieldInfo& field : virtio::request_fields()) {
        devices.insert(field.device);
    }
    return devices;
}

// The configuration space of a device type whose every field says something else, read and written.
TraceBuilder configuration_of(std::uint32_t device) {
    using protocol::FrontEndRequest;
    std::uint32_t size = 0;
    for (const virtio::ConfigurationField& field : virtio::configuration_fields(device)) {
        size = std::max(size, field.offset + field.size);
    }
    Bytes data(size);
    for (std::size_t i = 0; i < data.size(); ++i) {
        data[i] = static_cast<std::byte>('0' + i % 64);  // letters, for fields that are text
    }
    TraceBuilder trace;
    trace.request(FrontEndRequest::GET_CONFIG, protocol::serialise(protocol::Config{0, size, 0, Bytes(size)}));
    trace.reply(FrontEndRequest::GET_CONFIG, protocol::serialise(protocol::Config{0, size, 0, data}));
    const Bytes second_half(data.begin() + static_cast<std::ptrdiff_t>(size / 2), data.end());
    trace.request(FrontEndRequest::SET_CONFIG,
                  protocol::serialise(protocol::Config{size / 2, size - size / 2, 1, second_half}));
    return trace;
}

std::set<std::uint32_t> configured_devices() {
    std::set<std::uint32_t> devices;
    for (const virtio::ConfigurationField& field : virtio::configuration_fields()) {
        devices.insert(field.device);
    }
    return devices;
}

trace::MemoryRecord shared_area(Part part, const Bytes& bytes) {
    trace::MemoryRecord memory{part, trace::Proof::late, trace::no_queue, 0, {}};
    memory.content.add_literal(bytes);
    return memory;
}

// Two queues of four chains, of which the first has as many in flight as it has entries and the second none.
Bytes inflight_area(std::size_t header, std::size_t entry) {
    constexpr std::size_t queues = 2, entries = 4;
    const std::size_t stride = header + entries * entry;
    Bytes area(queues * stride);
    for (std::size_t queue = 0; queue < queues; ++queue) {
        const std::size_t at = queue * stride;
        store<std::uint16_t>(area, at + 8, 1);  // version
        store<std::uint16_t>(area, at + 10, entries);
        store<std::uint16_t>(area, at + 12, 2);  // last_batch_head, free_head
        store<std::uint16_t>(area, at + 14, 9);  // used_idx of split rings
    }
    for (std::size_t i = 0; i < entries; ++i) {
        store<std::uint8_t>(area, header + i * entry, 1);
        store<std::uint64_t>(area, header + i * entry + 8, UINT64_MAX - i);
    }
    return area;
}

// In-flight areas of both kinds of rings, whole and cut; dirty logs with pages and without.
TraceBuilder shared_areas() {
    using protocol::FrontEndRequest;
    TraceBuilder trace;
    for (const bool packed : {false, true}) {
        const std::uint64_t features = packed ? std::uint64_t{1} << protocol::feature::RING_PACKED : 0;
        trace.request(FrontEndRequest::SET_FEATURES, protocol::serialise_u64(features));
        Bytes area = packed ? inflight_area(32, 32) : inflight_area(16, 16);
        trace.request(FrontEndRequest::SET_INFLIGHT_FD, protocol::serialise(protocol::Inflight{area.size(), 0, 2, 4}));
        trace.add(shared_area(Part::inflight, area));
        area.resize(area.size() - 40);
        trace.add(shared_area(Part::inflight, area));
        trace.add(shared_area(Part::inflight, Bytes(64)));  // not begun
    }
    trace.add(shared_area(Part::log, Bytes{std::byte{0x0c}, std::byte{0x80}}));
    trace.add(shared_area(Part::log, Bytes(8192, std::byte{0x55})));  // more ranges than are shown
    trace.add(shared_area(Part::log, Bytes(16)));
    return trace;
}

// A chain of a packed ring, in both rounds.
TraceBuilder packed_chains() {
    using protocol::FrontEndRequest;
    TraceBuilder trace;
    const std::uint64_t packed = std::uint64_t{1} << protocol::feature::RING_PACKED;
    trace.request(FrontEndRequest::SET_FEATURES, protocol::serialise_u64(packed));
    for (const std::uint16_t wrap : {virtio::packed_wrap, std::uint16_t{0}}) {
        trace::ChainEntry entry = render::test::block_write(0, 0, 512);
        entry.head = 40000;
        entry.index = static_cast<std::uint16_t>(wrap | 12U);
        trace.chain(entry);
        entry = render::test::block_write_done(0, 0);
        entry.head = 40000;
        entry.index = static_cast<std::uint16_t>(wrap | 12U);
        trace.chain(entry);
    }
    return trace;
}

// Lists that are there with nothing in them.
TraceBuilder empty_lists() {
    using protocol::FrontEndRequest;
    TraceBuilder trace;
    trace.request(FrontEndRequest::SET_MEM_TABLE, protocol::serialise_regions({}, false));
    trace.request(FrontEndRequest::SET_FEATURES, protocol::serialise_u64(0));
    trace.request(FrontEndRequest::SET_PROTOCOL_FEATURES, protocol::serialise_u64(0));
    trace.request(FrontEndRequest::SET_CONFIG, protocol::serialise(protocol::Config{0, 0, 0, {}}));
    return trace;
}

// Records of the other kinds, with every enumerator.
TraceBuilder others() {
    TraceBuilder trace;
    for (unsigned i = 1; i <= 3; ++i) {
        trace.add(trace::SessionRecord{static_cast<trace::SessionRecord::Kind>(i),
                                       {{"front-end.pid", "42"}, {"reason", "say \"no\" \\ or so"}, {"empty", ""}}});
    }
    trace.add(trace::SessionRecord{trace::SessionRecord::Kind::closed, {}});
    for (auto part = Part::region; part <= trace::MemoryRecord::last_part;
         part = static_cast<Part>(static_cast<unsigned>(part) + 1)) {
        const auto i = static_cast<unsigned>(part);
        trace::MemoryRecord memory;
        memory.part = part;
        memory.proof = static_cast<trace::Proof>(i % 4);
        memory.queue = i % 2 == 0 ? trace::no_queue : static_cast<std::uint16_t>(i);
        memory.address = UINT64_MAX - i;
        memory.content.add_zeros(4096);
        memory.content.add_missing(i);
        trace.add(std::move(memory));
    }
    for (unsigned i = 0; i < 3; ++i) {
        trace.add(trace::EventRecord{static_cast<trace::EventRecord::Kind>(i), 3, UINT64_MAX - i});
        trace.add(trace::NoteRecord{static_cast<trace::NoteRecord::Severity>(i), trace::no_queue, "größer\n\t"}, 0);
    }
    trace.add(trace::GapRecord{1, 2, 3, 4, "queue full"});
    trace.add(trace::GapRecord{1, 2, 3, 4, "the ring may have gone round", true});
    trace::MessageRecord torn;
    torn.bytes = Bytes(5, std::byte{0xab});
    torn.incomplete = true;
    torn.descriptors_truncated = true;
    trace.add(torn);
    trace::MessageRecord piece;
    piece.offset = 65536;
    piece.bytes = Bytes(100);
    trace.add(piece, 7);
    return trace;
}

TEST(JsonAgreement, EveryScalarOfEverySampleIsFound) {
    Agreement agreement;
    std::size_t samples = 0;
    for (const auto& file : std::filesystem::directory_iterator(VUTRACE_SAMPLES)) {
        if (!file.path().filename().string().ends_with(".pcap.zst")) {
            continue;
        }
        auto reader = trace::Reader::open(file.path().string());
        ASSERT_TRUE(reader) << describe(reader.error());
        std::vector<trace::Record> records;
        for (auto record = reader->next(); record && *record; record = reader->next()) {
            records.push_back(**record);
        }
        agreement.check(records, std::nullopt);
        ++samples;
    }
    EXPECT_GE(samples, 2U);
    EXPECT_GT(agreement.scalars(), 2000U);
}

TEST(JsonAgreement, EveryScalarOfBuiltRecordsIsFoundAndEveryFieldIsBuilt) {
    Agreement agreement;
    agreement.check(messages().records, std::nullopt);
    agreement.check(messages().records, 1);
    agreement.check(chains().records, virtio::block::device_id);
    agreement.check(others().records, std::nullopt);
    agreement.check(rare_fields().records, virtio::block::device_id);
    agreement.check(shared_areas().records, std::nullopt);
    agreement.check(packed_chains().records, std::nullopt);
    agreement.check(empty_lists().records, std::nullopt);
    for (const std::uint32_t device : configured_devices()) {
        agreement.check(configuration_of(device).records, device);
    }
    for (const std::uint32_t device : decoded_devices()) {
        agreement.check(requests_of(device).records, device);
    }
    // What no record above shows would not have been compared at all.
    const std::set<std::string_view> rarely{"elapsed"};
    for (const FieldDescription& field : fields()) {
        if (field.type != "group" && rarely.count(field.name) == 0) {
            EXPECT_EQ(agreement.seen().count(std::string(field.name)), 1U) << field.name << " was never shown";
        }
    }
}

}  // namespace
}  // namespace vutrace::filter
