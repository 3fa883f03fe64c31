// Sessions behind an IOMMU, made by hand and replayed against a device that asks for translations when it likes.
#pragma once

#include "testing.h"
#include "translated_device.h"
#include "vutrace/replay/replayer.h"

#include <vutrace/session/testing/session_builder.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace vutrace::replay::testing {

using session::testing::BlockSession;

inline constexpr std::uint64_t page = 4096;
inline constexpr std::uint64_t iova = 0xff000000;         // of buffers
inline constexpr std::uint64_t guest = 0x200000;          // where they are
inline constexpr std::uint64_t iova_tables = 0xfe000000;  // indirect ones, in one page
inline constexpr std::uint64_t guest_tables = 0x300000;
inline constexpr std::uint64_t nowhere = 0x123000;  // an address that no message tells of

[[nodiscard]] inline protocol::Iotlb miss(std::uint64_t address, virtio::Access needed = virtio::Access::read) {
    return {address, 0, 0, static_cast<std::uint8_t>(needed), protocol::Iotlb::miss};
}

class TranslatedSession : public ::testing::Test {
  protected:
    using Iotlb = protocol::Iotlb;
    using Request = protocol::FrontEndRequest;

    // Up to the regions.
    void begin() {
        builder.add(trace::SessionRecord{trace::SessionRecord::Kind::opened, {}});
        builder.set(Request::SET_PROTOCOL_FEATURES, BlockSession::protocol_features);
        builder.request(Request::SET_BACKEND_REQ_FD, {}, {5});
        constexpr std::uint64_t packed_ring = std::uint64_t{1} << protocol::feature::RING_PACKED;
        builder.set(Request::SET_FEATURES, BlockSession::iova_features | (packed ? packed_ring : 0));
        std::uint32_t id = 10;
        for (const protocol::MemoryRegion& region : BlockSession::regions()) {
            builder.request(Request::ADD_MEM_REG, protocol::serialise_region(region, false), {id++});
        }
    }
    // A running queue 0, whose ring has no translation yet.
    void start_queue(std::uint32_t base = 0) {
        const auto at = [](std::uint64_t part) { return BlockSession::iova_ring + (part - BlockSession::descriptor); };
        builder.set(Request::SET_VRING_NUM, 0, BlockSession::queue_size);
        builder.set(Request::SET_VRING_BASE, 0, packed ? virtio::PackedBase::fresh : base);
        builder.request(Request::SET_VRING_ADDR, protocol::serialise(protocol::VringAddress{
                                                     0, 0, at(BlockSession::descriptor), at(BlockSession::used),
                                                     at(BlockSession::available), 0}));
        builder.request(Request::SET_VRING_CALL, protocol::serialise_u64(0), {1});
        builder.request(Request::SET_VRING_KICK, protocol::serialise_u64(0), {2});
    }
    void translate(std::uint64_t address, std::uint64_t to, std::uint64_t size) {
        BlockSession::translate(builder, address, to, size);
    }
    void invalidate(std::uint64_t address, std::uint64_t size) { BlockSession::invalidate(builder, address, size); }
    void translate_ring() { translate(BlockSession::iova_ring, BlockSession::descriptor, 2 * page); }
    void translate_tables() { translate(iova_tables, guest_tables, page); }

    // The chain of that number, from the queue's start on: `text` is read by the device at `address`, a status is
    // written to `status`.
    void offer(std::uint16_t number, std::uint64_t address, const std::string& text, std::uint64_t status) {
        const bool linked = !(packed && indirect);
        const std::uint16_t first = indirect ? std::uint16_t{0} : head_of(number);
        add(number,
            {{address, static_cast<std::uint32_t>(text.size()), linked ? virtio::descriptor_next : std::uint16_t{0},
              static_cast<std::uint16_t>(first + 1)},
             {status, 1, virtio::descriptor_write, 0}},
            text);
    }
    // One that the device only writes to.
    void offer_empty(std::uint16_t number, std::uint64_t address, std::uint32_t length) {
        add(number, {{address, length, virtio::descriptor_write, 0}}, "");
    }
    void use(std::uint16_t number) {
        builder.chains(
            0, {session::testing::used_entry(head_of(number), index_of(number), session::testing::literal(Bytes(1)))});
    }
    // The recorded device's question.
    void ask(const Iotlb& question) {
        trace::MessageRecord message;
        message.channel = Channel::back_end;
        message.sender = Side::back_end;
        message.bytes = session::testing::message_bytes(1, protocol::version_1, protocol::serialise(question));
        builder.add(message);
    }

    [[nodiscard]] std::string write_trace() const {
        const std::string path = folder_.file("trace.pcap");
        EXPECT_TRUE(builder.write_to(path));
        return path;
    }
    Report replay(std::chrono::milliseconds timeout = std::chrono::milliseconds(20'000)) {
        const std::string path = write_trace();
        const auto preview = preview_trace(path, std::nullopt);
        EXPECT_TRUE(preview);
        ReplayOptions options;
        options.time_scale = 0;
        options.timeout = timeout;
        ScriptedBackEnd back_end([this](const FileDescriptor& socket) { (*device)(socket); });
        const auto report = Replayer(Connection(std::move(back_end.front_end)), *preview, options).run(path);
        EXPECT_TRUE(report) << describe(report.error());
        return report ? *report : Report{};
    }
    // So many chains one after the other, each through a page of its own.
    void expect_chains_served(std::uint16_t count) {
        begin();
        start_queue();
        translate_ring();
        if (indirect) {
            translate_tables();
        }
        for (std::uint16_t i = 0; i < count; ++i) {
            const std::uint64_t at = iova + i * 3 * page;
            translate(at, guest + (i % 7U) * 2 * page, 2 * page);
            offer(i, at + page - 2, "ab" + std::to_string(i % 10U), at + 8);
            use(i);
            invalidate(at, 2 * page);
        }
        const Report report = replay();
        EXPECT_EQ(report.divergence_count, 0U) << to_text(report);
        EXPECT_EQ(report.chains_completed, count);
        EXPECT_EQ(report.chains_skipped, 0U);
        EXPECT_EQ(report.bytes_compared, count);
        EXPECT_EQ(report.replies_compared, 2U * count + (indirect ? 2U : 1U));
        EXPECT_EQ(device->read.substr(0, 9), "ab0ab1ab2");
        EXPECT_EQ(device->read.size(), 3U * count);
    }
    // The recorded device asked for the ring last, and did nothing before the answer; this one asks for `addresses`
    // first of all.
    void expect_answers_when_asked_first(std::vector<std::uint64_t> addresses) {
        begin();
        start_queue();
        builder.set(Request::SET_VRING_ENABLE, 0, 1);
        for (std::uint64_t i = 0; i < 4; ++i) {
            translate(iova + i * page, guest + i * page, page);
        }
        if (indirect) {
            translate_tables();
        }
        translate_ring();
        offer(0, iova, "first", iova + page);
        offer(1, iova + 2 * page, "second", iova + 3 * page);
        use(0);
        use(1);
        device->asked_first = std::move(addresses);
        const Report report = replay();
        EXPECT_EQ(report.divergence_count, 0U) << to_text(report);
        EXPECT_EQ(report.chains_completed, 2U);
        const std::uint64_t recorded = indirect ? 6 : 5;
        EXPECT_EQ(report.replies_compared, recorded) << "of the recorded updates, and of no others";
        EXPECT_GT(report.translations_answered, 0U);
        EXPECT_EQ(device->updates, recorded + report.translations_answered);
        EXPECT_EQ(device->read, "firstsecond");
    }
    static std::vector<Divergence::Kind> kinds(const Report& report) {
        std::vector<Divergence::Kind> found;
        std::transform(report.divergences.begin(), report.divergences.end(), std::back_inserter(found),
                       [](const Divergence& divergence) { return divergence.kind; });
        return found;
    }

    bool packed{false};
    bool indirect{false};
    session::testing::SessionBuilder builder;
    std::optional<TranslatedDevice> device{std::in_place};

  private:
    [[nodiscard]] std::uint16_t head_of(std::uint16_t number) const {
        const std::uint32_t step = packed || indirect ? 1 : 2;
        return static_cast<std::uint16_t>(step * number % (step * BlockSession::queue_size / 2));
    }
    [[nodiscard]] std::uint16_t index_of(std::uint16_t number) const {
        const std::uint32_t slots = indirect ? 1 : 2;
        return packed ? virtio::PackedPosition{}
                            .plus(number * slots % (2 * BlockSession::queue_size), BlockSession::queue_size)
                            .value()
                      : number;
    }
    void add(std::uint16_t number, std::vector<trace::ChainDescriptor> buffers, const std::string& text) {
        if (indirect) {
            const std::uint64_t table = iova_tables + number % 64U * 64U;
            const auto size = static_cast<std::uint32_t>(buffers.size() * virtio::descriptor_size);
            buffers.insert(buffers.begin(), {table, size, virtio::descriptor_indirect, 0});
        }
        builder.chains(0, {session::testing::available_entry(head_of(number), index_of(number), std::move(buffers),
                                                             session::testing::literal(as_bytes(text)))});
    }

    TemporaryFolder folder_;
};

}  // namespace vutrace::replay::testing
