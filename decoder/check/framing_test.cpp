#include "check_fixture.h"

#include <vutrace/protocol/features.h>
#include <vutrace/protocol/testing/messages.h>

#include <gmock/gmock.h>

namespace vutrace::check {
namespace {

using test::FrontEndRequest;
using test::SessionBuilder;
using test::texts;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint32_t version_1 = protocol::version_1;

SessionBuilder with_reply_ack() {
    SessionBuilder session;
    session.set(FrontEndRequest::SET_PROTOCOL_FEATURES, std::uint64_t{1} << protocol::protocol_feature::REPLY_ACK);
    return session;
}

trace::MessageRecord as_record(const protocol::sample::Message& message) {
    trace::MessageRecord record;
    record.channel = message.channel;
    record.sender = message.sender;
    record.bytes = protocol::sample::wire_bytes(message);
    record.incomplete = message.header.size > message.payload.size();
    for (std::uint32_t id = 1; id <= message.descriptors; ++id) {
        record.descriptors.push_back({id, {}});
    }
    return record;
}

// A message as capture would cut it out of the stream: what its header does not announce begins the next one.
SessionBuilder as_session(const protocol::sample::Message& message) {
    SessionBuilder session;
    trace::MessageRecord record = as_record(message);
    const std::size_t announced = protocol::header_size + message.header.size;
    if (announced < record.bytes.size()) {
        trace::MessageRecord rest;
        rest.channel = record.channel;
        rest.sender = record.sender;
        rest.incomplete = true;
        rest.bytes.assign(record.bytes.begin() + static_cast<std::ptrdiff_t>(announced), record.bytes.end());
        record.bytes.resize(announced);
        session.add(std::move(record));
        session.add(std::move(rest));
    } else {
        session.add(std::move(record));
    }
    return session;
}

// The faults that the catalogue makes of every request and answer: each gives a finding, and no rule stumbles over it.
TEST(Framing, EveryFaultOfEveryMessageIsFound) {
    std::size_t cases = 0;
    for (const protocol::RequestInfo& info : protocol::requests()) {
        for (const auto& adverse : protocol::sample::adverse_cases(info)) {
            const SessionBuilder session = as_session(adverse.message);
            (void)texts(session);
            ++cases;
            if (!adverse.problem_due) {
                continue;  // valid, or of a payload that may have any size
            }
            EXPECT_THAT(texts(session, {"VU001", "VU002", "VU003", "VU004", "VU005", "VU012", "VU013", "VU045", "VU052",
                                        "VU104"}),
                        testing::Not(IsEmpty()))
                << adverse.name;
        }
    }
    EXPECT_GT(cases, 1000U);
}

TEST(Framing, ValidMessagesHaveNoFault) {
    for (const protocol::RequestInfo& info : protocol::requests()) {
        SessionBuilder session;
        session.add(as_record(protocol::sample::valid_request(info)));
        EXPECT_THAT(texts(session, {"VU001", "VU002", "VU003", "VU004", "VU005", "VU012", "VU013", "VU014", "VU016"}),
                    IsEmpty())
            << info.name;
    }
}

TEST(Framing, AnAnswerWithNeedReplyIsAWarning) {
    SessionBuilder session;
    session.request(FrontEndRequest::GET_FEATURES);
    session.message(Side::back_end, FrontEndRequest::GET_FEATURES, 0xd, protocol::serialise_u64(0));
    EXPECT_THAT(texts(session, {"VU004"}), ElementsAre(AllOf(HasSubstr("VU004 @2 warn back-end"), HasSubstr("0xd"))));
}

TEST(Framing, AnAnswerWithoutReplyIsAnError) {
    SessionBuilder session;
    session.request(FrontEndRequest::GET_FEATURES);
    session.message(Side::back_end, FrontEndRequest::GET_FEATURES, version_1, protocol::serialise_u64(0));
    EXPECT_THAT(texts(session, {"VU004"}), ElementsAre(HasSubstr("VU004 @2 error back-end")));
}

TEST(Framing, AStreamThatEndsInsideAHeaderIsCutOff) {
    SessionBuilder session;
    trace::MessageRecord record;
    record.incomplete = true;
    record.bytes = Bytes(5);
    session.add(record);
    EXPECT_THAT(texts(session, {"VU003"}),
                ElementsAre(HasSubstr("VU003 @1 error front-end: the stream ends inside a header")));
}

// A memory table of which eight bytes came, and half a header on the back-end's own channel.
SessionBuilder cut_in_two_places() {
    SessionBuilder session = with_reply_ack();
    trace::MessageRecord table;
    table.bytes = session::testing::message_bytes(static_cast<std::uint32_t>(FrontEndRequest::SET_MEM_TABLE), version_1,
                                                  Bytes(40));
    table.bytes.resize(protocol::header_size + 8);
    table.incomplete = true;
    session.add(table);
    trace::MessageRecord header;
    header.channel = Channel::back_end;
    header.sender = Side::back_end;
    header.bytes = Bytes(5);
    header.incomplete = true;
    session.add(header);
    return session;
}

TEST(Framing, WhatIsCutShortIsToldOnceAndItsPayloadNotJudged) {
    SessionBuilder session = cut_in_two_places();
    test::close_by(session, "front-end");
    EXPECT_THAT(texts(session),
                ElementsAre(HasSubstr("VU003 @2 error front-end: SET_MEM_TABLE announces 40 bytes, the stream ends "
                                      "after 8"),
                            HasSubstr("VU003 @3 error back-end: the stream ends inside a header")));
}

TEST(Framing, WhatTheEndOfTheCaptureCutsShortIsANote) {
    SessionBuilder session = cut_in_two_places();
    session.add(trace::SessionRecord{trace::SessionRecord::Kind::closed, {{"reason", "stopped"}}});
    EXPECT_THAT(texts(session), ElementsAre(AllOf(HasSubstr("VU003 @2 info front-end: SET_MEM_TABLE announces 40"),
                                                  HasSubstr("the capture was stopped")),
                                            HasSubstr("VU003 @3 info back-end: the stream ends inside a header")));
}

TEST(Framing, WhatWasCutShortBeforeTheSessionWentOnIsAFaultWhateverEndsIt) {
    SessionBuilder session = cut_in_two_places();
    session.request(FrontEndRequest::SET_OWNER);
    session.add(trace::SessionRecord{trace::SessionRecord::Kind::closed, {{"reason", "stopped"}}});
    EXPECT_THAT(texts(session, {"VU003"}), ElementsAre(HasSubstr("@2 error"), HasSubstr("@3 error")));
}

TEST(Framing, OfAMessageThatIsCutShortTheHeaderIsJudged) {
    SessionBuilder session;
    trace::MessageRecord record;
    record.bytes = session::testing::message_bytes(999, 0x105, Bytes(8));
    record.bytes.resize(protocol::header_size + 4);
    record.incomplete = true;
    session.add(record);
    EXPECT_THAT(texts(session), testing::UnorderedElementsAre(HasSubstr("VU002"), HasSubstr("VU003"),
                                                              HasSubstr("VU005"), HasSubstr("VU016")));
}

TEST(Framing, AnswersOutOfOrderNameBothRequests) {
    SessionBuilder session;
    session.request(FrontEndRequest::GET_FEATURES);
    session.request(FrontEndRequest::GET_QUEUE_NUM);
    session.reply(FrontEndRequest::GET_QUEUE_NUM, protocol::serialise_u64(1));
    session.reply(FrontEndRequest::GET_FEATURES, protocol::serialise_u64(1));
    EXPECT_THAT(texts(session, {"VU006"}), ElementsAre(AllOf(HasSubstr("VU006 @3"), HasSubstr("GET_QUEUE_NUM"),
                                                             HasSubstr("GET_FEATURES of record 1"))));
    EXPECT_THAT(texts(session, {"VU007"}), ElementsAre(HasSubstr("VU007 @4")));
    EXPECT_THAT(texts(session, {"VU008"}), ElementsAre(HasSubstr("VU008 @1")));
}

TEST(Framing, AnAnswerToWhatAskedForNothingIsUnsolicited) {
    SessionBuilder session;
    session.request(FrontEndRequest::SET_OWNER);
    session.reply(FrontEndRequest::SET_OWNER, protocol::serialise_u64(0));
    EXPECT_THAT(texts(session, {"VU007"}), ElementsAre(HasSubstr("SET_OWNER of record 1")));
}

TEST(Framing, AnAnswerToNeedReplyWithoutReplyAckIsTolerated) {
    SessionBuilder session;
    session.request_with_reply(FrontEndRequest::SET_OWNER);
    session.reply(FrontEndRequest::SET_OWNER, protocol::serialise_u64(0));
    EXPECT_THAT(texts(session, {"VU007"}), IsEmpty());
    EXPECT_THAT(texts(session, {"VU010"}), ElementsAre(HasSubstr("VU010 @1 warn front-end")));
}

TEST(Framing, WhatIsDueAtTheEndOfASessionWasNeverAnswered) {
    SessionBuilder session = with_reply_ack();
    session.request(FrontEndRequest::GET_FEATURES);
    session.request_with_reply(FrontEndRequest::SET_OWNER);
    EXPECT_THAT(texts(session, {"VU008", "VU009"}), IsEmpty()) << "it may still come";
    test::close(session);
    EXPECT_THAT(texts(session, {"VU008", "VU009"}), ElementsAre(HasSubstr("VU008 @2"), HasSubstr("VU009 @3")));
}

// How a session ended, and what that makes of a request that was asked a moment before.
using Attributes = std::vector<std::pair<std::string, std::string>>;
const std::vector<std::pair<Attributes, std::string>> innocent_ends{
    {{{"reason", "stopped"}}, "the capture was stopped"},
    {{{"reason", "error"}, {"errno", "5"}}, "the capture was stopped"},
    {{{"reason", "front-end closed"}, {"side", "front-end"}}, "the front-end closed the connection"},
    {{{"reason", "reset"}, {"side", "front-end"}}, "the front-end closed the connection"},
    {{{"reason", "back-end closed"}, {"side", "back-end"}, {"first", "front-end"}},
     "the front-end closed the connection"},
};
const std::vector<Attributes> faulty_ends{
    {{"reason", "back-end closed"}, {"side", "back-end"}},
    {{"reason", "reset"}, {"side", "back-end"}},
    {{"reason", "front-end closed"}, {"first", "back-end"}},
    {{"reason", "something new"}},
};

std::vector<std::string> asked_before_the_end(const Attributes& end, std::int64_t age) {
    SessionBuilder session = with_reply_ack();
    session.request(FrontEndRequest::GET_FEATURES);
    session.request_with_reply(FrontEndRequest::SET_OWNER);
    session.pass(age);
    session.add(trace::SessionRecord{trace::SessionRecord::Kind::closed, end});
    return texts(session, {"VU008", "VU009"});
}

TEST(Framing, WhatWasJustAskedWhenTheCaptureOrTheFrontEndEndedIsANote) {
    constexpr std::int64_t moment = 40'000;
    for (const auto& [end, why] : innocent_ends) {
        EXPECT_THAT(
            asked_before_the_end(end, moment),
            ElementsAre(AllOf(HasSubstr("VU008 @2 info back-end: GET_FEATURES was not answered yet when " + why),
                              HasSubstr("42.0 us after it")),
                        AllOf(HasSubstr("VU009 @3 info back-end: SET_OWNER was not answered yet"),
                              HasSubstr("41.0 us after it"))));
        EXPECT_THAT(asked_before_the_end(end, 2'000'000'000),
                    ElementsAre(HasSubstr("VU008 @2 error back-end: GET_FEATURES was never answered: " + why),
                                HasSubstr("VU009 @3 error back-end")))
            << "it had its time";
    }
}

TEST(Framing, ABackEndThatLeavesInsteadOfAnsweringIsAtFault) {
    for (const Attributes& end : faulty_ends) {
        EXPECT_THAT(asked_before_the_end(end, 0),
                    ElementsAre(HasSubstr("VU008 @2 error"), HasSubstr("VU009 @3 error")));
    }
}

TEST(Framing, NeedReplyIsInOrderAfterReplyAckAndInOrderToGetRequests) {
    SessionBuilder session = with_reply_ack();
    session.request_with_reply(FrontEndRequest::SET_OWNER);
    EXPECT_THAT(texts(session, {"VU010"}), IsEmpty());
    SessionBuilder before;
    before.request_with_reply(FrontEndRequest::GET_FEATURES);
    EXPECT_THAT(texts(before, {"VU010"}), IsEmpty());
}

TEST(Framing, AFailedRequestIsAWarningAboutItsRecord) {
    SessionBuilder session = with_reply_ack();
    session.request_with_reply(FrontEndRequest::SET_OWNER);
    session.reply(FrontEndRequest::SET_OWNER, protocol::serialise_u64(22));
    EXPECT_THAT(texts(session, {"VU011"}),
                ElementsAre(AllOf(HasSubstr("VU011 @3 warn back-end"), HasSubstr("record 2"), HasSubstr("0x16"))));
}

TEST(Framing, ANumberThatIsInNoTableIsAWarningWithItsSender) {
    SessionBuilder session;
    session.message(Side::front_end, static_cast<FrontEndRequest>(999), version_1, {});
    test::on_back_end_channel(session, Side::back_end, 200, version_1, {});
    EXPECT_THAT(texts(session, {"VU016"}), ElementsAre(AllOf(HasSubstr("VU016 @1 warn front-end"), HasSubstr("999")),
                                                       AllOf(HasSubstr("VU016 @2 warn back-end"), HasSubstr("200"))));
}

TEST(Framing, DescriptorsInsideAMessageAreLate) {
    SessionBuilder session;
    trace::MessageRecord record;
    record.offset = 20;
    record.bytes = Bytes(8);
    record.descriptors.push_back({1, {}});
    session.add(record);
    EXPECT_THAT(texts(session, {"VU014"}), ElementsAre(HasSubstr("byte 20")));
}

TEST(Framing, NineDescriptorsAreTooMany) {
    SessionBuilder session;
    session.request(FrontEndRequest::SET_OWNER, {}, {1, 2, 3, 4, 5, 6, 7, 8, 9});
    EXPECT_THAT(texts(session, {"VU015"}), ElementsAre(HasSubstr("9 descriptors")));
}

}  // namespace
}  // namespace vutrace::check
