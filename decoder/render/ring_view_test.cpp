#include "render_fixture.h"

#include <vutrace/protocol/features.h>
#include <vutrace/render/ring_view.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace vutrace::render::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

std::vector<RingView> rings_after(const TraceBuilder& trace) {
    session::Tracker tracker;
    for (const trace::Record& record : trace.records) {
        (void)tracker.apply(record);
    }
    return view_rings(*tracker.session(1), std::nullopt);
}

TEST(RingView, ShowsUnknownPartsAsUnknown) {
    TraceBuilder trace;
    trace.start_block_device();
    const auto rings = rings_after(trace);
    ASSERT_EQ(rings.size(), 1U);
    EXPECT_TRUE(rings[0].started);
    ASSERT_TRUE(rings[0].layout);
    EXPECT_FALSE(rings[0].available_index);
    const std::string text = ring_text(rings[0], Style(false));
    EXPECT_THAT(text, HasSubstr("available ring    at 0x2000  index unknown  flags unknown"));
    EXPECT_THAT(text, HasSubstr("who owns what is unknown"));
    const json object = json::parse(ring_json(rings[0]));
    EXPECT_TRUE(object["used"]["index"].is_null());
    EXPECT_TRUE(object["available"]["ring"][0].is_null());
    EXPECT_EQ(object["size"], 16);
}

TEST(RingView, GivesOpenChainsToTheDevice) {
    TraceBuilder trace;
    trace.start_block_device();
    trace.chain(block_write(3, 0, 512));
    trace.chain(block_write(6, 8, 512));
    trace.chain(block_write_done(3, 0));
    const auto rings = rings_after(trace);
    ASSERT_EQ(rings[0].open.size(), 1U);
    EXPECT_EQ(rings[0].open[0].head, 6);
    ASSERT_EQ(rings[0].open[0].table.size(), 3U);
    EXPECT_EQ(rings[0].open[0].table[2].index, 8);
    EXPECT_THAT(ring_text(rings[0], Style(false)), HasSubstr("1 open chain owned by the device"));
}

TEST(RingView, PutsAnIndirectTableBesideTheRing) {
    TraceBuilder trace;
    trace.start_block_device();
    trace::ChainEntry entry = block_write(0, 0, 512);
    entry.head = 5;
    entry.descriptors.insert(entry.descriptors.begin(), {0x9000, 48, virtio::descriptor_indirect, 0});
    trace.chain(entry);
    const auto rings = rings_after(trace);
    ASSERT_EQ(rings[0].open.size(), 1U);
    EXPECT_EQ(rings[0].open[0].table.size(), 1U);
    EXPECT_EQ(rings[0].open[0].indirect.size(), 3U);
    EXPECT_THAT(ring_text(rings[0], Style(false)), HasSubstr("indirect table:"));
}

TEST(RingView, ReadsWhatCapturedMemoryTells) {
    TraceBuilder trace;
    trace.start_block_device();
    trace::MemoryRecord used;
    used.part = trace::MemoryRecord::Part::used;
    used.queue = 0;
    used.address = 0x3000;
    Bytes bytes;
    ByteWriter writer(bytes);
    writer.write(std::uint16_t{1});
    writer.write(std::uint16_t{9});
    writer.write(std::uint32_t{4});
    writer.write(std::uint32_t{513});
    used.content.add_literal(bytes);
    trace.add(used);
    const RingView ring = rings_after(trace)[0];
    EXPECT_EQ(ring.used_index, 9);
    EXPECT_EQ(ring.used_flags, 1);
    ASSERT_TRUE(ring.used_ring[0]);
    EXPECT_EQ(ring.used_ring[0]->length, 513U);
    EXPECT_FALSE(ring.used_ring[1]);
    EXPECT_FALSE(ring.available_event);
}

// A packed ring of 5 at the place of the fixture's split one: chains of two descriptors.
struct PackedTrace : TraceBuilder {
    PackedTrace() {
        using protocol::FrontEndRequest;
        start_block_device();
        const std::uint64_t packed = std::uint64_t{1} << protocol::feature::RING_PACKED;
        request(FrontEndRequest::SET_FEATURES, protocol::serialise_u64(0x140000046 | packed));
        request(FrontEndRequest::SET_VRING_NUM, protocol::serialise(protocol::VringState{0, 5}));
    }
    void offer(std::uint16_t id, virtio::PackedPosition at) {
        const auto flags = [&](std::uint32_t step) { return virtio::available_flags(at.plus(step, 5).wrap); };
        trace::ChainEntry entry;
        entry.head = id;
        entry.index = at.value();
        entry.proof = trace::Proof::verified;
        entry.descriptors = {{0x10000, 16, static_cast<std::uint16_t>(virtio::descriptor_next | flags(0)), id},
                             {0x20000, 1, static_cast<std::uint16_t>(virtio::descriptor_write | flags(1)), id}};
        entry.content.add_zeros(16);
        add_entry(entry);
    }
    void use(std::uint16_t id, virtio::PackedPosition at) {
        trace::ChainEntry entry = block_write_done(id, 0);
        entry.index = at.value();
        add_entry(entry);
    }
    void add_entry(const trace::ChainEntry& entry) {
        const virtio::PackedPosition behind = virtio::PackedPosition::parse(entry.index).plus(2, 5);
        (entry.state == trace::ChainEntry::State::used ? fields.used_index : fields.available_index) = behind.value();
        fields.available_flags = 2;
        fields.used_event = 3;
        fields.used_flags = 1;
        add(trace::ChainRecord{0, fields, {entry}});
    }
    trace::RingFields fields{0x8000, 0, 0, 0x8000, 0, 0};
};

TEST(PackedRingView, SaysWhoOwnsWhichDescriptor) {
    PackedTrace trace;
    trace.offer(7, {0, true});
    trace.offer(300, {2, true});
    trace.use(300, {0, true});    // out of order, over the head of 7
    trace.offer(300, {4, true});  // around the end, over the head of 7, too
    const auto rings = rings_after(trace);
    ASSERT_EQ(rings.size(), 1U);
    const RingView& ring = rings[0];
    ASSERT_TRUE(ring.packed_layout);
    EXPECT_FALSE(ring.layout);
    ASSERT_EQ(ring.open.size(), 2U);
    EXPECT_EQ(ring.open[0].head, 7);
    EXPECT_EQ(ring.open[1].table[1].index, 0);
    EXPECT_EQ(ring.slots, (std::vector<SlotState>{SlotState::part, SlotState::part, SlotState::free, SlotState::free,
                                                  SlotState::available}))
        << "place 0 is of the chain that came last";
    const std::string text = ring_text(ring, Style(false));
    EXPECT_THAT(text, HasSubstr("size 5  packed  started"));
    EXPECT_THAT(text, HasSubstr("driver at 1, wrap counter 0  device at 2, wrap counter 1"));
    EXPECT_THAT(text, HasSubstr("driver event area at 0x2000  calls at 3, wrap counter 0"));
    EXPECT_THAT(text, HasSubstr("device event area at 0x3000  kicks disabled"));
    EXPECT_THAT(text, HasSubstr("buffer 7  available at 0, wrap counter 1"));
    EXPECT_THAT(text, HasSubstr("NEXT|AVAIL"));
    EXPECT_THAT(text, HasSubstr("WRITE|USED      id 300")) << "behind the end";

    const json object = json::parse(ring_json(ring));
    EXPECT_EQ(object["packed"], true);
    EXPECT_EQ(object["size"], 5);
    EXPECT_EQ(object["descriptor_ring"]["available_position"], (json{{"offset", 1}, {"wrap", false}}));
    EXPECT_EQ(object["descriptor_ring"]["known"][0]["id"], 300);
    EXPECT_EQ(object["descriptor_ring"]["known"][4]["state"], "available");
    EXPECT_EQ(object["device_event"]["flags"], 1);
    EXPECT_EQ(object["open"][1]["wrap"], true);
    EXPECT_EQ(object["open"][1]["index"], 4);
}

TEST(PackedRingView, ShowsWhatWasUsed) {
    PackedTrace trace;
    trace.offer(7, {0, true});
    trace.use(7, {0, true});
    const auto rings = rings_after(trace);
    ASSERT_EQ(rings.size(), 1U);
    EXPECT_EQ(rings[0].slots[0], SlotState::used);
    EXPECT_EQ(rings[0].slots[1], SlotState::free);
    EXPECT_EQ(rings[0].slots[4], SlotState::unknown) << "nothing of it is in the trace";
    EXPECT_THAT(ring_text(rings[0], Style(false)), HasSubstr("no open chain"));
}

TEST(PackedRingView, ShowsUnknownPartsAsUnknown) {
    const PackedTrace trace;
    const auto rings = rings_after(trace);
    ASSERT_EQ(rings.size(), 1U);
    EXPECT_THAT(ring_text(rings[0], Style(false)), HasSubstr("driver at unknown  device at unknown"));
    EXPECT_TRUE(json::parse(ring_json(rings[0]))["descriptor_ring"]["used_position"].is_null());
}

TEST(PackedRingView, EntriesHavePositionsAndIds) {
    PackedTrace trace;
    trace.offer(7, {4, false});
    const json object = json::parse(last_json(trace.records, false));
    EXPECT_EQ(object["head"], 7);
    EXPECT_EQ(object["index"], 4);
    EXPECT_EQ(object["wrap"], false);
}

}  // namespace
}  // namespace vutrace::render::test
