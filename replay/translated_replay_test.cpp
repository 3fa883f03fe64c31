// Sessions behind an IOMMU, replayed against a device that asks for translations when it likes.
#include "translated_session.h"

#include <gmock/gmock.h>

#include <functional>

namespace vutrace::replay {
namespace {

using protocol::Iotlb;
using session::testing::BlockSession;
using session::testing::SessionBuilder;
using std::chrono::milliseconds;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Eq;
using testing::guest;
using testing::iova;
using ::testing::IsEmpty;
using testing::miss;
using testing::nowhere;
using testing::page;
using ::testing::SizeIs;
using Entry = RecordedTranslations::Entry;

class TranslatedReplay : public testing::TranslatedSession {};

TEST_F(TranslatedReplay, ChainsAreServedByTheRecordedTranslations) {
    expect_chains_served(200);  // once round the ring
}

TEST_F(TranslatedReplay, ADeviceMayAskSoonerThanTheRecordedOneAndInAnotherOrder) {
    expect_answers_when_asked_first({iova + 3 * page + 17, iova + 5, iova + 2 * page});
}

// Of write-only chains a trace may tell before it tells of their translation.
TEST_F(TranslatedReplay, AMissIsAnsweredByWhatIsStillToCome) {
    begin();
    start_queue();
    translate_ring();
    for (std::uint16_t i = 0; i < 2; ++i) {
        offer_empty(i, iova + i * page, 1);
    }
    use(0);  // waits for the device
    translate(iova, guest, 2 * page);
    use(1);
    const Report report = replay();
    EXPECT_EQ(report.divergence_count, 0U) << to_text(report);
    EXPECT_EQ(report.chains_completed, 2U);
    EXPECT_EQ(report.chains_not_filled, 0U);
}

TEST_F(TranslatedReplay, QuestionsThatWantAnAnswerGetOneAfterTheUpdate) {
    begin();
    start_queue();
    translate_ring();
    offer(0, iova, "text", iova + 4);
    translate(iova, guest, page);
    use(0);
    device->wants_answers = true;
    device->also = {miss(nowhere), {iova, 0, 0, 1, Iotlb::access_fail}, {iova, 0, 0, 1, 77}};
    const Report report = replay();
    EXPECT_EQ(report.chains_completed, 1U) << to_text(report);
    ASSERT_GT(device->answers.size(), 3U);
    EXPECT_THAT(std::vector(device->answers.begin(), device->answers.begin() + 3), Each(Eq(1U)));
    EXPECT_EQ(std::count(device->answers.begin(), device->answers.end(), 0), report.translations_answered);
}

TEST_F(TranslatedReplay, AnAddressThatTheTraceDoesNotKnowIsADivergenceAndNoHang) {
    begin();
    start_queue();
    translate_ring();
    offer(0, iova, "text", iova + 4);
    use(0);
    const Report report = replay(milliseconds(100));
    EXPECT_THAT(kinds(report), ElementsAre(Divergence::Kind::translation, Divergence::Kind::completion))
        << to_text(report);
    EXPECT_EQ(report.divergences[0].subject, "IOVA 0xff000000");
    EXPECT_EQ(report.divergences[0].actual, "a miss, to read");
    EXPECT_EQ(report.back_end.state, BackEndOutcome::State::hung);
}

TEST_F(TranslatedReplay, WhatTheRecordedDeviceAskedInVainIsNoDivergence) {
    const std::vector<Iotlb> questions{miss(nowhere + 5), {nowhere, 0, 0, 2, Iotlb::access_fail}};
    for (const bool recorded : {false, true}) {
        builder = SessionBuilder();
        begin();
        start_queue();
        for (const Iotlb& question : questions) {
            if (recorded) {
                ask(question);
            }
        }
        translate_ring();
        device.emplace();
        device->also = questions;
        const Report report = replay();
        EXPECT_EQ(report.divergence_count, recorded ? 0U : 2U) << to_text(report);
        EXPECT_EQ(report.replies_compared, 1U);
    }
}

TEST_F(TranslatedReplay, ARingOfWhichNobodyToldIsNoDivergence) {
    begin();
    start_queue();
    ask(miss(BlockSession::iova_ring));
    ask(miss(BlockSession::iova_ring + page));
    BlockSession::stop_queue(builder, 0, 0);
    const Report report = replay();
    EXPECT_EQ(report.divergence_count, 0U) << to_text(report);
    EXPECT_EQ(report.replies_compared, 1U);
    EXPECT_EQ(report.back_end.state, BackEndOutcome::State::alive);
}

TEST_F(TranslatedReplay, BuffersThatTheDeviceFillsByItselfMayBeUnknown) {
    begin();
    start_queue();
    translate_ring();
    translate(iova, guest, page);
    for (std::uint16_t i = 0; i < 3; ++i) {
        offer_empty(i, iova + i * page, 64);
    }
    use(0);
    BlockSession::stop_queue(builder, 0, 1);
    const Report report = replay();
    EXPECT_EQ(report.divergence_count, 0U) << to_text(report);
    EXPECT_EQ(report.chains_completed, 1U);
    EXPECT_EQ(report.translations_unknown, 1U);
    EXPECT_THAT(to_text(report), ::testing::HasSubstr("pages of which the back-end wants to know"));
}

// Whatever else is asked of its page: by another access, or beyond the buffer.
TEST_F(TranslatedReplay, ABufferThatMayBeUnknownHidesNothingElse) {
    using virtio::Access;
    for (const Iotlb& question : {miss(iova + 5), miss(iova + 200, Access::write), miss(iova + 200)}) {
        builder = SessionBuilder();
        begin();
        start_queue();
        translate_ring();
        offer_empty(0, iova, 64);
        use(0);
        device.emplace();
        device->when_stuck = {miss(iova + 1, Access::write), question, question};
        const Report report = replay(milliseconds(100));
        EXPECT_EQ(report.translations_unknown, 1U);
        EXPECT_THAT(kinds(report), ElementsAre(Divergence::Kind::translation)) << to_text(report);
    }
}

TEST_F(TranslatedReplay, AQueueThatStartsAgainAsksAgain) {
    begin();
    start_queue();
    translate_ring();
    translate(iova, guest, page);
    offer(0, iova, "before", iova + 100);
    use(0);
    BlockSession::stop_queue(builder, 0, 1);
    start_queue(1);
    translate_ring();
    translate(iova, guest + 8 * page, page);  // elsewhere now
    offer(1, iova, "after", iova + 100);
    use(1);
    const Report report = replay();
    EXPECT_EQ(report.divergence_count, 0U) << to_text(report);
    EXPECT_EQ(report.chains_completed, 2U);
    EXPECT_EQ(device->read, "beforeafter");
}

// --- Which update answers

TEST(RecordedTranslationsFind, TheOneOfThatTime) {
    using Kind = Entry::Kind;
    const auto update = [](std::uint64_t sequence, std::uint64_t address, std::uint64_t size, std::uint8_t permission) {
        return Entry{sequence, Kind::update, true, {address, size, sequence << 12U, permission, Iotlb::update}};
    };
    const auto invalidation = [](std::uint64_t sequence, std::uint64_t address, std::uint64_t size) {
        return Entry{sequence, Kind::invalidate, true, {address, size, 0, 0, Iotlb::invalidate}};
    };
    RecordedTranslations recorded;
    for (const Entry& entry :
         {update(10, 0x1000, 0x1000, 3), update(20, 0x5000, 0x2000, 1), invalidation(30, 0x1000, 0x1000),
          update(40, 0x1000, 0x1000, 3), update(45, 0x5000, 0x1000, 3), Entry{50, Kind::age, false, {}},
          update(60, 0x1000, 0x1000, 3), invalidation(70, 0, 0), update(80, 0x5000, 0x1000, 3)}) {
        recorded.add(entry);
    }
    struct Case {
        std::uint64_t position, address;
        virtio::Access needed;
        std::uint64_t found;  // 0: none
    };
    using virtio::Access;
    for (const Case& each : {
             Case{15, 0x1fff, Access::both, 10},
             Case{15, 0x2000, Access::read, 0},
             Case{15, 0xfff, Access::read, 0},
             Case{1, 0x1000, Access::read, 10},  // still to come
             Case{25, 0x6fff, Access::read, 20},
             Case{25, 0x5000, Access::write, 45},
             Case{25, 0x6000, Access::write, 0},
             Case{30, 0x1000, Access::read, 40},
             Case{35, 0x1000, Access::read, 40},
             Case{55, 0x1000, Access::read, 60},  // asked anew, and told anew
             Case{55, 0x5000, Access::read, 45},  // and not told anew before it is gone
             Case{75, 0x1000, Access::read, 0},
             Case{75, 0x5000, Access::read, 80},
             Case{99, 0x5000, Access::read, 80},
         }) {
        const Entry* found = recorded.find(each.position, each.address, each.needed);
        EXPECT_EQ(found == nullptr ? 0 : found->sequence, each.found)
            << each.position << " " << std::hex << each.address;
    }
}

// --- The service alone

class TranslationServiceTest : public ::testing::Test {
  protected:
    SocketPair sockets{create_socket_pair().value()};
    Connection connection{std::move(sockets.first)};
    session::DeviceState state;
    RecordedTranslations recorded;
    TranslationService service{connection, state, recorded};
};

TEST_F(TranslationServiceTest, SendsNothingInTheMiddleOfAMessage) {
    recorded.add({1, Entry::Kind::update, false, {iova, page, 0x7000, 3, Iotlb::update}});
    const Bytes question = protocol::serialise(miss(iova + 3));
    MessageAssembler assembler;
    service.sent(protocol::Header{5, protocol::version_1, 100}, 50);
    EXPECT_EQ(service.serve({{1, protocol::version_1, 32}, question, {}}), 0U);
    EXPECT_EQ(service.answered(), 0U);
    service.sent(std::nullopt, 61);
    EXPECT_EQ(service.answered(), 0U);
    service.sent(std::nullopt, 1);
    EXPECT_EQ(service.answered(), 1U);
    const auto message = testing::next_message(sockets.second, assembler);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->header, (protocol::Header{22, protocol::version_1, 32}));
    EXPECT_EQ(message->payload, protocol::serialise(Iotlb{iova, page, 0x7000, 3, Iotlb::update}));
    connection.half_close();
    EXPECT_EQ(service.serve({{1, protocol::version_1, 32}, question, {}}), 1U) << "nothing can be sent any more";
    EXPECT_THAT(service.take_complaints(), IsEmpty());
}

TEST_F(TranslationServiceTest, ComplainsOfAPageUntilItIsBlamedAndAgainOnceThatIsOver) {
    recorded.add({5, Entry::Kind::update, false, {iova, page, 0x7000, 1, Iotlb::update}});
    recorded.add({6, Entry::Kind::invalidate, false, {iova, page, 0, 0, Iotlb::invalidate}});
    const auto complaints_about = [this](const Iotlb& question) {
        for (int i = 0; i < 2; ++i) {  // and each time but once
            (void)service.serve({{1, protocol::version_1, 32}, protocol::serialise(question), {}});
        }
        return service.take_complaints();
    };
    service.set_position(7);
    EXPECT_THAT(complaints_about(miss(iova + 3)), SizeIs(1));
    const auto again = complaints_about(miss(iova + 3));
    ASSERT_THAT(again, SizeIs(1));
    EXPECT_TRUE(service.blame(again[0]));
    EXPECT_FALSE(service.blame(again[0]));
    EXPECT_THAT(complaints_about(miss(iova + 4)), IsEmpty());
    EXPECT_THAT(complaints_about(miss(iova + page)), SizeIs(1)) << "another page";
    EXPECT_THAT(complaints_about(miss(iova, virtio::Access::write)), SizeIs(1)) << "another access";
    EXPECT_THAT(complaints_about({iova, 0, 0, 1, Iotlb::access_fail}), SizeIs(1));
    service.set_position(5);
    EXPECT_THAT(complaints_about(miss(iova)), IsEmpty()) << "answered";
    service.set_position(7);
    EXPECT_THAT(complaints_about(miss(iova)), SizeIs(1)) << "and then no more";
}

TEST_F(TranslationServiceTest, SaysThatItIsAboutToUpdate) {
    recorded.add({5, Entry::Kind::update, false, {iova, page, 0x7000, 1, Iotlb::update}});
    std::vector<std::uint64_t> told;
    service.set_before_update([&](const Iotlb& update) {
        told.push_back(update.iova);
        EXPECT_EQ(state.translations(), 0U);
    });
    (void)service.serve({{1, protocol::version_1, 32}, protocol::serialise(miss(iova + 3)), {}});
    (void)service.serve({{1, protocol::version_1, 32}, protocol::serialise(miss(nowhere)), {}});
    EXPECT_THAT(told, ElementsAre(iova));
}

TEST_F(TranslationServiceTest, TakesTheAnswersToItsOwnUpdatesOnly) {
    recorded.add({1, Entry::Kind::update, true, {iova, page, 0x7000, 3, Iotlb::update}});
    const protocol::Header update{22, protocol::version_1 | protocol::need_reply_flag, 32};
    const Message question{{1, protocol::version_1, 32}, protocol::serialise(miss(iova)), {}};
    const Message answer{{22, protocol::version_1 | protocol::reply_flag, 8}, Bytes(8), {}};
    service.sent(update, 44);
    EXPECT_EQ(service.serve(question), 0U);
    EXPECT_EQ(service.serve(question), 0U);
    service.sent(update, 44);
    service.sent(protocol::Header{22, protocol::version_1, 32}, 44);  // wants none
    EXPECT_FALSE(service.takes({{11, protocol::version_1 | protocol::reply_flag, 8}, Bytes(8), {}}));
    std::vector<bool> taken;
    for (int i = 0; i < 5; ++i) {
        taken.push_back(service.takes(answer));
    }
    EXPECT_THAT(taken, ElementsAre(false, true, true, false, false));
}

}  // namespace
}  // namespace vutrace::replay
