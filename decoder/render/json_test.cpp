#include "render_fixture.h"

#include <vutrace/render/json.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace vutrace::render::test {
namespace {

using nlohmann::json;
using protocol::FrontEndRequest;

json last(const TraceBuilder& trace, bool raw = false) {
    return json::parse(last_json(trace.records, raw));
}

// Fields of the interface that every object has, then those given.
void expect_fields(const json& object, const json& expected) {
    for (const auto& [key, value] : expected.items()) {
        ASSERT_TRUE(object.contains(key)) << key << " in " << object.dump();
        EXPECT_EQ(object[key], value) << key;
    }
}

TEST(JsonOfSession, NamesTheEventAndItsAttributes) {
    TraceBuilder trace;
    trace.add(trace::SessionRecord{trace::SessionRecord::Kind::closed, {{"reason", "hang-up"}}});
    expect_fields(last(trace), {{"seq", 1},
                                {"time", start_time + 1000},
                                {"session", 1},
                                {"record", "session"},
                                {"event", "closed"},
                                {"attributes", {{"reason", "hang-up"}}}});
}

TEST(JsonOfMessage, HasEveryFieldOfTheInterface) {
    TraceBuilder trace;
    trace.message(Side::front_end, 3, 0x9, {});
    const json object = last(trace);
    expect_fields(object, {{"record", "message"},
                           {"channel", "front-end"},
                           {"sender", "front-end"},
                           {"code", 3},
                           {"request", "SET_OWNER"},
                           {"version", 1},
                           {"reply", false},
                           {"need_reply", true},
                           {"size", 0}});
    EXPECT_FALSE(object.contains("payload"));
    EXPECT_FALSE(object.contains("raw"));
    EXPECT_FALSE(object.contains("problems"));
    EXPECT_FALSE(object.contains("fds"));
}

TEST(JsonOfMessage, ShowsFeaturesAsMaskAndNames) {
    TraceBuilder trace;
    trace.request(FrontEndRequest::SET_FEATURES, protocol::serialise_u64(0x140000000));
    const json payload = last(trace)["payload"];
    ASSERT_EQ(payload.size(), 2U) << payload.dump();
    EXPECT_EQ(payload.begin().value(), "0x140000000");
    EXPECT_THAT(payload.dump(), testing::HasSubstr("VERSION_1"));
}

TEST(JsonOfMessage, ShowsMemoryRegionsAsArray) {
    TraceBuilder trace;
    protocol::MemoryRegion region;
    region.guest_address = 0x100000;
    region.size = 4096;
    trace.request(FrontEndRequest::SET_MEM_TABLE, protocol::serialise_regions({region, region}, false),
                  {DescriptorKind::memfd, DescriptorKind::memfd});
    const json object = last(trace);
    const json regions = object["payload"]["regions"];
    ASSERT_TRUE(regions.is_array()) << object.dump();
    ASSERT_EQ(regions.size(), 2U);
    expect_fields(regions[1], {{"guest_phys_addr", "0x100000"}, {"memory_size", 4096}});
    ASSERT_EQ(object["fds"].size(), 2U);
    expect_fields(object["fds"][1], {{"kind", "memfd"}, {"id", 2}, {"inode", 1002}, {"size", 1048576}});
}

TEST(JsonOfMessage, PairsAReplyWithItsRequest) {
    TraceBuilder trace;
    trace.request(FrontEndRequest::GET_FEATURES);
    trace.request(FrontEndRequest::GET_QUEUE_NUM);
    trace.reply(FrontEndRequest::GET_QUEUE_NUM, protocol::serialise_u64(2));
    expect_fields(last(trace), {{"reply", true}, {"answers", 2}, {"latency", 1000}});
}

TEST(JsonOfMessage, LeavesAReplyToNothingAlone) {
    TraceBuilder trace;
    trace.reply(FrontEndRequest::GET_QUEUE_NUM, protocol::serialise_u64(2));
    EXPECT_FALSE(last(trace).contains("answers"));
}

TEST(JsonOfMessage, ShowsAnUnknownRequestWithItsBytes) {
    TraceBuilder trace;
    trace.message(Side::front_end, 4242, 0x1, {std::byte{0xab}, std::byte{0xcd}});
    expect_fields(last(trace), {{"request", "UNKNOWN"}, {"code", 4242}, {"raw", "abcd"}});
}

TEST(JsonOfMessage, ShowsAMalformedPayloadWithBytesAndProblems) {
    TraceBuilder trace;
    trace.request(FrontEndRequest::SET_VRING_NUM, Bytes(3, std::byte{1}));
    const json object = last(trace);
    expect_fields(object, {{"raw", "010101"}});
    EXPECT_GE(object.value("problems", json::array()).size(), 1U);
}

TEST(JsonOfMessage, ShowsAMessageThatEndsInItsHeader) {
    TraceBuilder trace;
    trace::MessageRecord message;
    message.bytes = Bytes(5, std::byte{0});
    message.incomplete = true;
    trace.add(message);
    const json object = last(trace);
    EXPECT_EQ(object["request"], "UNKNOWN");
    expect_fields(object, {{"raw", "0000000000"}});
    EXPECT_EQ(object.value("problems", json::array()).size(), 2U) << object.dump();
}

TEST(JsonOfMessage, NamesTheRequestOfALaterPiece) {
    TraceBuilder trace;
    Bytes payload(100, std::byte{0});
    auto& first = std::get<trace::MessageRecord>(trace.request(FrontEndRequest::SET_CONFIG, payload).body);
    first.bytes.resize(60);
    trace::MessageRecord rest;
    rest.offset = 60;
    rest.bytes = Bytes(52, std::byte{0});
    trace.add(rest);
    const json object = last(trace);
    expect_fields(object, {{"offset", 60}, {"request", "SET_CONFIG"}, {"size", 100}});
    EXPECT_FALSE(object.contains("payload"));
    EXPECT_FALSE(object.contains("problems")) << object.dump();
}

TEST(JsonOfMessage, GivesTheBytesWhereAsked) {
    TraceBuilder trace;
    trace.request(FrontEndRequest::SET_FEATURES, protocol::serialise_u64(1));
    expect_fields(last(trace, true), {{"raw", "0100000000000000"}});
}

TEST(JsonOfEvent, HasQueueAndCount) {
    TraceBuilder trace;
    trace.add(trace::EventRecord{trace::EventRecord::Kind::call, 3, 7});
    expect_fields(last(trace), {{"record", "event"}, {"queue", 3}, {"fd", "call"}, {"count", 7}});
}

TEST(JsonOfChain, DecodesABlockWriteUntilItIsUsed) {
    TraceBuilder trace;
    trace.start_block_device();
    const std::uint64_t available = trace.chain(block_write(3, 2048, 4096)).sequence;
    explain::Annotator annotator(virtio::block::device_id);
    std::string line;
    trace.chain(block_write_done(3, 0));
    for (const trace::Record& record : trace.records) {
        line.clear();
        append_json(line, annotator.annotate(record), 0, {});
    }
    const json object = json::parse(line);
    expect_fields(object, {{"record", "chain"},
                           {"queue", 0},
                           {"head", 3},
                           {"state", "used"},
                           {"used_length", 1},
                           {"content", "verified"},
                           {"request_content", "verified"},
                           {"available", available},
                           {"latency", 1000}});
    expect_fields(object["request"], {{"type", "OUT"}, {"sector", 2048}, {"length", 4096}, {"status", "OK"}});
    ASSERT_EQ(object["descriptors"].size(), 3U);
    expect_fields(object["descriptors"][2], {{"address", "0x30000"}, {"length", 1}, {"writable", true}});
}

TEST(JsonOfChain, LeavesOutReferencesToIndirectTables) {
    TraceBuilder trace;
    trace::ChainEntry entry = block_write(0, 0, 512);
    entry.descriptors.insert(entry.descriptors.begin(), {0x9000, 48, virtio::descriptor_indirect, 0});
    trace.chain(entry);
    const json object = last(trace);
    EXPECT_EQ(object["descriptors"].size(), 3U);
    EXPECT_EQ(object["indirect"], true);
}

TEST(JsonOfChain, GivesEachEntryOfARecordItsOwnObject) {
    TraceBuilder trace;
    trace::ChainRecord record;
    record.entries = {block_write(0, 0, 512), block_write(5, 8, 512)};
    record.entries[1].time_offset = 250;
    trace.add(record);
    trace.add(trace::EventRecord{trace::EventRecord::Kind::kick, 0, 1});
    const auto lines = json_lines(trace.records);
    ASSERT_EQ(lines.size(), 3U);
    expect_fields(json::parse(lines[1]), {{"seq", 2}, {"head", 5}, {"time", start_time + 1250}});
    expect_fields(json::parse(lines[2]), {{"seq", 3}});
}

TEST(JsonOfChain, SaysNothingAboutADescriptorItNeverSaw) {
    TraceBuilder trace;
    trace.chain(block_write_done(9, 0));
    const json object = last(trace);
    EXPECT_FALSE(object.contains("descriptors"));
    EXPECT_FALSE(object.contains("available"));
    EXPECT_FALSE(object.contains("request"));
}

TEST(JsonOfMemory, TellsBytesFromZerosAndWhatIsMissing) {
    TraceBuilder trace;
    trace::MemoryRecord memory;
    memory.address = 0x4000;
    memory.content.add_literal(Bytes{std::byte{0xee}});
    memory.content.add_zeros(10);
    memory.content.add_missing(5);
    trace.add(memory);
    const json object = last(trace, true);
    expect_fields(object, {{"record", "memory"}, {"address", "0x4000"}, {"length", 16}, {"captured", 11}});
    EXPECT_EQ(object["data"], json::parse(R"([{"bytes":"ee"},{"zeros":10},{"missing":5}])"));
    EXPECT_FALSE(object.contains("queue"));
}

TEST(JsonOfGap, HasEveryCount) {
    TraceBuilder trace;
    trace.add(trace::GapRecord{2, 3, 4, 5, "queue full"});
    expect_fields(last(trace), {{"record", "gap"},
                                {"queue", 2},
                                {"chains", 3},
                                {"records", 4},
                                {"bytes", 5},
                                {"reason", "queue full"},
                                {"at_least", false}});
    trace.add(trace::GapRecord{2, 3, 0, 0, "gone round", true});
    expect_fields(last(trace), {{"chains", 3}, {"at_least", true}});
}

TEST(JsonOfNote, SurvivesBytesThatAreNoText) {
    TraceBuilder trace;
    trace.add(trace::NoteRecord{trace::NoteRecord::Severity::warning, trace::no_queue, "\xff\xfe\"\n\x01 \xc3\xa9"}, 0);
    const json object = last(trace);
    expect_fields(object, {{"record", "note"}, {"severity", "warning"}, {"session", 0}});
    EXPECT_EQ(object["text"], "\xef\xbf\xbd\xef\xbf\xbd\"\n\x01 \xc3\xa9");
}

}  // namespace
}  // namespace vutrace::render::test
