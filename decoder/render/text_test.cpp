#include "render_fixture.h"

#include <vutrace/protocol/features.h>
#include <vutrace/render/text.h>
#include <vutrace/virtio/packed_ring.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace vutrace::render::test {
namespace {

using protocol::FrontEndRequest;
using testing::HasSubstr;
using testing::Not;

std::vector<std::string> lines_of(const std::vector<trace::Record>& records, TextOptions options = {}) {
    explain::Annotator annotator(virtio::block::device_id);
    TextRenderer renderer(options);
    std::vector<std::string> lines;
    for (const trace::Record& record : records) {
        const explain::Annotation& annotation = annotator.annotate(record);
        for (std::size_t entry = 0; entry < trace::sequence_count(record); ++entry) {
            std::string line;
            renderer.append(line, annotation, entry);
            lines.push_back(std::move(line));
        }
    }
    return lines;
}

TEST(TextLine, ShowsARequestAndItsReply) {
    TraceBuilder trace;
    trace.request(FrontEndRequest::GET_QUEUE_NUM);
    trace.reply(FrontEndRequest::GET_QUEUE_NUM, protocol::serialise_u64(2));
    const auto lines = lines_of(trace.records);
    EXPECT_EQ(lines[0], "     1     0.000000000  #1  front-end → back-end  GET_QUEUE_NUM\n");
    EXPECT_EQ(lines[1], "     2     0.000001000  #1  front-end ← back-end  ↳ GET_QUEUE_NUM            2  (1.00µs)\n");
}

TEST(TextLine, ShowsABlockWriteAndItsEnd) {
    TraceBuilder trace;
    trace.chain(block_write(3, 2048, 4096));
    trace.chain(block_write_done(3, 1));
    const auto lines = lines_of(trace.records);
    EXPECT_EQ(lines[0],
              "     1     0.000000000  #1  driver → device       queue 0   head 3     available  "
              "OUT sector=2048 length=4096\n");
    EXPECT_EQ(lines[1],
              "     2     0.000001000  #1  driver ← device       queue 0   head 3     used       "
              "OUT sector=2048 length=4096 IOERR  wrote 1  (1.00µs)\n");
}

TEST(TextLine, MarksWhatIsNotVerified) {
    TraceBuilder trace;
    trace::ChainEntry entry = block_write(3, 0, 512);
    trace.chain(entry);
    entry.proof = trace::Proof::late;
    trace.chain(entry);
    const auto lines = lines_of(trace.records);
    EXPECT_THAT(lines[0], Not(HasSubstr("verified")));
    EXPECT_THAT(lines[1], HasSubstr("[late]"));
}

TEST(TextLine, MarksProblems) {
    TraceBuilder trace;
    trace.request(FrontEndRequest::SET_VRING_NUM, Bytes(3, std::byte{1}));
    EXPECT_THAT(lines_of(trace.records)[0], HasSubstr("  !! "));
}

TEST(TextLine, ShowsTheNumberOfAnUnknownRequest) {
    TraceBuilder trace;
    trace.message(Side::front_end, 777, 1, {});
    EXPECT_THAT(lines_of(trace.records)[0], HasSubstr("UNKNOWN 777"));
}

TEST(TextLine, SaysWhatAGapLost) {
    TraceBuilder trace;
    trace.add(trace::GapRecord{1, 3, 0, 4096, "queue full"});
    EXPECT_THAT(lines_of(trace.records)[0], HasSubstr("gap in queue 1: lost 3 chains, 4096 bytes: queue full\n"));
    trace.add(trace::GapRecord{1, 3, 2, 0, "gone round", true});
    EXPECT_THAT(lines_of(trace.records)[1], HasSubstr("lost at least 3 chains, 2 records: gone round\n"));
}

TEST(TextLine, StaysOneLineWhateverTheTextSays) {
    TraceBuilder trace;
    trace.add(trace::NoteRecord{trace::NoteRecord::Severity::error, trace::no_queue, "a\nb\x1b[0m"});
    const std::string line = lines_of(trace.records)[0];
    EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
    EXPECT_EQ(line.find('\x1b'), std::string::npos);
}

TEST(TextTime, CanBeAbsoluteOrSinceTheLineBefore) {
    TraceBuilder trace;
    trace.add(trace::EventRecord{trace::EventRecord::Kind::kick, 0, 1});
    trace.add(trace::EventRecord{trace::EventRecord::Kind::kick, 0, 2});
    trace.add(trace::EventRecord{trace::EventRecord::Kind::kick, 0, 1});
    const auto absolute = lines_of(trace.records, {TimeFormat::absolute, false, false, false});
    EXPECT_THAT(absolute[1], HasSubstr("2023-11-14 22:13:20.000002000Z"));
    EXPECT_THAT(absolute[1], HasSubstr("kick ×2"));
    const auto delta = lines_of(trace.records, {TimeFormat::delta, false, false, false});
    EXPECT_THAT(delta[2], HasSubstr("0.000001000"));
}

TEST(TextVerbose, NamesEveryFeatureBit) {
    TraceBuilder trace;
    trace.request(FrontEndRequest::SET_FEATURES, protocol::serialise_u64(0x140000046));
    const std::string text = lines_of(trace.records, {TimeFormat::relative, false, true, false})[0];
    EXPECT_THAT(text, HasSubstr("bit 32"));
    EXPECT_THAT(text, HasSubstr("VERSION_1"));
    EXPECT_THAT(text, HasSubstr("[0..7]"));
    EXPECT_THAT(text, HasSubstr("2023-11-14"));
}

TEST(TextVerbose, SaysWhichFeaturesWereOfferedAndAreMissing) {
    TraceBuilder trace;
    trace.request(FrontEndRequest::GET_FEATURES);
    trace.reply(FrontEndRequest::GET_FEATURES, protocol::serialise_u64(0x1'0000'0002));
    trace.request(FrontEndRequest::SET_FEATURES, protocol::serialise_u64(0x3'0000'0000));
    const auto lines = lines_of(trace.records, {TimeFormat::relative, false, true, false});
    EXPECT_THAT(lines[1], Not(HasSubstr("not accepted"))) << "nobody knows yet";
    EXPECT_THAT(lines[2], HasSubstr("SIZE_MAX  (offered, not accepted)"));
    EXPECT_THAT(lines[2], HasSubstr("ACCESS_PLATFORM  (accepted, but never offered)"));
    EXPECT_THAT(lines[2], HasSubstr("VERSION_1\n"));
}

TEST(TextVerbose, SaysBothMeaningsOfANumber) {
    const auto verbose = [](const TraceBuilder& trace) {
        return lines_of(trace.records, {TimeFormat::relative, false, true, false})[0];
    };
    TraceBuilder known;
    known.request(FrontEndRequest::GET_INFLIGHT_FD, protocol::serialise(protocol::Inflight{}));
    EXPECT_THAT(verbose(known), AllOf(HasSubstr("GET_INFLIGHT_FD"), HasSubstr("NVME_IO_CMD in SPDK's QEMU")));
    TraceBuilder unknown;
    unknown.message(Side::front_end, 80, protocol::version_1, {});
    EXPECT_THAT(verbose(unknown), AllOf(HasSubstr("UNKNOWN 80"), HasSubstr("it is NVME_ADMIN in SPDK's rte_vhost")));
    TraceBuilder bits;
    bits.request(FrontEndRequest::SET_PROTOCOL_FEATURES, protocol::serialise_u64(1U << 21U));
    EXPECT_THAT(verbose(bits), HasSubstr("GPA_ADDRESSES  (elsewhere SHMEM in rust-vmm/vhost 0.16)"));
    TraceBuilder plain;
    plain.request(FrontEndRequest::GET_FEATURES);
    EXPECT_THAT(verbose(plain), Not(HasSubstr("elsewhere")));
}

TEST(TextVerbose, SaysOnceThatABitIsUnknown) {
    TraceBuilder trace;
    trace.request(FrontEndRequest::SET_FEATURES, protocol::serialise_u64(0x8));  // none of a block device
    const std::string text = lines_of(trace.records, {TimeFormat::relative, false, true, false})[0];
    EXPECT_THAT(text, HasSubstr("bit 3  "));
    EXPECT_THAT(text, HasSubstr("unknown\n"));
    EXPECT_EQ(text.find("bit 3"), text.rfind("bit 3")) << text;
}

struct Doubt {
    trace::Proof offered;
    trace::Proof used;
    const char* says_of_request;
    const char* says_of_bytes;
};

TEST(TextVerbose, SaysInWordsWhatIsDoubtful) {
    using trace::Proof;
    for (const Doubt& doubt :
         {Doubt{Proof::verified, Proof::verified, nullptr, nullptr},
          Doubt{Proof::late, Proof::verified, "doubtful: it was read after the device could have", nullptr},
          Doubt{Proof::partial, Proof::verified, "doubtful: only part of it was captured", nullptr},
          Doubt{Proof::absent, Proof::verified, "doubtful: nothing of it was captured", nullptr},
          Doubt{Proof::verified, Proof::late, nullptr, "doubtful: what the device wrote was read after the driver"},
          Doubt{Proof::late, Proof::partial, "doubtful: it was read",
                "doubtful: only part of what the device wrote"}}) {
        TraceBuilder trace;
        trace::ChainEntry offered = block_write(3, 0, 512);
        offered.proof = doubt.offered;
        trace.chain(offered);
        trace::ChainEntry used = block_write_done(3, 0);
        used.proof = doubt.used;
        trace.chain(used);
        const auto lines = lines_of(trace.records, {TimeFormat::relative, false, true, false});
        for (const std::string& text : lines) {
            const bool of_used = &text == &lines[1];
            EXPECT_EQ(text.find("doubtful") != std::string::npos,
                      doubt.says_of_request != nullptr || (of_used && doubt.says_of_bytes != nullptr))
                << text;
            EXPECT_THAT(text, HasSubstr(doubt.says_of_request != nullptr ? doubt.says_of_request : ""));
            EXPECT_THAT(text, HasSubstr(of_used && doubt.says_of_bytes != nullptr ? doubt.says_of_bytes : ""));
        }
    }
}

TEST(TextVerbose, ShowsWhatNoDevicesDecoderKnowsAsBytes) {
    TraceBuilder trace;
    trace::ChainEntry entry = block_write(3, 0, 512);
    entry.content.clear();
    entry.content.add_literal(Bytes(300, std::byte{'x'}));
    trace.chain(entry);
    explain::Annotator annotator(5);  // a balloon
    TextRenderer renderer({TimeFormat::relative, false, true, false});
    std::string text;
    renderer.append(text, annotator.annotate(trace.records.front()), 0);
    EXPECT_THAT(text, HasSubstr("inflate  3 buffers: 528 readable, 1 writable"));
    EXPECT_THAT(text, HasSubstr("00000000  78 78"));
    EXPECT_THAT(text, HasSubstr("44 bytes more, all with --raw"));
}

TEST(TextVerbose, ShowsEveryFieldOfARequest) {
    TraceBuilder trace;
    trace.chain(block_write(3, 2048, 4096));
    const std::string text = lines_of(trace.records, {TimeFormat::relative, false, true, false})[0];
    EXPECT_THAT(text, HasSubstr("role                  request\n"));
    EXPECT_THAT(text, HasSubstr("type                  OUT (0x1)\n"));
    EXPECT_THAT(text, HasSubstr("sector                2048\n"));
}

TEST(TextLine, MarksAnEndWhoseRequestIsNotProven) {
    TraceBuilder trace;
    trace::ChainEntry offered = block_write(3, 0, 512);
    offered.proof = trace::Proof::late;
    trace.chain(offered);
    trace.chain(block_write_done(3, 0));
    EXPECT_THAT(lines_of(trace.records)[1], HasSubstr("[request late]"));
}

TEST(TextVerbose, ListsTheDescriptorsOfAUsedChain) {
    TraceBuilder trace;
    trace.chain(block_write(3, 0, 512));
    trace.chain(block_write_done(3, 0));
    const std::string text = lines_of(trace.records, {TimeFormat::relative, false, true, false})[1];
    EXPECT_THAT(text, HasSubstr("0x30000 +1  WRITE"));
    EXPECT_THAT(text, HasSubstr("made available        record 1"));
}

TEST(TextVerbose, NamesTheFlagsOfAPackedRing) {
    TraceBuilder trace;
    trace.start_block_device();
    trace.request(FrontEndRequest::SET_FEATURES,
                  protocol::serialise_u64(std::uint64_t{1} << protocol::feature::RING_PACKED));
    trace::ChainEntry entry = block_write(3, 0, 512);
    entry.descriptors = {{0x10000, 32, virtio::descriptor_indirect | virtio::packed_available, 3},
                         {0x20000, 1, virtio::descriptor_write | virtio::packed_available, 0}};
    trace.chain(entry);
    const std::string text = lines_of(trace.records, {TimeFormat::relative, false, true, false}).back();
    EXPECT_THAT(text, HasSubstr("0x10000 +32  INDIRECT|AVAIL\n"));
    EXPECT_THAT(text, HasSubstr("0x20000 +1  WRITE|0x80\n")) << "means nothing in an indirect table";
}

TEST(TextRaw, TellsZerosFromBytesThatWereNotCaptured) {
    TraceBuilder trace;
    trace::MemoryRecord memory;
    memory.content.add_literal(Bytes{std::byte{0xee}});
    memory.content.add_zeros(4096);
    memory.content.add_missing(7);
    trace.add(memory);
    const std::string text = lines_of(trace.records, {TimeFormat::relative, false, false, true})[0];
    EXPECT_THAT(text, HasSubstr("00000000  ee"));
    EXPECT_THAT(text, HasSubstr("00000001  4096 bytes of zeros"));
    EXPECT_THAT(text, HasSubstr("00001001  7 bytes not captured"));
}

TEST(TextColour, IsThereOnlyWhereAsked) {
    TraceBuilder trace;
    trace.request(FrontEndRequest::GET_FEATURES);
    EXPECT_THAT(lines_of(trace.records)[0], Not(HasSubstr("\x1b")));
    EXPECT_THAT(lines_of(trace.records, {TimeFormat::relative, true, false, false})[0], HasSubstr("\x1b[1;36m"));
}

}  // namespace
}  // namespace vutrace::render::test
