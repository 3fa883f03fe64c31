#include <vutrace/explain/annotation.h>
#include <vutrace/session/testing/session_builder.h>

#include <gmock/gmock.h>

namespace vutrace::explain {
namespace {

using protocol::FrontEndRequest;
using session::testing::literal;
using session::testing::SessionBuilder;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using Part = trace::MemoryRecord::Part;

// What the last record is explained as.
SharedAreaAnnotation last_area(const SessionBuilder& session) {
    Annotator annotator;
    SharedAreaAnnotation area;
    for (const trace::Record& record : session.records()) {
        area = annotator.annotate(record).area;
    }
    return area;
}

void record(SessionBuilder& session, Part part, trace::Content content, std::uint64_t address = 0) {
    session.add(trace::MemoryRecord{part, trace::Proof::late, trace::no_queue, address, std::move(content)});
}

Bytes area_with_head_1_in_flight() {
    Bytes area(2 * 128);
    store<std::uint16_t>(area, 128 + 8, 1);
    store<std::uint16_t>(area, 128 + 10, 4);
    store<std::uint8_t>(area, 128 + 16 + 16, 1);
    return area;
}

TEST(SharedAreas, AnInflightAreaIsReadAsTheAnswerDescribesIt) {
    SessionBuilder session;
    session.request(FrontEndRequest::GET_INFLIGHT_FD, protocol::serialise(protocol::Inflight{0, 0, 2, 4}));
    session.reply(FrontEndRequest::GET_INFLIGHT_FD, protocol::serialise(protocol::Inflight{256, 0, 2, 4}));
    record(session, Part::inflight, literal(area_with_head_1_in_flight()));
    const SharedAreaAnnotation area = last_area(session);
    ASSERT_TRUE(area.inflight);
    ASSERT_THAT(area.inflight->queues, SizeIs(1));
    EXPECT_EQ(area.inflight->queues[0].queue, 1U);
    EXPECT_THAT(area.inflight->queues[0].in_flight, SizeIs(1));
    EXPECT_FALSE(area.dirty);
}

TEST(SharedAreas, AnAreaThatNoMessageDescribesIsNotRead) {
    SessionBuilder session;
    record(session, Part::inflight, literal(area_with_head_1_in_flight()));
    EXPECT_FALSE(last_area(session).inflight);
}

TEST(SharedAreas, WhatIsMissingIsNotRead) {
    SessionBuilder session;
    session.request(FrontEndRequest::SET_INFLIGHT_FD, protocol::serialise(protocol::Inflight{256, 0, 2, 4}), {1});
    trace::Content content;
    content.add_literal(ByteView(area_with_head_1_in_flight()).first(128));
    content.add_missing(128);
    record(session, Part::inflight, std::move(content));
    EXPECT_THAT(last_area(session).inflight->queues, IsEmpty());
}

TEST(SharedAreas, ADirtyLogIsReadAsPages) {
    SessionBuilder session;
    trace::Content content;
    content.add_zeros(0x1000);
    content.add_literal(Bytes(1, std::byte{0x06}));
    record(session, Part::log, std::move(content), 0x800);
    const SharedAreaAnnotation area = last_area(session);
    ASSERT_TRUE(area.dirty);
    EXPECT_THAT(area.dirty->ranges(), ElementsAre(virtio::PageRange{0x1800 * 8 + 1, 2}));
    session.add(trace::EventRecord{});
    EXPECT_FALSE(last_area(session).dirty) << "of that record only";
}

TEST(SharedAreas, ALogThatNoGuestHasPagesFor) {
    SessionBuilder session;
    trace::Content content;
    content.add_zeros(trace::max_content_size - 1);
    content.add_literal(Bytes(1, std::byte{1}));
    record(session, Part::log, std::move(content), UINT64_MAX - 8);
    EXPECT_EQ(last_area(session).dirty->pages(), 0U);
}

}  // namespace
}  // namespace vutrace::explain
