// Sessions behind an IOMMU, replayed against a device that asks for translations when it likes.
#include "testing.h"
#include "translated_device.h"
#include "vutrace/replay/replayer.h"

#include <vutrace/session/testing/session_builder.h>

#include <gmock/gmock.h>

#include <functional>

namespace vutrace::replay {
namespace {

using protocol::Iotlb;
using session::testing::available_entry;
using session::testing::BlockSession;
using session::testing::literal;
using session::testing::SessionBuilder;
using session::testing::used_entry;
using std::chrono::milliseconds;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::IsEmpty;
using testing::ScriptedBackEnd;
using testing::TranslatedDevice;
using Entry = RecordedTranslations::Entry;
using Request = protocol::FrontEndRequest;

constexpr std::uint64_t page = 4096;
constexpr std::uint64_t iova = 0xff000000;   // of buffers
constexpr std::uint64_t guest = 0x200000;    // where they are
constexpr std::uint64_t nowhere = 0x123000;  // an address that no message tells of

Iotlb miss(std::uint64_t address, virtio::Access needed = virtio::Access::read) {
    return {address, 0, 0, static_cast<std::uint8_t>(needed), Iotlb::miss};
}

// A running queue 0, whose ring has no translation yet.
void begin(SessionBuilder& builder) {
    builder.add(trace::SessionRecord{trace::SessionRecord::Kind::opened, {}});
    builder.set(Request::SET_PROTOCOL_FEATURES, BlockSession::protocol_features);
    builder.request(Request::SET_BACKEND_REQ_FD, {}, {5});
    builder.set(Request::SET_FEATURES, BlockSession::iova_features);
    std::uint32_t id = 10;
    for (const protocol::MemoryRegion& region : BlockSession::regions()) {
        builder.request(Request::ADD_MEM_REG, protocol::serialise_region(region, false), {id++});
    }
}
void start_queue(SessionBuilder& builder, std::uint32_t base = 0) {
    const auto at = [](std::uint64_t part) { return BlockSession::iova_ring + (part - BlockSession::descriptor); };
    builder.set(Request::SET_VRING_NUM, 0, BlockSession::queue_size);
    builder.set(Request::SET_VRING_BASE, 0, base);
    builder.request(Request::SET_VRING_ADDR,
                    protocol::serialise(protocol::VringAddress{
                        0, 0, at(BlockSession::descriptor), at(BlockSession::used), at(BlockSession::available), 0}));
    builder.request(Request::SET_VRING_CALL, protocol::serialise_u64(0), {1});
    builder.request(Request::SET_VRING_KICK, protocol::serialise_u64(0), {2});
}
void translate_ring(SessionBuilder& builder) {
    BlockSession::translate(builder, BlockSession::iova_ring, BlockSession::descriptor, 2 * page);
}

// `text` is read by the device at `address`, a status is written to `status`.
void offer(SessionBuilder& builder, std::uint16_t index, std::uint64_t address, const std::string& text,
           std::uint64_t status) {
    const auto head = static_cast<std::uint16_t>(2 * index % BlockSession::queue_size);
    builder.chains(0, {available_entry(
                          head, index,
                          {{address, static_cast<std::uint32_t>(text.size()), 1, static_cast<std::uint16_t>(head + 1)},
                           {status, 1, 2, 0}},
                          literal(as_bytes(text)))});
}
void use(SessionBuilder& builder, std::uint16_t index) {
    builder.chains(
        0, {used_entry(static_cast<std::uint16_t>(2 * index % BlockSession::queue_size), index, literal(Bytes(1)))});
}

// The recorded device's question.
void ask(SessionBuilder& builder, const Iotlb& question) {
    trace::MessageRecord message;
    message.channel = Channel::back_end;
    message.sender = Side::back_end;
    message.bytes = session::testing::message_bytes(1, protocol::version_1, protocol::serialise(question));
    builder.add(message);
}

class TranslatedReplay : public ::testing::Test {
  protected:
    Report replay(milliseconds timeout = milliseconds(20'000)) {
        const std::string path = folder_.file("trace.pcap");
        EXPECT_TRUE(builder.write_to(path));
        const auto preview = preview_trace(path, std::nullopt);
        EXPECT_TRUE(preview);
        ReplayOptions options;
        options.time_scale = 0;
        options.timeout = timeout;
        ScriptedBackEnd back_end([this](const FileDescriptor& socket) { (*device)(socket); });
        const auto report = Replayer(Connection(std::move(back_end.front_end)), *preview, options).run(path);
        EXPECT_TRUE(report) << describe(report.error());
        return report ? *report : Report{};
    }
    static std::vector<Divergence::Kind> kinds(const Report& report) {
        std::vector<Divergence::Kind> found;
        std::transform(report.divergences.begin(), report.divergences.end(), std::back_inserter(found),
                       [](const Divergence& divergence) { return divergence.kind; });
        return found;
    }

    testing::TemporaryFolder folder_;
    SessionBuilder builder;
    std::optional<TranslatedDevice> device{std::in_place};
};

TEST_F(TranslatedReplay, ChainsAreServedByTheRecordedTranslations) {
    begin(builder);
    start_queue(builder);
    translate_ring(builder);
    for (std::uint16_t i = 0; i < 200; ++i) {  // once round the ring, each through a page of its own
        const std::uint64_t at = iova + i * 3 * page;
        BlockSession::translate(builder, at, guest + (i % 7U) * 2 * page, 2 * page);
        offer(builder, static_cast<std::uint16_t>(i), at + page - 2, "ab" + std::to_string(i % 10U), at + 8);
        use(builder, i);
        BlockSession::invalidate(builder, at, 2 * page);
    }
    const Report report = replay();
    EXPECT_EQ(report.divergence_count, 0U) << to_text(report);
    EXPECT_EQ(report.chains_completed, 200U);
    EXPECT_EQ(report.replies_compared, 401U);
    EXPECT_EQ(report.chains_skipped, 0U);
    EXPECT_EQ(device->read.substr(0, 9), "ab0ab1ab2");
    EXPECT_EQ(device->read.size(), 600U);
}

TEST_F(TranslatedReplay, ADeviceMayAskSoonerThanTheRecordedOneAndInAnotherOrder) {
    begin(builder);
    start_queue(builder);
    builder.set(Request::SET_VRING_ENABLE, 0, 1);
    // The recorded device asked for the ring last, and did nothing before the answer.
    for (std::uint64_t i = 0; i < 4; ++i) {
        BlockSession::translate(builder, iova + i * page, guest + i * page, page);
    }
    translate_ring(builder);
    offer(builder, 0, iova, "first", iova + page);
    offer(builder, 1, iova + 2 * page, "second", iova + 3 * page);
    use(builder, 0);
    use(builder, 1);
    device->asked_first = {iova + 3 * page + 17, iova + 5, iova + 2 * page};
    const Report report = replay();
    EXPECT_EQ(report.divergence_count, 0U) << to_text(report);
    EXPECT_EQ(report.chains_completed, 2U);
    EXPECT_EQ(report.replies_compared, 5U) << "of the recorded updates, and of no others";
    EXPECT_GT(report.translations_answered, 0U);
    EXPECT_EQ(device->updates, 5 + report.translations_answered);
    EXPECT_EQ(device->read, "firstsecond");
}

// Of write-only chains a trace may tell before it tells of their translation.
TEST_F(TranslatedReplay, AMissIsAnsweredByWhatIsStillToCome) {
    begin(builder);
    start_queue(builder);
    translate_ring(builder);
    for (std::uint16_t i = 0; i < 2; ++i) {
        builder.chains(0, {available_entry(i, i, {{iova + i * page, 1, 2, 0}}, {})});
    }
    builder.chains(0, {used_entry(0, 0, literal(Bytes(1)))});  // waits for the device
    BlockSession::translate(builder, iova, guest, 2 * page);
    builder.chains(0, {used_entry(1, 1, literal(Bytes(1)))});
    const Report report = replay();
    EXPECT_EQ(report.divergence_count, 0U) << to_text(report);
    EXPECT_EQ(report.chains_completed, 2U);
    EXPECT_EQ(report.chains_not_filled, 0U);
}

TEST_F(TranslatedReplay, QuestionsThatWantAnAnswerGetOneAfterTheUpdate) {
    begin(builder);
    start_queue(builder);
    translate_ring(builder);
    offer(builder, 0, iova, "text", iova + 4);
    BlockSession::translate(builder, iova, guest, page);
    use(builder, 0);
    device->wants_answers = true;
    device->also = {miss(nowhere), {iova, 0, 0, 1, Iotlb::access_fail}, {iova, 0, 0, 1, 77}};
    const Report report = replay();
    EXPECT_EQ(report.chains_completed, 1U) << to_text(report);
    ASSERT_GT(device->answers.size(), 3U);
    EXPECT_THAT(std::vector(device->answers.begin(), device->answers.begin() + 3), Each(Eq(1U)));
    EXPECT_EQ(std::count(device->answers.begin(), device->answers.end(), 0), report.translations_answered);
}

TEST_F(TranslatedReplay, AnAddressThatTheTraceDoesNotKnowIsADivergenceAndNoHang) {
    begin(builder);
    start_queue(builder);
    translate_ring(builder);
    offer(builder, 0, iova, "text", iova + 4);
    use(builder, 0);
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
        begin(builder);
        start_queue(builder);
        for (const Iotlb& question : questions) {
            if (recorded) {
                ask(builder, question);
            }
        }
        translate_ring(builder);
        device.emplace();
        device->also = questions;
        const Report report = replay();
        EXPECT_EQ(report.divergence_count, recorded ? 0U : 2U) << to_text(report);
        EXPECT_EQ(report.replies_compared, 1U);
    }
}

TEST_F(TranslatedReplay, ARingOfWhichNobodyToldIsNoDivergence) {
    begin(builder);
    start_queue(builder);
    ask(builder, miss(BlockSession::iova_ring));
    ask(builder, miss(BlockSession::iova_ring + page));
    BlockSession::stop_queue(builder, 0, 0);
    const Report report = replay();
    EXPECT_EQ(report.divergence_count, 0U) << to_text(report);
    EXPECT_EQ(report.replies_compared, 1U);
    EXPECT_EQ(report.back_end.state, BackEndOutcome::State::alive);
}

TEST_F(TranslatedReplay, BuffersThatTheDeviceFillsByItselfMayBeUnknown) {
    begin(builder);
    start_queue(builder);
    translate_ring(builder);
    BlockSession::translate(builder, iova, guest, page);
    for (std::uint16_t i = 0; i < 3; ++i) {
        builder.chains(0, {available_entry(i, i, {{iova + i * page, 64, 2, 0}}, {})});
    }
    builder.chains(0, {used_entry(0, 0, literal(Bytes(1)))});
    BlockSession::stop_queue(builder, 0, 1);
    const Report report = replay();
    EXPECT_EQ(report.divergence_count, 0U) << to_text(report);
    EXPECT_EQ(report.chains_completed, 1U);
    EXPECT_EQ(report.translations_unknown, 1U);
    EXPECT_THAT(to_text(report), ::testing::HasSubstr("pages of which the back-end wants to know"));
}

TEST_F(TranslatedReplay, AQueueThatStartsAgainAsksAgain) {
    begin(builder);
    start_queue(builder);
    translate_ring(builder);
    BlockSession::translate(builder, iova, guest, page);
    offer(builder, 0, iova, "before", iova + 100);
    use(builder, 0);
    BlockSession::stop_queue(builder, 0, 1);
    start_queue(builder, 1);
    translate_ring(builder);
    BlockSession::translate(builder, iova, guest + 8 * page, page);  // elsewhere now
    offer(builder, 1, iova, "after", iova + 100);
    use(builder, 1);
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
