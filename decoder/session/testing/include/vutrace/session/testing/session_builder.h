// Synthetic sessions for tests: records made from typed payloads, numbered and timed as a trace would have them.
// Header only, so that the tests of every room above can use it (DEPENDS session-testing).
#pragma once

#include <vutrace/protocol/features.h>
#include <vutrace/protocol/header.h>
#include <vutrace/protocol/payloads.h>
#include <vutrace/protocol/requests.h>
#include <vutrace/trace/records.h>
#include <vutrace/trace/writer.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace vutrace::session::testing {

// A message as bytes on the wire.
[[nodiscard]] inline Bytes message_bytes(std::uint32_t code, std::uint32_t flags, ByteView payload) {
    return protocol::serialise_message({code, flags, static_cast<std::uint32_t>(payload.size())}, payload);
}

class SessionBuilder {
  public:
    using Request = protocol::FrontEndRequest;
    static constexpr std::int64_t first_time = 1'700'000'000'000'000'000;
    static constexpr std::int64_t time_step = 1000;

    explicit SessionBuilder(std::uint32_t session = 1) : session_(session) {}

    // Any record, of this builder's session. Gives its number.
    std::uint64_t add(trace::RecordBody body) {
        trace::Record record{next_sequence_, time_, session_, std::move(body)};
        const std::uint64_t sequence = next_sequence_;
        next_sequence_ += trace::sequence_count(record);
        time_ += time_step;
        records_.push_back(std::move(record));
        return sequence;
    }

    std::uint64_t message(Side sender, Request request, std::uint32_t flags, ByteView payload,
                          const std::vector<std::uint32_t>& descriptor_ids = {}) {
        trace::MessageRecord record;
        record.sender = sender;
        record.bytes = message_bytes(static_cast<std::uint32_t>(request), flags, payload);
        for (const std::uint32_t id : descriptor_ids) {
            record.descriptors.push_back({id, {}});
        }
        return add(std::move(record));
    }
    std::uint64_t request(Request request, ByteView payload = {}, const std::vector<std::uint32_t>& ids = {}) {
        return message(Side::front_end, request, protocol::version_1, payload, ids);
    }
    std::uint64_t request_with_reply(Request request, ByteView payload = {},
                                     const std::vector<std::uint32_t>& ids = {}) {
        return message(Side::front_end, request, protocol::version_1 | protocol::need_reply_flag, payload, ids);
    }
    std::uint64_t reply(Request request, ByteView payload = {}) {
        return message(Side::back_end, request, protocol::version_1 | protocol::reply_flag, payload);
    }
    std::uint64_t set(Request request, std::uint64_t value) {
        return this->request(request, protocol::serialise_u64(value));
    }
    std::uint64_t set(Request request, std::uint32_t queue, std::uint32_t number) {
        return this->request(request, protocol::serialise(protocol::VringState{queue, number}));
    }

    std::uint64_t chains(std::uint16_t queue, std::vector<trace::ChainEntry> entries, trace::RingFields fields = {}) {
        return add(trace::ChainRecord{queue, fields, std::move(entries)});
    }

    // Nothing happens for a while.
    void pass(std::int64_t nanoseconds) { time_ += nanoseconds; }

    [[nodiscard]] const std::vector<trace::Record>& records() const noexcept { return records_; }
    [[nodiscard]] std::uint64_t last_sequence() const noexcept { return next_sequence_ - 1; }

    // Writes all records to a trace file.
    [[nodiscard]] Status write_to(const std::string& path) const {
        auto writer = trace::Writer::create(path);
        if (!writer) {
            return tl::unexpected(writer.error());
        }
        for (const trace::Record& record : records_) {
            if (Status written = writer->append(record.time, record.session, record.body); !written) {
                return written;
            }
        }
        return writer->flush();
    }

  private:
    std::uint32_t session_;
    std::uint64_t next_sequence_{1};
    std::int64_t time_{first_time};
    std::vector<trace::Record> records_;
};

[[nodiscard]] inline trace::Content literal(ByteView bytes) {
    trace::Content content;
    content.add_literal(bytes);
    return content;
}

[[nodiscard]] inline trace::ChainEntry available_entry(std::uint16_t head, std::uint16_t index,
                                                       std::vector<trace::ChainDescriptor> descriptors,
                                                       trace::Content readable) {
    trace::ChainEntry entry;
    entry.state = trace::ChainEntry::State::available;
    entry.proof = trace::Proof::verified;
    entry.head = head;
    entry.index = index;
    entry.descriptors = std::move(descriptors);
    entry.content = std::move(readable);
    return entry;
}

[[nodiscard]] inline trace::ChainEntry used_entry(std::uint16_t head, std::uint16_t index, trace::Content written) {
    trace::ChainEntry entry;
    entry.state = trace::ChainEntry::State::used;
    entry.proof = trace::Proof::verified;
    entry.head = head;
    entry.index = index;
    entry.used_length = static_cast<std::uint32_t>(written.size());
    entry.content = std::move(written);
    return entry;
}

// A block device as QEMU and qemu-storage-daemon set it up: 64 MiB of guest memory in two regions of one file, one
// ring.
struct BlockSession {
    static constexpr std::uint32_t queue_size = 128;
    static constexpr std::uint64_t user_base = 0x7f1200000000;
    static constexpr std::uint64_t descriptor = 0x3f00000;  // guest addresses of the ring
    static constexpr std::uint64_t available = descriptor + 0x800;
    static constexpr std::uint64_t used = descriptor + 0x1000;
    static constexpr std::uint64_t features = 0x140000046;
    static constexpr std::uint64_t offered_features = 0x175007e46;
    static constexpr std::uint64_t protocol_features = 0x8f2b;

    [[nodiscard]] static std::vector<protocol::MemoryRegion> regions() {
        return {{0, 0xa0000, user_base, 0, 0, 0}, {0xc0000, 0x3f40000, user_base + 0xc0000, 0xc0000, 0, 0}};
    }
    [[nodiscard]] static Bytes configuration() {
        Bytes bytes(57);
        store<std::uint64_t>(bytes, 0, 131072);
        store<std::uint32_t>(bytes, 12, 126);
        store<std::uint32_t>(bytes, 20, 512);
        store<std::uint16_t>(bytes, 34, 2);
        return bytes;
    }

    static void connect(SessionBuilder& builder) {
        using R = protocol::FrontEndRequest;
        builder.add(trace::SessionRecord{trace::SessionRecord::Kind::opened, {{"datapath", "tap"}}});
        builder.request(R::GET_FEATURES);
        builder.reply(R::GET_FEATURES, protocol::serialise_u64(offered_features));
        builder.request(R::GET_PROTOCOL_FEATURES);
        builder.reply(R::GET_PROTOCOL_FEATURES, protocol::serialise_u64(protocol_features));
        builder.set(R::SET_PROTOCOL_FEATURES, protocol_features);
        builder.request(R::GET_QUEUE_NUM);
        builder.reply(R::GET_QUEUE_NUM, protocol::serialise_u64(2));
        builder.request(R::SET_OWNER);
        builder.request(R::SET_VRING_CALL, protocol::serialise_u64(0), {1});
        const protocol::Config asked{0, 57, 0, Bytes(57)};
        builder.request(R::GET_CONFIG, protocol::serialise(asked));
        builder.reply(R::GET_CONFIG, protocol::serialise(protocol::Config{0, 57, 0, configuration()}));
    }

    // Descriptor ids of the regions are 10 and 11.
    static void add_regions(SessionBuilder& builder) {
        using R = protocol::FrontEndRequest;
        std::uint32_t id = 10;
        for (const protocol::MemoryRegion& region : regions()) {
            builder.request_with_reply(R::ADD_MEM_REG, protocol::serialise_region(region, false), {id++});
            builder.reply(R::ADD_MEM_REG, protocol::serialise_u64(0));
        }
    }

    static void start_queue(SessionBuilder& builder, std::uint32_t queue = 0, std::uint32_t base = 0) {
        using R = protocol::FrontEndRequest;
        builder.set(R::SET_VRING_NUM, queue, queue_size);
        builder.set(R::SET_VRING_BASE, queue, base);
        const protocol::VringAddress address{queue, 0, user_base + descriptor, user_base + used, user_base + available,
                                             used};
        builder.request(R::SET_VRING_ADDR, protocol::serialise(address));
        builder.request(R::SET_VRING_KICK, protocol::serialise_u64(queue), {20 + queue});
        builder.set(R::SET_VRING_ENABLE, queue, 1);
    }

    static void start(SessionBuilder& builder) {
        connect(builder);
        builder.set(protocol::FrontEndRequest::SET_FEATURES, features);
        add_regions(builder);
        start_queue(builder);
    }

    static void stop_queue(SessionBuilder& builder, std::uint32_t queue, std::uint32_t base) {
        using R = protocol::FrontEndRequest;
        builder.set(R::SET_VRING_ENABLE, queue, 0);
        builder.set(R::GET_VRING_BASE, queue, 0);
        builder.reply(R::GET_VRING_BASE, protocol::serialise(protocol::VringState{queue, base}));
    }

    // The same device behind an IOMMU: the ring at I/O virtual addresses, of which the back-end asks.
    static constexpr std::uint64_t iova_features = features | std::uint64_t{1} << protocol::feature::ACCESS_PLATFORM;
    static constexpr std::uint64_t iova_ring = 0xffffe000;

    static void start_untranslated(SessionBuilder& builder) {
        using R = protocol::FrontEndRequest;
        connect(builder);
        builder.set(R::SET_FEATURES, iova_features);
        add_regions(builder);
        builder.set(R::SET_VRING_NUM, 0, queue_size);
        builder.set(R::SET_VRING_BASE, 0, 0);
        const protocol::VringAddress address{
            0, 0, iova_ring, iova_ring + (used - descriptor), iova_ring + (available - descriptor), used};
        builder.request(R::SET_VRING_ADDR, protocol::serialise(address));
        builder.request(R::SET_VRING_KICK, protocol::serialise_u64(0), {20});
        builder.set(R::SET_VRING_ENABLE, 0, 1);
    }
    static void start_translated(SessionBuilder& builder) {
        start_untranslated(builder);
        translate(builder, iova_ring, descriptor, 0x2000);
    }
    // `guest` is where it leads, as a guest physical address.
    static void translate(SessionBuilder& builder, std::uint64_t iova, std::uint64_t guest, std::uint64_t size,
                          std::uint8_t permission = 3) {
        iotlb_message(builder, {iova, size, user_base + guest, permission, 2});
    }
    static void invalidate(SessionBuilder& builder, std::uint64_t iova, std::uint64_t size) {
        iotlb_message(builder, {iova, size, 0, 0, 3});
    }
    static void iotlb_message(SessionBuilder& builder, const protocol::Iotlb& message) {
        using R = protocol::FrontEndRequest;
        builder.request_with_reply(R::IOTLB_MSG, protocol::serialise(message));
        builder.reply(R::IOTLB_MSG, protocol::serialise_u64(0));
    }

    // A write of `data` at `sector`: header, data and status in three descriptors from `head` on, the buffers at
    // `buffers`.
    [[nodiscard]] static trace::ChainEntry write_request(std::uint16_t head, std::uint16_t index, std::uint64_t sector,
                                                         std::uint64_t buffers, ByteView data) {
        Bytes readable;
        ByteWriter writer(readable);
        writer.write(std::uint32_t{1});
        writer.write(std::uint32_t{0});
        writer.write(sector);
        writer.write(data);
        const auto second = static_cast<std::uint16_t>((head + 1) % queue_size);
        const auto third = static_cast<std::uint16_t>((head + 2) % queue_size);
        return available_entry(head, index,
                               {{buffers, 16, 1, second},
                                {buffers + 0x1000, static_cast<std::uint32_t>(data.size()), 1, third},
                                {buffers + 0x10, 1, 2, 0}},
                               literal(readable));
    }
};

}  // namespace vutrace::session::testing
