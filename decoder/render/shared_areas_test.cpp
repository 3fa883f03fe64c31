#include "render_fixture.h"

#include <vutrace/render/text.h>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace vutrace::render::test {
namespace {

using nlohmann::json;
using protocol::FrontEndRequest;
using testing::HasSubstr;
using Part = trace::MemoryRecord::Part;

trace::MemoryRecord area_of(Part part, const Bytes& bytes) {
    trace::MemoryRecord memory{part, trace::Proof::late, trace::no_queue, 0, {}};
    memory.content.add_literal(bytes);
    return memory;
}

TraceBuilder with_inflight_area() {
    TraceBuilder trace;
    trace.request(FrontEndRequest::SET_INFLIGHT_FD, protocol::serialise(protocol::Inflight{128, 0, 1, 4}));
    Bytes area(128);
    store<std::uint16_t>(area, 8, 1);
    store<std::uint16_t>(area, 10, 4);
    store<std::uint16_t>(area, 12, 2);
    store<std::uint16_t>(area, 14, 9);
    store<std::uint8_t>(area, 16 + 3 * 16, 1);
    store<std::uint64_t>(area, 16 + 3 * 16 + 8, 77);
    trace.add(area_of(Part::inflight, area));
    return trace;
}

std::string text_of(const std::vector<trace::Record>& records, bool verbose) {
    explain::Annotator annotator;
    TextRenderer renderer({TimeFormat::relative, false, verbose, false});
    std::string text;
    for (const trace::Record& record : records) {
        text.clear();
        renderer.append(text, annotator.annotate(record), 0);
    }
    return text;
}

TEST(SharedAreas, TheInflightAreaAsJson) {
    EXPECT_EQ(json::parse(last_json(with_inflight_area().records))["inflight"], json::parse(R"({
        "layout": "split", "header_size": 16, "stride": 128, "queue_count": 1, "queues": [
            {"queue": 0, "version": 1, "desc_num": 4, "used_idx": 9, "last_batch_head": 2, "count": 1,
             "heads": [{"head": 3, "counter": 77}]}]})"));
}

TEST(SharedAreas, TheInflightAreaAsText) {
    EXPECT_THAT(text_of(with_inflight_area().records, false), HasSubstr("queue 0: 1 in flight"));
    EXPECT_THAT(text_of(with_inflight_area().records, true), HasSubstr("last batch head 2; in flight: 3 (counter 77)"));
}

TEST(SharedAreas, TheDirtyLogAsPages) {
    TraceBuilder trace;
    trace.add(area_of(Part::log, Bytes{std::byte{0x0c}, std::byte{0x80}}));
    const json object = json::parse(last_json(trace.records));
    EXPECT_EQ(object["part"], "log");
    EXPECT_EQ(object["dirty"], json::parse(R"({"pages": 3, "range_count": 2, "ranges": [
        {"address": "0x2000", "pages": 2}, {"address": "0xf000", "pages": 1}]})"));
    EXPECT_THAT(text_of(trace.records, false), HasSubstr("3 pages dirty in 2 ranges"));
    EXPECT_THAT(text_of(trace.records, true), HasSubstr("0xf000 1 page"));
}

TEST(SharedAreas, LongListsAreCut) {
    TraceBuilder trace;
    trace.add(area_of(Part::log, Bytes(4096, std::byte{0x55})));
    const json object = json::parse(last_json(trace.records));
    EXPECT_EQ(object["dirty"]["pages"], 4096 * 4);
    EXPECT_EQ(object["dirty"]["ranges"].size(), virtio::DirtyPages::most_ranges);
    EXPECT_THAT(text_of(trace.records, true), HasSubstr("16368 ranges more"));
}

}  // namespace
}  // namespace vutrace::render::test
