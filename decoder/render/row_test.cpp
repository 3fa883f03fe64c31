#include "render_fixture.h"

#include <vutrace/render/details.h>
#include <vutrace/render/row.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace vutrace::render::test {
namespace {

using protocol::FrontEndRequest;
using testing::HasSubstr;
using testing::Not;

std::vector<Row> rows_of(const std::vector<trace::Record>& records) {
    explain::Annotator annotator(virtio::block::device_id);
    std::vector<Row> rows;
    for (const trace::Record& record : records) {
        const explain::Annotation& annotation = annotator.annotate(record);
        for (std::size_t entry = 0; entry < trace::sequence_count(record); ++entry) {
            rows.push_back(row_of(annotation, entry));
        }
    }
    return rows;
}

template <class Look>
void look_at_last(const std::vector<trace::Record>& records, const Look& look) {
    explain::Annotator annotator(virtio::block::device_id);
    for (const trace::Record& record : records) {
        const explain::Annotation& annotation = annotator.annotate(record);
        if (&record == &records.back()) {
            look(annotation);
        }
    }
}

TEST(Row, AReplyKnowsItsRequest) {
    TraceBuilder trace;
    trace.request(FrontEndRequest::GET_QUEUE_NUM);
    trace.reply(FrontEndRequest::GET_QUEUE_NUM, protocol::serialise_u64(2));
    const auto rows = rows_of(trace.records);
    EXPECT_EQ(rows[0].name, "GET_QUEUE_NUM");
    EXPECT_EQ(rows[0].summary, "");
    EXPECT_EQ(rows[0].sender, "front-end");
    EXPECT_FALSE(rows[0].answers);
    EXPECT_EQ(rows[1].name, "↳ GET_QUEUE_NUM");
    EXPECT_EQ(rows[1].summary, "2");
    EXPECT_EQ(rows[1].sender, "back-end");
    EXPECT_TRUE(rows[1].answers);
    EXPECT_EQ(rows[1].partner, 1U);
    EXPECT_EQ(rows[1].latency, 1000);
    EXPECT_EQ(rows[1].channel, "front-end");
}

TEST(Row, WhatHasAColumnIsNotInTheSummary) {
    TraceBuilder trace;
    trace.chain(block_write(3, 2048, 4096));
    trace.chain(block_write_done(3, 0));
    const auto rows = rows_of(trace.records);
    EXPECT_EQ(rows[0].name, "available");
    EXPECT_EQ(rows[0].queue, 0U);
    EXPECT_THAT(rows[0].summary, testing::StartsWith("head 3  OUT"));
    EXPECT_EQ(rows[1].name, "used");
    EXPECT_EQ(rows[1].partner, 1U);
    EXPECT_EQ(rows[1].latency, 1000);
    EXPECT_THAT(rows[1].summary, Not(HasSubstr("µs")));
    EXPECT_EQ(rows[1].trouble, Tone::plain);
}

TEST(Row, TroubleIsWhatALineMarksAsTrouble) {
    TraceBuilder trace;
    trace.chain(block_write(3, 2048, 4096));
    trace.chain(block_write_done(3, 1));
    trace.add(trace::GapRecord{0, 3, 0, 0, "too fast"});
    trace.add(trace::NoteRecord{trace::NoteRecord::Severity::error, trace::no_queue, "broken"});
    trace.add(trace::NoteRecord{trace::NoteRecord::Severity::info, 1, "fine"});
    trace.message(Side::front_end, 1, 1, Bytes(3));
    trace.add(trace::EventRecord{trace::EventRecord::Kind::err, 0, 1});
    const auto rows = rows_of(trace.records);
    EXPECT_EQ(rows[0].trouble, Tone::plain);
    EXPECT_EQ(rows[1].trouble, Tone::bad) << rows[1].summary;
    EXPECT_EQ(rows[2].trouble, Tone::doubtful);
    EXPECT_EQ(rows[2].name, "gap");
    EXPECT_EQ(rows[2].summary, "lost 3 chains: too fast");
    EXPECT_EQ(rows[3].trouble, Tone::bad);
    EXPECT_EQ(rows[3].name, "error");
    EXPECT_EQ(rows[3].summary, "broken");
    EXPECT_EQ(rows[4].trouble, Tone::plain);
    EXPECT_EQ(rows[4].queue, 1U);
    EXPECT_EQ(rows[5].trouble, Tone::bad) << rows[5].summary;
    EXPECT_EQ(rows[6].name, "err");
}

TEST(Details, FieldsKnowTheirBytesAndWhatTheyMean) {
    TraceBuilder trace;
    trace.request(FrontEndRequest::SET_VRING_NUM, protocol::serialise(protocol::VringState{1, 256}));
    look_at_last(trace.records, [](const explain::Annotation& annotation) {
        const auto details = details_of(annotation, 0);
        const auto header =
            std::find_if(details.begin(), details.end(), [](const Detail& d) { return d.name == "header"; });
        ASSERT_NE(header, details.end());
        EXPECT_EQ(header->bytes, (ByteRange{0, 12}));
        EXPECT_EQ(header->meaning, annotation.message.info->meaning);
        EXPECT_EQ(header->section, annotation.message.info->section);
        const auto number =
            std::find_if(details.begin(), details.end(), [](const Detail& d) { return d.value == "256"; });
        ASSERT_NE(number, details.end());
        EXPECT_EQ(number->bytes, (ByteRange{16, 4}));
        EXPECT_FALSE(number->meaning.empty());
        EXPECT_EQ(number->section, header->section);
        const RawBytes raw = raw_bytes_of(annotation, 0, 18);
        EXPECT_EQ(raw.size, 20U);
        EXPECT_EQ(raw.bytes.size(), 18U);
        EXPECT_TRUE(raw.known.empty());
    });
}

TEST(Details, TheNumberOfAQueueRequestMeansWhatTheRequestSays) {
    const auto meaning = [](FrontEndRequest request, const Bytes& payload, std::string_view field) {
        TraceBuilder trace;
        trace.request(request, payload);
        std::string found = "missing";
        look_at_last(trace.records, [&](const explain::Annotation& annotation) {
            for (const Detail& detail : details_of(annotation, 0)) {
                found = detail.name == field ? detail.meaning : found;
            }
        });
        return found;
    };
    const Bytes state = protocol::serialise(protocol::VringState{0, 1});
    EXPECT_EQ(meaning(FrontEndRequest::SET_VRING_BASE, state, "num"), "base: ring index at which the queue starts");
    EXPECT_EQ(meaning(FrontEndRequest::SET_VRING_ENABLE, state, "num"), "1 enables the queue, 0 disables it");
    EXPECT_EQ(meaning(FrontEndRequest::SET_VRING_NUM, state, "num"), "size: descriptors of the queue");
    EXPECT_EQ(meaning(FrontEndRequest::GET_VRING_BASE, state, "num"), "not used");
    EXPECT_EQ(meaning(FrontEndRequest::SET_VRING_ENABLE, state, "index"), "number of the queue");
    EXPECT_EQ(meaning(FrontEndRequest::NET_SET_MTU, protocol::serialise_u64(1500), "value"), "") << "not “value” again";
}

std::string value_of(const std::vector<Detail>& details, std::string_view name) {
    const auto found = std::find_if(details.begin(), details.end(), [&](const Detail& d) { return d.name == name; });
    return found == details.end() ? "missing" : found->value;
}

TEST(Details, OfMemoryAreWhatItIsPartOfAndHowMuchOfItIsThere) {
    TraceBuilder trace;
    trace::MemoryRecord memory;
    memory.part = trace::MemoryRecord::Part::used;
    memory.queue = 2;
    memory.address = 0x3000;
    memory.content.add_literal(Bytes(4, std::byte{7}));
    memory.content.add_missing(4);
    trace.add(memory);
    look_at_last(trace.records, [](const explain::Annotation& annotation) {
        const auto details = details_of(annotation, 0);
        EXPECT_EQ(value_of(details, "part"), "used");
        EXPECT_EQ(value_of(details, "queue"), "2");
        EXPECT_EQ(value_of(details, "address"), "0x3000");
        EXPECT_EQ(value_of(details, "length"), "8 bytes");
        EXPECT_EQ(value_of(details, "captured"), "4 bytes");
        EXPECT_EQ(value_of(details, "content"), "late");
    });
}

TEST(Details, OfNotificationsGapsAndNotesAreAllTheirFields) {
    TraceBuilder trace;
    trace.add(trace::EventRecord{trace::EventRecord::Kind::kick, 1, 3});
    look_at_last(trace.records, [](const explain::Annotation& annotation) {
        const auto details = details_of(annotation, 0);
        EXPECT_EQ(value_of(details, "notification"), "kick");
        EXPECT_EQ(value_of(details, "queue"), "1");
        EXPECT_EQ(value_of(details, "count"), "3");
    });
    trace.add(trace::GapRecord{0, 5, 2, 4096, "too fast"});
    look_at_last(trace.records, [](const explain::Annotation& annotation) {
        const auto details = details_of(annotation, 0);
        EXPECT_EQ(value_of(details, "chains"), "5");
        EXPECT_EQ(value_of(details, "bytes"), "4,096");
        EXPECT_EQ(value_of(details, "reason"), "too fast");
    });
    trace.add(trace::NoteRecord{trace::NoteRecord::Severity::warning, trace::no_queue, "slow"});
    look_at_last(trace.records, [](const explain::Annotation& annotation) {
        const auto details = details_of(annotation, 0);
        EXPECT_EQ(value_of(details, "severity"), "warning");
        EXPECT_EQ(value_of(details, "queue"), "missing") << "it is about none";
    });
}

TEST(Details, AUsedChainNamesTheRecordThatMadeItAvailable) {
    TraceBuilder trace;
    trace.chain(block_write(3, 2048, 4096));
    trace.chain(block_write_done(3, 0));
    look_at_last(trace.records, [](const explain::Annotation& annotation) {
        const auto details = details_of(annotation, 0);
        EXPECT_TRUE(std::any_of(details.begin(), details.end(), [](const Detail& d) { return d.record == 1; }));
    });
}

TEST(Details, BytesThatWereNotCapturedAreNotKnown) {
    TraceBuilder trace;
    trace::ChainEntry entry = block_write(3, 2048, 4096);
    entry.content.clear();
    entry.content.add_literal(Bytes(4, std::byte{7}));
    entry.content.add_missing(4);
    entry.content.add_zeros(UINT32_MAX);
    trace.chain(entry);
    look_at_last(trace.records, [](const explain::Annotation& annotation) {
        const RawBytes raw = raw_bytes_of(annotation, 0, 10);
        EXPECT_EQ(raw.size, std::uint64_t{8} + UINT32_MAX);
        EXPECT_EQ(raw.bytes.size(), 10U);
        EXPECT_EQ(raw.bytes[3], std::byte{7});
        EXPECT_EQ(raw.known, (std::vector<bool>{true, true, true, true, false, false, false, false, true, true}));
        EXPECT_TRUE(raw_bytes_of(annotation, 0, 0).bytes.empty());
    });
}

}  // namespace
}  // namespace vutrace::render::test
