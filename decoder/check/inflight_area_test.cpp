#include "check_fixture.h"

#include <vutrace/protocol/features.h>

#include <gmock/gmock.h>

namespace vutrace::check {
namespace {

using session::testing::literal;
using session::testing::used_entry;
using test::BlockSession;
using test::FrontEndRequest;
using test::SessionBuilder;
using test::texts;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint16_t queue_size = BlockSession::queue_size;
constexpr std::uint64_t stride = 16 + 16 * queue_size + 48;

struct Taken {
    std::uint16_t head;
    std::uint64_t counter;
};

Bytes area_of(const std::vector<Taken>& taken, std::uint16_t version = 1, std::uint16_t descriptors = queue_size) {
    Bytes area(stride);
    store<std::uint16_t>(area, 8, version);
    store<std::uint16_t>(area, 10, descriptors);
    for (const Taken& one : taken) {
        store<std::uint8_t>(area, 16 + one.head * 16U, 1);
        store<std::uint64_t>(area, 16 + one.head * 16U + 8, one.counter);
    }
    return area;
}

SessionBuilder started() {
    SessionBuilder session;
    BlockSession::connect(session);
    session.set(FrontEndRequest::SET_FEATURES, BlockSession::features);
    BlockSession::add_regions(session);
    session.request(FrontEndRequest::SET_INFLIGHT_FD, protocol::serialise(protocol::Inflight{stride, 0, 1, queue_size}),
                    {40});
    BlockSession::start_queue(session);
    return session;
}

std::uint64_t look(SessionBuilder& session, const Bytes& area) {
    return session.add(trace::MemoryRecord{trace::MemoryRecord::Part::inflight, trace::Proof::late, trace::no_queue, 0,
                                           literal(area)});
}

void offer(SessionBuilder& session, std::uint16_t head, std::uint16_t index) {
    session.chains(0, {BlockSession::write_request(head, index, 8, 0x100000, Bytes(512))});
}

TEST(InflightArea, WhatABackEndWritesIsInOrder) {
    SessionBuilder session = started();
    look(session, Bytes(stride));
    look(session, area_of({{0, 1}, {3, 2}}));
    EXPECT_THAT(texts(session, {"VU101"}), IsEmpty());
}

TEST(InflightArea, AVersionThatDoesNotExist) {
    SessionBuilder session = started();
    const std::uint64_t record = look(session, area_of({}, 7));
    look(session, area_of({}, 7));
    EXPECT_THAT(
        texts(session, {"VU101"}),
        ElementsAre(AllOf(HasSubstr("@" + std::to_string(record) + " error back-end"), HasSubstr("version 7"))));
}

TEST(InflightArea, ASizeThatIsNeitherTheQueuesNorThePromised) {
    SessionBuilder session = started();
    look(session, area_of({}, 1, 64));
    EXPECT_THAT(texts(session, {"VU101"}), ElementsAre(HasSubstr("for 64 descriptors, the queue has 128")));
}

TEST(InflightArea, EqualCounters) {
    SessionBuilder session = started();
    look(session, area_of({{0, 5}, {3, 5}}));
    EXPECT_THAT(texts(session, {"VU101"}), ElementsAre(HasSubstr("two of the 2 heads in flight of queue 0")));
}

// The area is looked at after a stop, with head 0 used and head 3 taken.
std::vector<std::string> after_stop(const std::vector<Taken>& taken, bool lost = false) {
    SessionBuilder session = started();
    offer(session, 0, 0);
    session.chains(0, {used_entry(0, 0, literal(Bytes(1)))});
    offer(session, 3, 1);
    if (lost) {
        session.add(trace::GapRecord{0, 1, 0, 0, "overload"});
    }
    offer(session, 6, 2);  // never taken: the queue stops before it
    BlockSession::stop_queue(session, 0, 2);
    look(session, area_of(taken));
    look(session, area_of({}));  // the next back-end begins
    return texts(session, {"VU102"});
}

TEST(InflightArea, TheHeadsThatWereTakenAndNotUsed) {
    EXPECT_THAT(after_stop({{3, 2}}), IsEmpty());
}

TEST(InflightArea, AHeadThatWasUsedIsStillMarked) {
    EXPECT_THAT(after_stop({{0, 1}, {3, 2}}), ElementsAre(AllOf(HasSubstr("error back-end"), HasSubstr("head 0 of"))));
    EXPECT_THAT(after_stop({{0, 1}, {3, 2}}, true), IsEmpty()) << "not all chains are in the trace";
}

TEST(InflightArea, AHeadThatWasTakenIsNotMarked) {
    EXPECT_THAT(after_stop({}), ElementsAre(HasSubstr("head 3 of queue 0 was taken")));
}

TEST(InflightArea, ARunningQueueIsNotCompared) {
    SessionBuilder session = started();
    offer(session, 0, 0);
    look(session, area_of({}));
    EXPECT_THAT(texts(session, {"VU102"}), IsEmpty());
}

}  // namespace
}  // namespace vutrace::check
