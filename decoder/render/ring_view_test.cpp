#include "render_fixture.h"

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

}  // namespace
}  // namespace vutrace::render::test
