#include <vutrace/explain/annotation.h>
#include <vutrace/session/testing/session_builder.h>

#include <gmock/gmock.h>

namespace vutrace::explain {
namespace {

using protocol::FrontEndRequest;
using session::testing::message_bytes;
using session::testing::SessionBuilder;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint64_t reply_ack = std::uint64_t{1} << protocol::protocol_feature::REPLY_ACK;

// Reads all records; what the last message did.
MessageAnnotation last_of(const SessionBuilder& session) {
    Annotator annotator;
    MessageAnnotation last;
    for (const trace::Record& record : session.records()) {
        last = annotator.annotate(record).message;
    }
    return last;
}

Answer answer_to_last(const SessionBuilder& session) {
    return last_of(session).answer;
}

std::vector<std::uint64_t> sequences(const std::vector<Request>& requests) {
    std::vector<std::uint64_t> all;
    for (const Request& request : requests) {
        all.push_back(request.sequence);
    }
    return all;
}

TEST(AnswerDue, IsAReplyWhereTheRequestHasOneOfItsOwn) {
    SessionBuilder session;
    session.request(FrontEndRequest::GET_FEATURES);
    EXPECT_EQ(answer_to_last(session), Answer::reply);
}

TEST(AnswerDue, IsAnAcknowledgementOnlyAsNegotiatedAndAskedFor) {
    SessionBuilder session;
    session.request_with_reply(FrontEndRequest::SET_OWNER);
    EXPECT_EQ(answer_to_last(session), Answer::tolerated);
    session.set(FrontEndRequest::SET_PROTOCOL_FEATURES, reply_ack);
    EXPECT_EQ(answer_to_last(session), Answer::none);
    session.request(FrontEndRequest::SET_OWNER);
    EXPECT_EQ(answer_to_last(session), Answer::none);
    session.request_with_reply(FrontEndRequest::SET_OWNER);
    EXPECT_EQ(answer_to_last(session), Answer::acknowledgement);
}

TEST(AnswerDue, GoesByWhatWasNegotiatedBeforeTheRequest) {
    SessionBuilder session;
    session.request_with_reply(FrontEndRequest::SET_PROTOCOL_FEATURES, protocol::serialise_u64(reply_ack));
    EXPECT_EQ(answer_to_last(session), Answer::tolerated);
}

TEST(AnswerDue, ComesForLogBaseOnlyWithASharedLog) {
    SessionBuilder session;
    session.request(FrontEndRequest::SET_LOG_BASE, protocol::serialise(protocol::Log{4096, 0}));
    EXPECT_EQ(answer_to_last(session), Answer::none);
    session.set(FrontEndRequest::SET_PROTOCOL_FEATURES, 1U << protocol::protocol_feature::LOG_SHMFD);
    session.request(FrontEndRequest::SET_LOG_BASE, protocol::serialise(protocol::Log{4096, 0}), {1});
    EXPECT_EQ(answer_to_last(session), Answer::reply);
}

TEST(AnswerDue, ComesForTheMemoryTableInPostcopyButNotForItsAcknowledgement) {
    SessionBuilder session;
    session.request(FrontEndRequest::POSTCOPY_LISTEN);
    EXPECT_EQ(answer_to_last(session), Answer::tolerated);
    session.request(FrontEndRequest::SET_MEM_TABLE, protocol::serialise_regions({{0, 4096, 0, 0, 0, 0}}, false), {1});
    EXPECT_EQ(answer_to_last(session), Answer::reply);
    session.set(FrontEndRequest::SET_MEM_TABLE, 0);
    EXPECT_EQ(answer_to_last(session), Answer::none);
    session.request(FrontEndRequest::SET_MEM_TABLE);  // as the specification has it
    EXPECT_EQ(answer_to_last(session), Answer::none);
}

TEST(AnswerDue, IsToleratedForRequestsThatNobodyKnows) {
    SessionBuilder session;
    session.message(Side::front_end, static_cast<FrontEndRequest>(999), protocol::version_1, {});
    EXPECT_EQ(answer_to_last(session), Answer::none);
    session.message(Side::front_end, static_cast<FrontEndRequest>(999), protocol::version_1 | protocol::need_reply_flag,
                    {});
    EXPECT_EQ(answer_to_last(session), Answer::tolerated);
}

TEST(Exchanges, NameTheRequestAndTheTimeItTook) {
    SessionBuilder session;
    const auto asked = session.request(FrontEndRequest::GET_FEATURES);
    session.reply(FrontEndRequest::GET_FEATURES, protocol::serialise_u64(0));
    const MessageAnnotation reply = last_of(session);
    EXPECT_FALSE(reply.asks);
    EXPECT_EQ(reply.answers, asked);
    EXPECT_EQ(reply.latency, SessionBuilder::time_step);
    EXPECT_FALSE(reply.exchange.unsolicited);
    EXPECT_THAT(reply.exchange.passed_over, IsEmpty());
}

TEST(Exchanges, AreAboutTheQueueOfTheirRequest) {
    SessionBuilder session;
    session.set(FrontEndRequest::SET_PROTOCOL_FEATURES, reply_ack);
    session.request_with_reply(FrontEndRequest::SET_VRING_KICK, protocol::serialise_u64(0x102));
    session.reply(FrontEndRequest::SET_VRING_KICK, protocol::serialise_u64(1));
    EXPECT_EQ(last_of(session).queue, 2U) << "1 is a failure, not a queue";
    session.request(FrontEndRequest::GET_VRING_BASE, protocol::serialise(protocol::VringState{3, 0}));
    session.reply(FrontEndRequest::GET_VRING_BASE, protocol::serialise(protocol::VringState{4, 0}));
    EXPECT_EQ(last_of(session).queue, 4U) << "as the answer says, which is wrong";
}

TEST(Exchanges, TellWhichAnswersCannotComeAnyMore) {
    SessionBuilder session;
    const auto forgotten = session.request(FrontEndRequest::GET_FEATURES);
    session.request(FrontEndRequest::SET_OWNER);  // asks for nothing
    const auto answered = session.request(FrontEndRequest::GET_QUEUE_NUM);
    session.reply(FrontEndRequest::GET_QUEUE_NUM, protocol::serialise_u64(1));
    const MessageAnnotation reply = last_of(session);
    EXPECT_EQ(reply.answers, answered);
    EXPECT_THAT(sequences(reply.exchange.passed_over), ElementsAre(forgotten));
}

TEST(Exchanges, NameTheRequestOfAnAnswerThatWasNotAskedFor) {
    SessionBuilder session;
    const auto owner = session.request(FrontEndRequest::SET_OWNER);
    session.reply(FrontEndRequest::SET_OWNER, protocol::serialise_u64(0));
    EXPECT_TRUE(last_of(session).exchange.unsolicited);
    EXPECT_EQ(last_of(session).answers, owner);
    session.reply(FrontEndRequest::SET_OWNER, protocol::serialise_u64(0));
    EXPECT_TRUE(last_of(session).exchange.unsolicited);
    EXPECT_EQ(last_of(session).answers, 0U);
}

TEST(Exchanges, OfTheBackEndsChannelAreItsOwn) {
    SessionBuilder session;
    session.set(FrontEndRequest::SET_PROTOCOL_FEATURES, reply_ack);
    const auto waiting = session.request(FrontEndRequest::GET_QUEUE_NUM);
    const auto say = [&](Side sender, std::uint32_t flags) {
        trace::MessageRecord record;
        record.channel = Channel::back_end;
        record.sender = sender;
        record.bytes = message_bytes(2, protocol::version_1 | flags,
                                     sender == Side::front_end ? protocol::serialise_u64(0) : Bytes());
        return session.add(record);
    };
    const auto asked = say(Side::back_end, protocol::need_reply_flag);
    EXPECT_EQ(answer_to_last(session), Answer::acknowledgement);
    say(Side::front_end, protocol::reply_flag);
    EXPECT_EQ(last_of(session).answers, asked);
    session.reply(FrontEndRequest::GET_QUEUE_NUM, protocol::serialise_u64(1));
    EXPECT_EQ(last_of(session).answers, waiting);
}

TEST(Conversation, StaysBoundedAndKeepsWhatIsDue) {
    Conversation conversation;
    conversation.asked({{static_cast<std::uint32_t>(FrontEndRequest::GET_FEATURES)}, 1, 0, Answer::reply, {}});
    for (std::uint64_t i = 2; i < 5000; ++i) {
        conversation.asked({{static_cast<std::uint32_t>(FrontEndRequest::SET_OWNER)}, i, 0, Answer::none, {}});
    }
    EXPECT_LE(conversation.open().size(), 256U);
    EXPECT_EQ(conversation.open().front().sequence, 1U);
    for (std::uint64_t i = 5000; i < 6000; ++i) {
        conversation.asked({{static_cast<std::uint32_t>(FrontEndRequest::GET_FEATURES)}, i, 0, Answer::reply, {}});
    }
    EXPECT_LE(conversation.open().size(), 256U);
}

}  // namespace
}  // namespace vutrace::explain
